package safetensors_test

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// The expected bytes are written by hand.
func TestTheBytesOfAFileAreFixed(t *testing.T) {
	ctx := t.Context()
	l := layout(t, []item{{"y", tensor.U8, tensor.Shape{3}}, {"é\"", tensor.F32, tensor.Shape{1, 2}}, {"x", tensor.U8, tensor.Shape{}}},
		map[string]string{"format": "pt", "a": "ü\n🧮"})
	header := `{"__metadata__":{"a":"\u00fc\u000a\ud83e\uddee","format":"pt"},` +
		`"\u00e9\"":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},` +
		`"x":{"dtype":"U8","shape":[],"data_offsets":[8,9]},"y":{"dtype":"U8","shape":[3],"data_offsets":[9,12]}}`
	header += strings.Repeat(" ", 7-(len(header)+7)%8)
	for range 2 {
		fsys := vfs.NewMem()
		check(t, write(ctx, fsys, "/m", l, []byte("ffffffffxyyy"), nil))
		if got, want := get(t, fsys, "/m"), file(header, 0)+"ffffffffxyyy"; got != want {
			t.Errorf("file %q, want %q", got, want)
		}
	}
}

func TestOrderPutsLargeElementsFirst(t *testing.T) {
	var got []string
	entries := []tensor.Entry{}
	for _, d := range tensor.DTypes() {
		entries = append(entries, tensor.Entry{Key: "z", DType: d})
	}
	entries = append(entries, tensor.Entry{Key: "a", DType: tensor.I64}, tensor.Entry{Key: "A", DType: tensor.F4})
	slices.SortStableFunc(entries, tensor.FileOrder)
	for _, e := range entries {
		got = append(got, e.Key+e.DType.String())
	}
	want := "aI64 zC64 zF64 zI64 zU64 zI32 zU32 zF32 zI16 zU16 zF16 zBF16 zBOOL zU8 zI8 zF8_E5M2 zF8_E4M3 zF8_E8M0 zF8_E4M3FNUZ zF8_E5M2FNUZ AF4 zF4 zF6_E2M3 zF6_E3M2"
	if strings.Join(got, " ") != want {
		t.Errorf("order %s\nwant  %s", strings.Join(got, " "), want)
	}
}

func TestDroppedTensorsLeaveNoHole(t *testing.T) {
	l := layout(t, everyDType(), map[string]string{"format": "pt"})
	data := content(3, l.DataSize())
	for seed := range uint64(40) {
		var drop []int
		var want, wantData strings.Builder
		for i, r := range content(seed, int64(l.Len())) {
			e := l.At(i)
			if r%4 == 0 || seed == 39 { // the last run drops all
				drop = append(drop, i)
				continue
			}
			fmt.Fprintf(&want, "%s %s %v %d %d;", e.Key, e.DType, e.Shape, wantData.Len(), e.Size)
			wantData.Write(data[e.Pos : e.Pos+e.Size])
		}
		fsys := vfs.NewMem()
		check(t, write(t.Context(), fsys, "/m", l, data, drop))
		src, err := safetensors.Open(t.Context(), fsys, "/m")
		check(t, err)
		if got := describe(src.Header()); got != want.String() {
			t.Errorf("drop %v: %q, want %q", drop, got, want.String())
		}
		got := make([]byte, wantData.Len())
		check(t, src.ReadAt(got, 0))
		if string(got) != wantData.String() {
			t.Errorf("drop %v: the data differ", drop)
		}
		check(t, write(t.Context(), fsys, "/whole", l, data, nil))
		if n := len(get(t, fsys, "/whole")) - len(data); len(get(t, fsys, "/m")) != n+len(got) || n%8 != 0 {
			t.Errorf("drop %v: the header does not keep its %d bytes", drop, n)
		}
	}
}

