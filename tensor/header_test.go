package tensor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// reference is a header as one would write it without regard to memory.
type reference struct {
	entries []Entry
	names   []string // of element types
}

func (r *reference) find(key string) int {
	return slices.IndexFunc(r.entries, func(e Entry) bool { return e.Key == key })
}

func TestHeaderAgreesWithASliceOfEntries(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		h, ref := NewHeader(0), &reference{}
		for range rng.IntN(3000) {
			key := strings.Repeat("k", rng.IntN(40)) + fmt.Sprint(rng.IntN(4000))
			if rng.IntN(200) == 0 {
				key = strings.Repeat("long", rng.IntN(60000)) + key
			}
			if rng.IntN(500) == 0 {
				h.Grow(rng.IntN(500))
			}
			shape := Shape{rng.Int64N(4), 2 * rng.Int64N(3)}[:rng.IntN(3)]
			pos := rng.Int64N(1000)
			d := DTypes()[4+rng.IntN(18)]
			name, size := d.String(), int64(7)
			var err error
			if rng.IntN(10) == 0 {
				d, name = InvalidDType, fmt.Sprintf("X%d", rng.IntN(5))
				err = h.AddUnknown(key, name, shape, pos, size)
			} else {
				size = shape.N() * d.Size()
				err = h.Add(key, d, shape, pos)
			}
			if known := ref.find(key) >= 0; known != (err != nil) {
				t.Fatalf("key %.50q: error %v", key, err)
			}
			if err == nil {
				ref.entries = append(ref.entries, Entry{key, d, slices.Clone(shape), pos, size})
				ref.names = append(ref.names, name)
			}
		}
		compareHeaders(t, h, ref)
	}
}

func compareHeaders(t *testing.T, h *Header, ref *reference) {
	t.Helper()
	if h.Len() != len(ref.entries) {
		t.Fatalf("%d entries, want %d", h.Len(), len(ref.entries))
	}
	for i, want := range ref.entries {
		got := h.At(i)
		if got.Key != want.Key || got.DType != want.DType || !got.Shape.Equal(want.Shape) || got.Pos != want.Pos || got.Size != want.Size {
			t.Fatalf("entry %d is %.200v, want %.200v", i, got, want)
		}
		if h.DTypeName(i) != ref.names[i] {
			t.Fatalf("element type %q, want %q", h.DTypeName(i), ref.names[i])
		}
		if at, found := h.Lookup(want.Key); !found || at != i {
			t.Fatalf("key %.50q is at %d, %v, want %d", want.Key, at, found, i)
		}
	}
	if _, found := h.Lookup("absent"); found {
		t.Fatal("an absent key was found")
	}
}

func TestSortByPosSortsFromAnIndexOnAndKeepsTheRest(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 50 {
		h, ref := NewHeader(0), &reference{}
		for i := range n * 50 {
			key, shape, pos := fmt.Sprint("k", i), Shape{rng.Int64N(2)}, rng.Int64N(int64(n*20))
			if err := h.Add(key, U8, shape, pos); err != nil {
				t.Fatal(err)
			}
			ref.entries = append(ref.entries, Entry{key, U8, shape, pos, shape[0]})
			ref.names = append(ref.names, "U8")
		}
		first := rng.IntN(h.Len() + 1)
		h.SortByPos(first)
		slices.SortStableFunc(ref.entries[first:], func(a, b Entry) int {
			if a.Pos != b.Pos {
				return int(a.Pos - b.Pos)
			}
			return int(a.Size - b.Size)
		})
		compareHeaders(t, h, ref)
	}
}

