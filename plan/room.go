package plan

// collectorShare is the part of the headers that is planned on top of them: the garbage that
// may lie around before it is collected. With less the collector hardly stops (three headers of
// 100,000 keys, 2026-11-26).
const collectorShare = 8

// headers returns what headers of n bytes take, garbage included.
func headers(n int64) int64 { return n + n/collectorShare }

// Least returns the host memory that any merge needs whose inputs and recipes take o.Fixed.
func (o *Options) Least() int64 {
	return o.Program + headers(o.Fixed) + plannerBytes + workerBytes + minSlotBytes
}

// Room returns the bytes that o.Fixed can grow by before Least is more than o.MaxRAM; it is
// negative if it is more already.
func (o *Options) Room() int64 {
	return (o.MaxRAM - o.Least()) / (collectorShare + 1) * collectorShare
}
