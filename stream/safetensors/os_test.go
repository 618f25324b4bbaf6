package safetensors_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// unix skips a test of what only Unix systems have.
func unix(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("not on Windows")
	}
}

func TestTheFileALinkLeadsToIsReplaced(t *testing.T) {
	unix(t)
	l, data := small(t)
	dir := t.TempDir()
	real := filepath.Join(dir, "store", "blob")
	check(t, os.Mkdir(filepath.Dir(real), 0o777))
	check(t, os.WriteFile(real, []byte("old"), 0o640))
	links := filepath.Join(dir, "links")
	check(t, os.Mkdir(links, 0o777))
	check(t, os.Symlink("../store/blob", filepath.Join(links, "one")))
	check(t, os.Symlink("one", filepath.Join(links, "two")))
	check(t, os.Symlink("links", filepath.Join(dir, "alias"))) // a folder by another name
	check(t, os.Symlink("../store/new", filepath.Join(links, "dangling")))
	check(t, os.Symlink("loop", filepath.Join(links, "loop")))
	for _, name := range []string{"links/two", "alias/two", "alias/dangling"} {
		check(t, write(t.Context(), vfs.OS{}, filepath.Join(dir, name), l, data, nil))
	}
	for name, mode := range map[string]fs.FileMode{"store/blob": 0o640, "store/new": 0} {
		if got := get(t, vfs.OS{}, filepath.Join(dir, name)); !strings.HasSuffix(got, string(data)) {
			t.Errorf("%s is %q", name, got)
		}
		info, err := os.Lstat(filepath.Join(dir, name))
		check(t, err)
		if mode != 0 && info.Mode() != mode {
			t.Errorf("%s has mode %v, want that of the old file, %v", name, info.Mode(), mode)
		}
	}
	for _, name := range []string{"one", "two", "dangling"} {
		if info, err := os.Lstat(filepath.Join(links, name)); err != nil || info.Mode().Type() != fs.ModeSymlink {
			t.Errorf("the link %s is gone", name)
		}
	}
	if got := names(t, vfs.OS{}, filepath.Dir(real)); got != "blob new" {
		t.Errorf("files %q", got)
	}
	err := write(t.Context(), vfs.OS{}, filepath.Join(links, "loop"), l, data, nil)
	if err == nil || !strings.Contains(err.Error(), "symbolic links") {
		t.Errorf("a loop of links: error %v", err)
	}
}

func TestNewFilesFollowTheUmask(t *testing.T) {
	unix(t)
	l, data := small(t)
	dir := t.TempDir()
	check(t, write(t.Context(), vfs.OS{}, filepath.Join(dir, "m"), l, data, nil))
	check(t, os.WriteFile(filepath.Join(dir, "other"), nil, 0o666))
	got, err := os.Stat(filepath.Join(dir, "m"))
	check(t, err)
	want, err := os.Stat(filepath.Join(dir, "other"))
	check(t, err)
	if got.Mode() != want.Mode() {
		t.Errorf("mode %v, want %v", got.Mode(), want.Mode())
	}
}

func TestLongNamesHaveTempFilesToo(t *testing.T) {
	l, data := small(t)
	for _, name := range []string{strings.Repeat("x", 255), strings.Repeat("x", 230) + strings.Repeat("ü", 12), strings.Repeat("模", 85)} {
		dir := t.TempDir()
		path := filepath.Join(dir, name)
		killed := safetensors.Create(vfs.OS{}, path, safetensors.Options{})
		check(t, killed.Begin(t.Context(), l))
		locked := names(t, vfs.OS{}, dir)
		if len(locked) > 255 || !strings.HasSuffix(locked, ".mecha-gpu-tmp") {
			t.Fatalf("temp file %q", locked)
		}
		check(t, os.WriteFile(filepath.Join(dir, strings.Replace(locked, ".mecha-gpu-tmp", "", 1)), nil, 0o666))
		check(t, write(t.Context(), vfs.OS{}, path, l, data, nil))
		check(t, killed.Abort())
		if got := strings.Fields(names(t, vfs.OS{}, dir)); len(got) != 2 {
			t.Errorf("files %q", got)
		}
	}
}

func TestOnlyRegularFilesAreReadAndReplaced(t *testing.T) {
	unix(t)
	l, data := small(t)
	if _, err := safetensors.Open(t.Context(), vfs.OS{}, "/dev/null"); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("reading: error %v", err)
	}
	if err := write(t.Context(), vfs.OS{}, "/dev/null", l, data, nil); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("writing: error %v", err)
	}
	_, err := safetensors.Open(t.Context(), vfs.OS{}, filepath.Join(t.TempDir(), "absent"))
	if !errors.Is(err, fs.ErrNotExist) || tensor.ClassOf(err) != tensor.ClassInput {
		t.Errorf("a missing file: error %v", err)
	}
}

