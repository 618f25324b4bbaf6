package recipe

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
)

// Digest is the SHA-256 of the canonical encoding of a node: kind, content, digests of the
// nodes below it, and hints. The order of the entries of a literal does not count; 1, 1.0
// and true differ.
type Digest [sha256.Size]byte

// String returns the first 16 hexadecimal digits.
func (d Digest) String() string { return hex.EncodeToString(d[:8]) }

// encoding is a sequence of fields that cannot be taken for another one: every field has a
// tag or a length before it.
type encoding []byte

func (b *encoding) number(n uint64) { *b = binary.LittleEndian.AppendUint64(*b, n) }

func (b *encoding) text(s string) {
	b.number(uint64(len(s)))
	*b = append(*b, s...)
}

func (b *encoding) value(v methods.Value) {
	*b = append(*b, 'v', byte(v.Kind))
	switch v.Kind {
	case methods.BoolValue:
		if v.B {
			b.number(1)
		} else {
			b.number(0)
		}
	case methods.IntValue:
		b.number(uint64(v.I))
	case methods.FloatValue:
		b.number(math.Float64bits(v.F))
	case methods.StringValue, methods.BigIntValue:
		b.text(v.S)
	}
}

func (b *encoding) node(e *Expr) {
	*b = append(*b, 'n')
	*b = append(*b, e.digest[:]...)
}

// seal computes the digest of a node that is complete.
func (e *Expr) seal() *Expr {
	b := encoding("mecha-gpu node 1\x00")
	switch e.kind {
	case ModelNode:
		b = append(b, 'M')
		b.text(CleanPath(e.path))
	case LiteralNode:
		b = append(b, 'L')
		b.literal(e.entries)
	case MergeNode:
		b = append(b, 'G')
		b.text(e.method.ID)
		for i, list := range e.args {
			b.text(e.method.Params[i].Name)
			b.number(uint64(len(list)))
			for _, a := range list {
				b.node(a)
			}
		}
	}
	b.text(e.hints.Config)
	b.text(string(e.hints.Space))
	e.digest = sha256.Sum256(b)
	return e
}

func (b *encoding) literal(entries []Entry) {
	sorted := make([]*Entry, len(entries))
	for i := range entries {
		sorted[i] = &entries[i]
	}
	slices.SortFunc(sorted, func(x, y *Entry) int { return strings.Compare(x.Key, y.Key) })
	b.number(uint64(len(entries)))
	for _, x := range sorted {
		b.text(x.Key)
		if x.Node != nil {
			b.node(x.Node)
		} else {
			b.value(x.Value)
		}
	}
}
