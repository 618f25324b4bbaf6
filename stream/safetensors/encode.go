package safetensors

import (
	"encoding/binary"
	"iter"
	"maps"
	"slices"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// kept yields the entries of h that are not in drop (ascending), with the positions
// that they have once the others are gone.
func kept(h *tensor.Header, drop []int) iter.Seq[tensor.Entry] {
	return func(yield func(tensor.Entry) bool) {
		at := int64(0)
		for i := range h.Len() {
			if len(drop) > 0 && drop[0] == i {
				drop = drop[1:]
				continue
			}
			e := h.At(i)
			e.Pos = at
			at += e.Size
			if !yield(e) {
				return
			}
		}
	}
}

// encoder writes the bytes of a header to emit, one block at a time.
type encoder struct {
	emit func(block []byte) error
	buf  []byte
	n    int64 // bytes so far
	err  error
}

// encode writes the JSON of a header without the dropped entries to emit and returns
// its length. Members stand in the order of the file, and metadata sorted, so that the
// same layout gives the same bytes.
func encode(h *tensor.Header, drop []int, emit func(block []byte) error) (int64, error) {
	e := &encoder{emit: emit, buf: make([]byte, 0, blockSize)}
	e.text("{")
	comma := ""
	if len(h.Metadata) > 0 {
		e.metadata(h.Metadata)
		comma = ","
	}
	for t := range kept(h, drop) {
		e.text(comma)
		e.entry(t)
		comma = ","
		if e.err != nil {
			break
		}
	}
	e.text("}")
	e.flush()
	return e.n, e.err
}

func (e *encoder) metadata(m map[string]string) {
	e.quoted(metadataKey)
	e.text(":{")
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			e.text(",")
		}
		e.quoted(k)
		e.text(":")
		e.quoted(m[k])
	}
	e.text("}")
}

func (e *encoder) entry(t tensor.Entry) {
	e.quoted(t.Key)
	e.text(`:{"dtype":"`)
	e.text(t.DType.String())
	e.text(`","shape":[`)
	for i, d := range t.Shape {
		if i > 0 {
			e.text(",")
		}
		e.number(d)
	}
	e.text(`],"data_offsets":[`)
	e.number(t.Pos)
	e.text(",")
	e.number(t.Pos + t.Size)
	e.text("]}")
}

// reserve makes room for n bytes in the block.
func (e *encoder) reserve(n int) {
	if len(e.buf)+n > blockSize {
		e.flush()
	}
}

func (e *encoder) flush() {
	if e.err == nil && len(e.buf) > 0 {
		e.err = e.emit(e.buf)
	}
	e.n += int64(len(e.buf))
	e.buf = e.buf[:0]
}

// text writes a short text as it is.
func (e *encoder) text(s string) {
	e.reserve(len(s))
	e.buf = append(e.buf, s...)
}

func (e *encoder) number(n int64) {
	e.reserve(20)
	e.buf = strconv.AppendInt(e.buf, n, 10)
}

// quoted writes a string in quotes. All that is not printable ASCII is escaped.
func (e *encoder) quoted(s string) {
	e.text(`"`)
	for len(s) > 0 {
		run := 0
		for run < min(len(s), blockSize) && plain[s[run]] {
			run++
		}
		e.text(s[:run])
		if s = s[run:]; len(s) > 0 && run < blockSize {
			r, n := utf8.DecodeRuneInString(s)
			e.escaped(r)
			s = s[n:]
		}
	}
	e.text(`"`)
}

// escaped writes a rune as one or two escapes.
func (e *encoder) escaped(r rune) {
	e.reserve(12)
	switch {
	case r == '"' || r == '\\':
		e.buf = append(e.buf, '\\', byte(r))
	case r > 0xffff:
		high, low := utf16.EncodeRune(r)
		e.unit(high)
		e.unit(low)
	default:
		e.unit(r)
	}
}

// unit writes a UTF-16 unit as an escape.
func (e *encoder) unit(r rune) {
	const hex = "0123456789abcdef"
	e.buf = append(e.buf, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// headerLength returns N for a header whose JSON has the given length: the next
// multiple of 8, so that the data section is aligned.
func headerLength(json int64) int64 { return (json + 7) &^ 7 }

// writeHeader writes the length n, the JSON without the dropped entries, and spaces up
// to n, through write, which takes a position in the file.
func writeHeader(h *tensor.Header, drop []int, n int64, write func(p []byte, at int64) error) error {
	if err := write(binary.LittleEndian.AppendUint64(nil, uint64(n)), 0); err != nil {
		return err
	}
	at := int64(prefixLen)
	emit := func(p []byte) error {
		err := write(p, at)
		at += int64(len(p))
		return err
	}
	if _, err := encode(h, drop, emit); err != nil {
		return err
	}
	spaces := slices.Repeat([]byte{' '}, int(min(blockSize, prefixLen+n-at)))
	for at < prefixLen+n {
		if err := emit(spaces[:min(blockSize, prefixLen+n-at)]); err != nil {
			return err
		}
	}
	return nil
}