func TestCommitFailsWhereBytesAreMissing(t *testing.T) {
	l, _ := small(t)
	fsys := vfs.NewMem()
	s := safetensors.Create(fsys, "/m", safetensors.Options{})
	check(t, s.Begin(t.Context(), l))
	check(t, s.WriteAt([]byte("aab"), 0))
	check(t, s.WriteAt([]byte("c"), 5))
	err := s.Commit(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), `/m: key "b": the bytes from 3 to 5 of the data were never written`) {
		t.Errorf("error %v", err)
	}
	if got := names(t, fsys, "/"); strings.Contains(got, "m ") {
		t.Errorf("files %q", got)
	}
	check(t, s.WriteAt([]byte("bbb"), 2)) // the tensor is computed again
	check(t, s.Commit(t.Context(), nil))
	if got := get(t, fsys, "/m"); !strings.HasSuffix(got, "aabbbc") {
		t.Errorf("file %q", got)
	}
}

func TestWhatIsDroppedNeedNotBeWritten(t *testing.T) {
	l, _ := small(t)
	fsys := vfs.NewMem()
	s := safetensors.Create(fsys, "/m", safetensors.Options{})
	check(t, s.Begin(t.Context(), l))
	check(t, s.WriteAt([]byte("aab"), 0))
	check(t, s.WriteAt([]byte("c"), 5))
	for _, wrong := range [][]int{{3}, {-1}, {1, 1}, {1, 0}} {
		if s.Commit(t.Context(), wrong) == nil {
			t.Fatalf("dropped entries %v were accepted", wrong)
		}
	}
	check(t, s.Commit(t.Context(), []int{1}))
	if got := get(t, fsys, "/m"); !strings.HasSuffix(got, " aac") {
		t.Errorf("file %q", got)
	}
}

