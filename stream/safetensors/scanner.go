package safetensors

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// blockSize is how much is read, and written, of a header at once.
const blockSize = 64 << 10

// maxDepth is how deep values may be nested that are skipped: serde_json's limit.
const maxDepth = 128

// scanner reads JSON (RFC 8259) from a range of a file, token by token, one block at a
// time. Strings must be valid UTF-8 and have no lone surrogates. Its errors name the
// file and the byte in it.
type scanner struct {
	ctx  context.Context
	r    io.ReaderAt
	path string
	key  []byte // the key that errors name; nil: none
	buf  []byte
	i    int   // buf[i:] was not consumed
	next int64 // position in the file of what follows buf
	end  int64 // position in the file of the end of the range
	skip []byte
}

// newScanner returns a scanner of the bytes [start, end) of r.
func newScanner(ctx context.Context, r io.ReaderAt, path string, start, end int64) scanner {
	return scanner{ctx: ctx, r: r, path: path, next: start, end: end}
}

// fill makes sure that there is a byte to consume. It returns false at the end.
func (s *scanner) fill() (bool, error) {
	if s.i < len(s.buf) {
		return true, nil
	}
	if s.next >= s.end {
		return false, nil
	}
	if err := cancelled(s.ctx); err != nil {
		return false, err
	}
	if s.buf == nil {
		s.buf = make([]byte, min(blockSize, s.end-s.next))
	}
	s.buf = s.buf[:min(int64(cap(s.buf)), s.end-s.next)]
	s.i = 0
	if err := vfs.ReadFull(s.r, s.buf, s.next); err != nil {
		s.buf = s.buf[:0]
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return false, invalid(s.path, "", "the file became shorter while it was read")
		}
		return false, readError(s.path, err)
	}
	s.next += int64(len(s.buf))
	return true, nil
}

// peek skips whitespace and returns the next byte, or 0 at the end.
func (s *scanner) peek() (byte, error) {
	for {
		for ; s.i < len(s.buf); s.i++ {
			switch c := s.buf[s.i]; c {
			case ' ', '\t', '\n', '\r':
			default:
				return c, nil
			}
		}
		if ok, err := s.fill(); !ok {
			return 0, err
		}
	}
}

// expect consumes the byte c after whitespace.
func (s *scanner) expect(c byte, want string) error {
	got, err := s.peek()
	if err != nil {
		return err
	}
	if got != c {
		return s.fail(want)
	}
	s.i++
	return nil
}

// fail says that want was expected where the scanner stands.
func (s *scanner) fail(want string) error {
	ok, err := s.fill()
	if err != nil {
		return err
	}
	e := s.errorf("the JSON is not valid at byte %d", s.next-int64(len(s.buf)-s.i))
	e.Want, e.Got = want, "the end"
	if ok {
		if e.Got = fmt.Sprintf("%q", s.buf[s.i]); s.buf[s.i] >= utf8.RuneSelf {
			e.Got = fmt.Sprintf("the byte %#x", s.buf[s.i])
		}
	}
	return e
}

func (s *scanner) errorf(format string, args ...any) *tensor.Error {
	return invalid(s.path, string(s.key), format, args...)
}

// object consumes an object. For every member it stores the name in *name and calls
// member, which consumes the value.
func (s *scanner) object(name *[]byte, member func() error) error {
	if err := s.expect('{', "an object"); err != nil {
		return err
	}
	return s.list('}', func() (err error) {
		if *name, err = s.str((*name)[:0], "a name in quotes"); err != nil {
			return err
		}
		if err := s.expect(':', "':'"); err != nil {
			return err
		}
		return member()
	})
}

// array consumes an array and calls element for each of its values.
func (s *scanner) array(element func() error) error {
	if err := s.expect('[', "an array"); err != nil {
		return err
	}
	return s.list(']', element)
}

// list consumes elements with commas between them, and the closing bracket.
func (s *scanner) list(closing byte, element func() error) error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c == closing {
		s.i++
		return nil
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch c, err = s.peek(); {
		case err != nil:
			return err
		case c == closing:
			s.i++
			return nil
		case c != ',':
			return s.fail(fmt.Sprintf("',' or '%c'", closing))
		}
		s.i++
	}
}

