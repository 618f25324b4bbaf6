package safetensors

import (
	"context"
	"io"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Limits of the format (safetensors/src/tensor.rs: N_LEN, MAX_HEADER_SIZE).
const (
	prefixLen    = 8
	maxHeaderLen = 100_000_000
)

const metadataKey = "__metadata__"

// rawTensor is one tensor of a header as it stands in the file. It is valid until the
// next one is parsed.
type rawTensor struct {
	key   string
	dtype string
	shape tensor.Shape
	begin int64 // data_offsets
	end   int64
}

// parser reads the header of a file. It checks the grammar; what the numbers mean is
// the business of tensor, which gets the tensors in the order of the file.
type parser struct {
	scanner
	tensor func(*rawTensor) error
	keep   func(key, value []byte) bool // whether a member of the metadata is kept; nil: all are

	metadata map[string]string
	seenMeta bool

	// Of the tensor being parsed:
	name, dtype, field, text []byte
	raw                      rawTensor
	have                     int // fields so far
	offsets                  int // numbers in data_offsets so far

	// Method values, made once.
	onField, onLength, onOffset func() error
}

// parseHeader parses the header in the bytes [8, 8+n) of r and returns its metadata, of which
// keep may refuse members.
func parseHeader(ctx context.Context, r io.ReaderAt, path string, n int64, each func(*rawTensor) error, keep func(key, value []byte) bool) (map[string]string, error) {
	p := &parser{scanner: newScanner(ctx, r, path, prefixLen, prefixLen+n), tensor: each, keep: keep}
	p.onField, p.onLength, p.onOffset = p.parseField, p.parseLength, p.parseOffset
	if err := p.object(&p.name, p.parseMember); err != nil {
		return nil, err
	}
	p.key = nil
	return p.metadata, p.finish()
}

// parseMember parses a member of the header: a tensor, or the metadata.
func (p *parser) parseMember() error {
	p.key = p.name
	if string(p.name) == metadataKey {
		return p.parseMetadata()
	}
	return p.parseTensor()
}

// parseMetadata parses the metadata; null stands for none.
func (p *parser) parseMetadata() error {
	if p.seenMeta {
		return p.errorf("duplicate key")
	}
	p.seenMeta = true
	if c, err := p.peek(); err != nil {
		return err
	} else if c == 'n' {
		return p.literal("null")
	}
	p.metadata = map[string]string{}
	return p.object(&p.field, func() (err error) {
		if p.text, err = p.str(p.text[:0], "a string"); err != nil {
			return err
		}
		if _, found := p.metadata[string(p.field)]; found {
			return p.errorf("duplicate key %q", p.field)
		}
		if p.keep == nil || p.keep(p.field, p.text) {
			p.metadata[string(p.field)] = string(p.text)
		} else {
			clear(p.metadata)
		}
		return nil
	})
}

// The fields of a tensor; others are skipped.
const (
	hasDType = 1 << iota
	hasShape
	hasOffsets
)

var fieldNames = [...]struct {
	name string
	bit  int
}{{"dtype", hasDType}, {"shape", hasShape}, {"data_offsets", hasOffsets}}

func (p *parser) parseTensor() error {
	p.have = 0
	if err := p.object(&p.field, p.onField); err != nil {
		return err
	}
	for _, f := range fieldNames {
		if p.have&f.bit == 0 {
			return p.errorf("the tensor has no %q", f.name)
		}
	}
	if p.raw.begin > p.raw.end {
		return p.errorf("data_offsets [%d, %d] are in the wrong order", p.raw.begin, p.raw.end)
	}
	p.raw.key, p.raw.dtype = alias(p.name), alias(p.dtype)
	return p.tensor(&p.raw)
}

// alias returns b as a string without copying it; it is valid until b changes.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func (p *parser) parseField() (err error) {
	for _, f := range fieldNames {
		if string(p.field) != f.name {
			continue
		}
		if p.have&f.bit != 0 {
			return p.errorf("duplicate %q", f.name)
		}
		p.have |= f.bit
		switch f.bit {
		case hasDType:
			p.dtype, err = p.str(p.dtype[:0], "a string")
		case hasShape:
			p.raw.shape = p.raw.shape[:0]
			err = p.array(p.onLength)
		case hasOffsets:
			p.offsets = 0
			if err = p.array(p.onOffset); err == nil && p.offsets != 2 {
				err = p.errorf("data_offsets has %d numbers, expected 2", p.offsets)
			}
		}
		return err
	}
	return p.value(0)
}

func (p *parser) parseLength() error {
	n, err := p.whole()
	if err == nil {
		p.raw.shape = append(p.raw.shape, n)
	}
	return err
}

func (p *parser) parseOffset() error {
	n, err := p.whole()
	p.offsets++
	switch p.offsets {
	case 1:
		p.raw.begin = n
	case 2:
		p.raw.end = n
	}
	return err
}