// A sparse file takes no space, so that positions beyond 2^32 are quickly reached.
func TestTensorsBeyond4GiBAreReadAndWritten(t *testing.T) {
	const huge = 5 << 30
	h := tensor.NewHeader(2)
	check(t, h.Add("huge", tensor.U8, tensor.Shape{5, 1 << 30}, 0))
	check(t, h.Add("last", tensor.U8, tensor.Shape{4}, huge))
	path := filepath.Join(t.TempDir(), "m")
	sparse(t, path, `{"huge":{"dtype":"U8","shape":[5,1073741824],"data_offsets":[0,5368709120]},"last":{"dtype":"U8","shape":[4],"data_offsets":[5368709120,5368709124]}}`,
		huge+4, map[int64]string{1<<31 - 2: "2GiB", 1<<32 - 2: "4GiB", huge - 2: "zzLAST"})
	src, err := safetensors.Open(t.Context(), vfs.OS{}, path)
	check(t, err)
	defer src.Close()
	if got, want := describe(src.Header()), describe(h); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for pos, want := range map[int64]string{1<<31 - 2: "2GiB", 1<<32 - 2: "4GiB", huge - 2: "zzLAST"} {
		got := make([]byte, len(want))
		if check(t, src.ReadAt(got, pos)); string(got) != want {
			t.Errorf("at %d: %q, want %q", pos, got, want)
		}
	}
	if src.ReadAt(make([]byte, 1), huge+4) == nil {
		t.Error("a read beyond the end did not fail")
	}
}

// sparse makes a safetensors file with a few bytes of data in a sea of zeros.
func sparse(t *testing.T, path, header string, size int64, data map[int64]string) {
	t.Helper()
	f, err := os.Create(path)
	check(t, err)
	_, err = f.Write(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...))
	check(t, err)
	start := int64(8 + len(header))
	check(t, f.Truncate(start+size))
	for pos, b := range data {
		_, err := f.WriteAt([]byte(b), start+pos)
		check(t, err)
	}
	check(t, f.Close())
}

// thin is the real file system without reserving space.
type thin struct{ vfs.OS }

type thinFile struct{ vfs.File }

func (f thin) Create(path string, perm fs.FileMode) (vfs.File, error) {
	file, err := f.OS.Create(path, perm)
	return thinFile{file}, err
}

func (f thin) Free(string) (int64, error) { return 1 << 60, nil }

func (f thinFile) Allocate(size int64) error { return f.Truncate(size) }

func TestFilesBeyond4GiBAreWrittenAtAnyPosition(t *testing.T) {
	if testing.Short() {
		t.Skip("needs a file system with sparse files")
	}
	const huge = 5 << 30
	h := tensor.NewHeader(2)
	check(t, h.Add("huge", tensor.U8, tensor.Shape{5, 1 << 30}, 0))
	check(t, h.Add("last", tensor.U8, tensor.Shape{4}, huge))
	path := filepath.Join(t.TempDir(), "m")
	s := safetensors.Create(thin{}, path, safetensors.Options{})
	defer s.Abort()
	check(t, s.Begin(t.Context(), tensor.Layout{Header: h}))
	check(t, s.WriteAt([]byte("zzLAST"), huge-2))
	err := s.Commit(t.Context(), nil)
	if err == nil || !strings.Contains(err.Error(), `key "huge": the bytes from 0 to 5368709118`) {
		t.Errorf("error %v", err)
	}
	check(t, s.Commit(t.Context(), []int{0})) // "last" moves down by 5 GiB
	if got := get(t, vfs.OS{}, path); !strings.HasSuffix(got, " LAST") {
		t.Errorf("file %q", got)
	}
}

func TestARealDiskThatIsTooSmallIsRefused(t *testing.T) {
	h := tensor.NewHeader(1)
	check(t, h.Add("huge", tensor.U8, tensor.Shape{1 << 59}, 0))
	dir := t.TempDir()
	s := safetensors.Create(vfs.OS{}, filepath.Join(dir, "m"), safetensors.Options{})
	err := s.Begin(t.Context(), tensor.Layout{Header: h})
	if tensor.ClassOf(err) != tensor.ClassFit || names(t, vfs.OS{}, dir) != "" {
		t.Errorf("error %v, files %q", err, names(t, vfs.OS{}, dir))
	}
}