func TestWritesComeFromManyGoroutinesInAnyOrder(t *testing.T) {
	l := layout(t, []item{{"a", tensor.U8, tensor.Shape{1000}}}, nil)
	data := content(5, 1000)
	fsys := vfs.NewMem()
	s := safetensors.Create(fsys, "/m", safetensors.Options{})
	check(t, s.Begin(t.Context(), l))
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for at := 990 - 10*w; at >= 0; at -= 80 {
				if err := s.WriteAt(data[at:at+10], int64(at)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	check(t, s.Commit(t.Context(), nil))
	if !strings.HasSuffix(get(t, fsys, "/m"), string(data)) {
		t.Error("the data differ")
	}
}

func TestCallsOutOfOrderFail(t *testing.T) {
	l, data := small(t)
	fsys := vfs.NewMem()
	fails := func(when string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "out of order") {
			t.Errorf("%s: error %v", when, err)
		}
	}
	s := safetensors.Create(fsys, "/m", safetensors.Options{})
	fails("write before Begin", s.WriteAt(data, 0))
	fails("commit before Begin", s.Commit(t.Context(), nil))
	check(t, s.Begin(t.Context(), l))
	fails("second Begin", s.Begin(t.Context(), l))
	for _, pos := range []int64{-1, 1, 6, 7, 1 << 62} {
		if s.WriteAt(data, pos) == nil {
			t.Errorf("a write of all data at %d did not fail", pos)
		}
	}
	check(t, s.WriteAt(data, 0))
	check(t, s.Commit(t.Context(), nil))
	fails("second Commit", s.Commit(t.Context(), nil))
	fails("write after Commit", s.WriteAt(data, 0))
	check(t, s.Abort())
	check(t, s.Abort())
	if got := names(t, fsys, "/"); got != "m" {
		t.Errorf("files %q", got)
	}

	s = safetensors.Create(fsys, "/n", safetensors.Options{})
	check(t, s.Abort())
	fails("begin after Abort", s.Begin(t.Context(), l))
	s = safetensors.Create(fsys, "/n", safetensors.Options{})
	check(t, s.Begin(t.Context(), l))
	check(t, s.Abort())
	check(t, s.Abort())
	fails("write after Abort", s.WriteAt(data, 0))
	fails("commit after Abort", s.Commit(t.Context(), nil))
	if got := names(t, fsys, "/"); got != "m" {
		t.Errorf("files %q", got)
	}
}

func TestLayoutsThatCannotBeWrittenAreRefused(t *testing.T) {
	add := func(key string, d tensor.DType, pos int64) *tensor.Header {
		h := tensor.NewHeader(1)
		check(t, h.Add(key, d, tensor.Shape{1}, pos))
		return h
	}
	unknown := tensor.NewHeader(1)
	check(t, unknown.AddUnknown("k", "Q3", tensor.Shape{1}, 0, 5))
	meta := add("k", tensor.U8, 0)
	meta.Metadata = map[string]string{"a": "\xff"}
	long := tensor.NewHeader(1)
	check(t, long.Add(strings.Repeat("x", 100_000_000), tensor.U8, tensor.Shape{1}, 0))
	for want, h := range map[string]*tensor.Header{
		`key "__metadata__": the name is reserved`:               add("__metadata__", tensor.U8, 0),
		`the key is not valid UTF-8`:                             add("\xff", tensor.U8, 0),
		`the layout has the tensor at 1, expected 0`:             add("k", tensor.U8, 1),
		`key "k": the element type "Q3" cannot be written`:       unknown,
		`the metadata of "a" is not valid UTF-8`:                 meta,
		`the header does not fit into the format: found 1000000`: long,
	} {
		fsys := vfs.NewMem()
		s := safetensors.Create(fsys, "/m", safetensors.Options{})
		if err := s.Begin(t.Context(), tensor.Layout{Header: h}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %.200v, want %q", err, want)
		}
		check(t, s.Abort())
		if got := names(t, fsys, "/"); got != "" {
			t.Errorf("files %q", got)
		}
	}
}

func TestTheOutputMayBeAnInput(t *testing.T) {
	l, data := small(t)
	fsys := vfs.NewMem()
	check(t, write(t.Context(), fsys, "/m", l, data, nil))
	src, err := safetensors.Open(t.Context(), fsys, "/m")
	check(t, err)
	s := safetensors.Create(fsys, "/m", safetensors.Options{})
	check(t, s.Begin(t.Context(), tensor.Layout{Header: src.Header()}))
	p := make([]byte, 1)
	for pos := range src.Header().DataSize() {
		check(t, src.ReadAt(p, pos))
		check(t, s.WriteAt([]byte{p[0] - 'a' + 'A'}, pos))
	}
	check(t, src.Unchanged())
	check(t, s.Commit(t.Context(), nil))
	check(t, src.ReadAt(p, 0)) // the old file is still open
	if got := get(t, fsys, "/m"); p[0] != 'a' || !strings.HasSuffix(got, "AABBBC") {
		t.Errorf("old %q, new %q", p, got)
	}
}

// flipped changes a bit of the byte at position 20 of every file that is written.
type flipped struct{ vfs.FS }

type flippedFile struct{ vfs.File }

func (f flipped) Create(path string, perm fs.FileMode) (vfs.File, error) {
	file, err := f.FS.Create(path, perm)
	return flippedFile{file}, err
}

func (f flippedFile) WriteAt(p []byte, off int64) (int, error) {
	if at := 20 - off; at >= 0 && at < int64(len(p)) {
		p = slices.Clone(p)
		p[at] ^= 1
	}
	return f.File.WriteAt(p, off)
}

func TestAHeaderThatCannotBeReadBackIsNotPublished(t *testing.T) {
	l, data := small(t)
	fsys := vfs.NewMem()
	err := write(t.Context(), flipped{fsys}, "/m", l, data, nil)
	if err == nil || !strings.Contains(err.Error(), "cannot be read back") || tensor.ClassOf(err) != tensor.ClassIO {
		t.Errorf("error %v", err)
	}
	if got := names(t, fsys, "/"); got != "" {
		t.Errorf("files %q", got)
	}
}

func TestCancellationLeavesNothing(t *testing.T) {
	l, data := small(t)
	fsys := vfs.NewMem()
	ctx, cancel := context.WithCancel(t.Context())
	s := safetensors.Create(fsys, "/m", safetensors.Options{})
	check(t, s.Begin(ctx, l))
	check(t, s.WriteAt(data, 0))
	cancel()
	if err := s.Commit(ctx, nil); tensor.ClassOf(err) != tensor.ClassInterrupted {
		t.Errorf("error %v", err)
	}
	check(t, s.Abort())
	if err := write(ctx, fsys, "/m", l, data, nil); tensor.ClassOf(err) != tensor.ClassInterrupted {
		t.Errorf("error %v", err)
	}
	if got := names(t, fsys, "/"); got != "" {
		t.Errorf("files %q", got)
	}
}