func TestHeaderRefusesWhatItCannotHold(t *testing.T) {
	h := NewHeader(0)
	for want, err := range map[string]error{
		"is not an element type":          h.Add("k", InvalidDType, nil, 0),
		"DType(200)":                      h.Add("k", 200, nil, 0),
		"negative length":                 h.Add("k", U8, Shape{-1}, 0),
		"256 axes, at most 255":           h.Add("k", U8, make(Shape, 256), 0),
		"does not fill whole bytes":       h.Add("k", F4, Shape{1}, 0),
		`key "k": shape [-1] has the neg`: h.AddUnknown("k", "X", Shape{-1}, 0, 0),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || ClassOf(err) != ClassInput {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for i := range maxUnknown {
		if err := h.AddUnknown(fmt.Sprint(i), fmt.Sprint("X", i), nil, 0, 0); err != nil {
			t.Fatal(err)
		}
	}
	if h.AddUnknown("more", "Y", nil, 0, 0) == nil {
		t.Error("the 129th unknown element type was accepted")
	}
	if err := h.AddUnknown("again", "X127", nil, 0, 0); err != nil || h.DTypeName(h.Len()-1) != "X127" || h.Len() != maxUnknown+1 {
		t.Errorf("a known unknown type: %v", err)
	}
}

func TestMoreShapesThanAreInternedAreKept(t *testing.T) {
	h := NewHeader(0)
	for i := range int64(3 * maxInterned) {
		if err := h.Add(fmt.Sprint(i), U8, Shape{i % (2 * maxInterned), 1}, 0); err != nil {
			t.Fatal(err)
		}
	}
	for i := range h.Len() {
		if got := h.At(i).Shape; got[0] != int64(i%(2*maxInterned)) || got[1] != 1 {
			t.Fatalf("shape %v of entry %d", got, i)
		}
	}
}

func TestAHeaderThatIsNilOrEmptyHasNothing(t *testing.T) {
	var none *Header
	for _, h := range []*Header{none, NewHeader(0), NewHeader(1000)} {
		if _, found := h.Lookup("k"); found || h.Len() != 0 || h.DataSize() != 0 {
			t.Error("it has something")
		}
	}
}

func TestAHeaderTakesAbout45BytesPerEntryAndTheKey(t *testing.T) {
	h, keys := NewHeader(0), 0
	for i := range 30_000 {
		key := fmt.Sprintf("model.layers.%d.mlp.experts.%d.weight", i/100, i%100)
		keys += len(key)
		if err := h.Add(key, F16, Shape{int64(i % 7), 1}, 0); err != nil {
			t.Fatal(err)
		}
	}
	if got := (h.MemoryBytes() - int64(keys)) / 30_000; got > 50 {
		t.Errorf("%d bytes per entry", got)
	}
}

func TestArrangePutsEntriesInFileOrderWithoutGaps(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for n := range 50 {
		h, ref := NewHeader(0), &reference{}
		for i := range n * 50 {
			d := DTypes()[4+rng.IntN(18)]
			key, shape := fmt.Sprint("k", rng.IntN(1000), "-", i), Shape{rng.Int64N(9)}
			if err := h.Add(key, d, shape, rng.Int64N(99)); err != nil {
				t.Fatal(err)
			}
			ref.entries = append(ref.entries, Entry{key, d, shape, 0, shape[0] * d.Size()})
		}
		h.Arrange()
		slices.SortFunc(ref.entries, FileOrder)
		pos := int64(0)
		for i := range ref.entries {
			e := &ref.entries[i]
			e.Pos = pos
			pos += e.Size
			ref.names = append(ref.names, e.DType.String())
		}
		compareHeaders(t, h, ref)
	}
}

// What a header takes can be told from the number of its entries and the length of its keys.
func TestHeaderBytesIsWhatAHeaderTakes(t *testing.T) {
	h, keyBytes := NewHeader(0), 0
	for i := range 200_000 {
		if i%997 == 0 && i > 5000 {
			got, want := HeaderBytes(i, int64(keyBytes)), h.MemoryBytes()
			if diff := got - want; diff < -want/100 || diff > want/10 {
				t.Fatalf("%d entries: %d bytes, the header has %d", i, got, want)
			}
		}
		key := fmt.Sprintf("model.layers.%d.mlp.experts.%d.weight", i/100, i%100)
		keyBytes += len(key)
		if err := h.Add(key, F16, Shape{2, 1}, 0); err != nil {
			t.Fatal(err)
		}
	}
}