// whole consumes a whole number that an int64 holds and that is not negative.
func (s *scanner) whole() (int64, error) {
	c, err := s.peek()
	if err != nil {
		return 0, err
	}
	if c < '0' || c > '9' {
		return 0, s.fail("a whole number")
	}
	n, digits := int64(0), 0
	for {
		ok, err := s.fill()
		if err != nil {
			return 0, err
		}
		if !ok {
			return n, nil
		}
		switch c := s.buf[s.i]; {
		case c >= '0' && c <= '9':
			d := int64(c - '0')
			if digits > 0 && n == 0 {
				return 0, s.fail("a number without leading zeros")
			}
			if n > (math.MaxInt64-d)/10 {
				return 0, s.errorf("a number is larger than %d", int64(math.MaxInt64))
			}
			n = 10*n + d
			digits++
		case c == '.' || c == 'e' || c == 'E':
			return 0, s.fail("a whole number")
		default:
			return n, nil
		}
		s.i++
	}
}

// plain holds the bytes that stand for themselves in a string and are ASCII.
var plain = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// str consumes a string and appends it, decoded, to dst.
func (s *scanner) str(dst []byte, want string) ([]byte, error) {
	if err := s.expect('"', want); err != nil {
		return dst, err
	}
	start, high := len(dst), false
	for {
		ok, err := s.fill()
		if err != nil {
			return dst, err
		}
		if !ok {
			return dst, s.fail("'\"'")
		}
		run := s.i
		for s.i < len(s.buf) && plain[s.buf[s.i]] {
			s.i++
		}
		dst = append(dst, s.buf[run:s.i]...)
		if s.i == len(s.buf) {
			continue
		}
		switch c := s.buf[s.i]; {
		case c == '"':
			s.i++
			if high && !utf8.Valid(dst[start:]) {
				return dst, s.errorf("a string before byte %d is not valid UTF-8", s.next-int64(len(s.buf)-s.i))
			}
			return dst, nil
		case c == '\\':
			s.i++
			if dst, err = s.escape(dst); err != nil {
				return dst, err
			}
		case c >= utf8.RuneSelf:
			// Checked when the string is complete: a block may end inside a rune.
			high = true
			dst = append(dst, c)
			s.i++
		default:
			return dst, s.fail("control characters to be escaped")
		}
	}
}

// escapes maps the letter of a short escape to its byte.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape consumes what follows a backslash.
func (s *scanner) escape(dst []byte) ([]byte, error) {
	ok, err := s.fill()
	if err != nil {
		return dst, err
	}
	if !ok || s.buf[s.i] != 'u' && escapes[s.buf[s.i]] == 0 {
		return dst, s.fail("an escape of JSON")
	}
	c := s.buf[s.i]
	s.i++
	if c != 'u' {
		return append(dst, escapes[c]), nil
	}
	r, err := s.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return utf8.AppendRune(dst, r), err
	}
	for _, c := range []byte(`\u`) {
		if ok, err := s.fill(); err != nil || !ok || s.buf[s.i] != c {
			return dst, errors.Join(err, s.fail("the second half of a surrogate pair"))
		}
		s.i++
	}
	low, err := s.hex4()
	if err != nil {
		return dst, err
	}
	if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
		return dst, s.errorf("the surrogates before byte %d are not a pair", s.next-int64(len(s.buf)-s.i))
	}
	return utf8.AppendRune(dst, r), nil
}

// hex4 consumes the four digits of a \u escape.
func (s *scanner) hex4() (rune, error) {
	var r rune
	for range 4 {
		ok, err := s.fill()
		if err != nil {
			return 0, err
		}
		d := rune(-1)
		if ok {
			d = hexDigit(s.buf[s.i])
		}
		if d < 0 {
			return 0, s.fail("four hexadecimal digits")
		}
		r = r<<4 | d
		s.i++
	}
	return r, nil
}

func hexDigit(c byte) rune {
	switch {
	case c >= '0' && c <= '9':
		return rune(c - '0')
	case c >= 'a' && c <= 'f':
		return rune(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return rune(c-'A') + 10
	}
	return -1
}

// finish checks that only whitespace is left.
func (s *scanner) finish() error {
	c, err := s.peek()
	if err != nil {
		return err
	}
	if c != 0 || s.i < len(s.buf) {
		return s.fail("nothing after the last '}'")
	}
	return nil
}
