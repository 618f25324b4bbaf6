package safetensors

// CloseFirst makes the sink work as on a system that cannot rename an open file, or as
// on one that can, whatever this system is.
func (s *Sink) CloseFirst(yes bool) { s.closeFirst = yes }
