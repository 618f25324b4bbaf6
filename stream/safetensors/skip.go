package safetensors

// value consumes any value and ignores it; depth is how deep it is nested.
func (s *scanner) value(depth int) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if depth > maxDepth {
		return s.errorf("values are nested more than %d deep", maxDepth)
	}
	switch c {
	case '{':
		return s.object(&s.skip, func() error { return s.value(depth + 1) })
	case '[':
		return s.array(func() error { return s.value(depth + 1) })
	case '"':
		s.skip, err = s.str(s.skip[:0], "a string")
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	}
	return s.number()
}

// literal consumes the given word.
func (s *scanner) literal(word string) error {
	for i := range len(word) {
		if ok, err := s.fill(); err != nil {
			return err
		} else if !ok || s.buf[s.i] != word[i] {
			return s.fail(word)
		}
		s.i++
	}
	return nil
}

// number consumes any number: -? int frac? exp?
func (s *scanner) number() error {
	if _, err := s.accept("-"); err != nil {
		return err
	}
	zero, err := s.accept("0")
	if err != nil {
		return err
	}
	if !zero {
		if err := s.digits("a value"); err != nil {
			return err
		}
	}
	dot, err := s.accept(".")
	if err != nil {
		return err
	}
	if dot {
		if err := s.digits("a digit"); err != nil {
			return err
		}
	}
	exp, err := s.accept("eE")
	if err != nil || !exp {
		return err
	}
	if _, err := s.accept("+-"); err != nil {
		return err
	}
	return s.digits("a digit")
}

// digits consumes one or more digits.
func (s *scanner) digits(want string) error {
	for n := 0; ; n++ {
		ok, err := s.accept("0123456789")
		if err != nil {
			return err
		}
		if !ok {
			if n == 0 {
				return s.fail(want)
			}
			return nil
		}
	}
}

// accept consumes the next byte if it is one of set.
func (s *scanner) accept(set string) (bool, error) {
	ok, err := s.fill()
	if err != nil || !ok {
		return false, err
	}
	for i := range len(set) {
		if s.buf[s.i] == set[i] {
			s.i++
			return true, nil
		}
	}
	return false, nil
}
