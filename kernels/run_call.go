package kernels

import (
	"fmt"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// RunCall runs a GoFunc on host memory. It fails if the spans do not match, if the
// function fails, or if it panics (a user's function must not end the program); the
// error names the function.
func RunCall(c *Call) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%v", p)
		}
		if err != nil {
			err = &tensor.Error{Class: tensor.ClassOf(err), Err: fmt.Errorf("function %q: %w", c.Func.Name, err)}
		}
	}()
	dst, err := floats(c.Dst, c.Dst.Len)
	if err != nil {
		return fmt.Errorf("destination: %w", err)
	}
	src := make([][]float32, len(c.Src))
	for i, s := range c.Src {
		if src[i], err = floats(s, c.Dst.Len); err != nil {
			return fmt.Errorf("source %d: %w", i, err)
		}
	}
	if c.Func.Cut == CutRows && (c.Cols < 1 || int64(len(dst))%c.Cols != 0) {
		return fmt.Errorf("%d elements are not whole rows of %d", len(dst), c.Cols)
	}
	return c.Func.Fn(dst, src, int(c.Cols))
}

// floats returns a span of n bytes as float32 elements, in place.
func floats(s Span, n int64) ([]float32, error) {
	if n == 0 {
		return nil, nil
	}
	if err := s.check(n); err != nil {
		return nil, err
	}
	if s.Len != n || n%4 != 0 || s.Off+n > int64(len(s.Mem.Host)) {
		return nil, fmt.Errorf("%d bytes of host memory, expected %d and whole float32 elements", s.Len, n)
	}
	b := unsafe.Pointer(&s.Mem.Host[s.Off])
	if uintptr(b)%4 != 0 {
		return nil, fmt.Errorf("not aligned to 4 bytes")
	}
	return unsafe.Slice((*float32)(b), n/4), nil
}
