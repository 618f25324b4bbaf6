package safetensors_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs/errorfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// file returns a safetensors file with the given header and size bytes of data.
func file(header string, size int) string {
	return string(binary.LittleEndian.AppendUint64(nil, uint64(len(header)))) + header + strings.Repeat("x", size)
}

// put writes a file to fsys, with its folder.
func put(t testing.TB, fsys vfs.FS, path, content string) {
	t.Helper()
	if i := strings.LastIndexByte(path, '/'); i > 0 {
		check(t, fsys.MkdirAll(path[:i], 0o777))
	}
	f, err := fsys.Create(path, 0o666)
	check(t, err)
	check(t, vfs.WriteFull(f, []byte(content), 0))
	check(t, f.Sync())
	check(t, f.Close())
}

// one is a header with one tensor, one field of which is replaced.
func one(old, replacement string) string {
	const h = `{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}`
	if !strings.Contains(h, old) {
		panic("no " + old)
	}
	return strings.Replace(h, old, replacement, 1)
}

// wrongFiles has a row for every way in which a file can be wrong.
var wrongFiles = []struct {
	name    string
	content string
	message string // a part of the error that names what is wrong
}{
	{"empty", "", "the file is empty"},
	{"short", "\x02\x00\x00", "too short: found 3 bytes, expected at least 8"},
	{"only length", "\x02\x00\x00\x00\x00\x00\x00\x00", "ends inside its header: it is truncated or corrupt: found 8 bytes, expected at least 10"},
	{"truncated header", file(one("a", "a"), 8)[:30], "ends inside its header"},
	{"huge length", "\x01\xe1\xf5\x05\x00\x00\x00\x00{}", "header length: found 100000001, expected at most 100000000"},
	{"largest length", "\xff\xff\xff\xff\xff\xff\xff\xff{}", "found 18446744073709551615"},
	{"no header", file("", 0), "found the end, expected an object"},
	{"array", file("[]", 0), "at byte 8: found '[', expected an object"},
	{"null", file("null", 0), "expected an object"},
	{"unclosed", file(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}`, 8), "found the end, expected ',' or '}'"},
	{"comma at end", file(one("}}", "},}"), 8), "expected a name in quotes"},
	{"text after", file("{} x", 0), "found 'x', expected nothing after"},
	{"second object", file("{}{}", 0), "nothing after"},
	{"zero byte after", file("{}\x00", 0), "nothing after"},
	{"single quotes", file(one(`"a"`, `'a'`), 8), "a name in quotes"},
	{"name is number", file(one(`"a"`, `1`), 8), "a name in quotes"},
	{"no colon", file(one(`"a":`, `"a"`), 8), "expected ':'"},
	{"tensor is string", file(`{"a":"b"}`, 0), `key "a": the JSON is not valid at byte 13: found '"', expected an object`},
	{"tensor is array", file(`{"a":["F32",[2],[0,8]]}`, 8), "expected an object"},
	{"tensor is null", file(`{"a":null}`, 0), "expected an object"},
	{"duplicate key", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"\u0061":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3), `key "a": duplicate key`},
	{"duplicate field", file(one(`"dtype":"F32"`, `"dtype":"F32","dtype":"F32"`), 8), `key "a": duplicate "dtype"`},
	{"no dtype", file(one(`"dtype":"F32",`, ``), 8), `key "a": the tensor has no "dtype"`},
	{"no shape", file(one(`"shape":[2],`, ``), 8), `the tensor has no "shape"`},
	{"no offsets", file(one(`,"data_offsets":[0,8]`, ``), 8), `the tensor has no "data_offsets"`},
	{"dtype is number", file(one(`"F32"`, `32`), 8), "expected a string"},
	{"shape is number", file(one(`[2]`, `2`), 8), "expected an array"},
	{"shape has string", file(one(`[2]`, `["2"]`), 8), "expected a whole number"},
	{"shape is negative", file(one(`[2]`, `[-2]`), 8), "found '-', expected a whole number"},
	{"shape is broken", file(one(`[2]`, `[2.0]`), 8), "found '.', expected a whole number"},
	{"shape has exponent", file(one(`[2]`, `[2e0]`), 8), "found 'e', expected a whole number"},
	{"shape has zero before", file(one(`[2]`, `[02]`), 8), "expected a number without leading zeros"},
	{"shape is huge", file(one(`[2]`, `[9223372036854775808]`), 8), "a number is larger than 9223372036854775807"},
	{"shape ends", file(`{"a":{"dtype":"F32","shape":[2`, 8), "found the end"},
	{"product overflows", file(one(`[2]`, `[4294967296,4294967296]`), 8), "more elements than an int64 holds"},
	{"product overflows beside zero", file(one(`[2]`, `[4294967296,4294967296,0]`), 8), "more elements than an int64 holds"},
	{"bits overflow", file(one(`[2]`, `[4611686018427387904]`), 8), "more bits than an int64 holds"},
	{"size differs", file(one(`[2]`, `[3]`), 8), `key "a": shape [3] of F32 takes 12 bytes: found data_offsets [0, 8], expected 12 bytes`},
	{"sub-byte", file(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2), "does not fill whole bytes"},
	{"one offset", file(one(`[0,8]`, `[8]`), 8), "data_offsets has 1 numbers, expected 2"},
	{"three offsets", file(one(`[0,8]`, `[0,8,9]`), 8), "data_offsets has 3 numbers"},
	{"offsets swapped", file(one(`[0,8]`, `[8,0]`), 8), "data_offsets [8, 0] are in the wrong order"},
	{"offset is negative", file(one(`[0,8]`, `[-8,0]`), 8), "found '-'"},
	{"truncated data", file(one("a", "a"), 7), `key "a": the tensor ends behind the end of the file, which is truncated or corrupt: found data_offsets [0, 8], expected at most 7`},
	{"data after", file(one("a", "a"), 9), "do not reach to the end of the file: found 9 bytes of data, expected 8"},
	{"data without tensor", file("{}", 1), "do not reach to the end"},
	{"hole at start", file(one(`[0,8]`, `[1,9]`), 9), `key "a": there is a hole before the tensor: found data_offsets [1, 9], expected a start at 0`},
	{"hole", file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 3), `key "b": there is a hole`},
	{"overlap", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}`, 3), `key "b": the tensor overlaps the one before it: found data_offsets [1, 3], expected a start at 2`},
	{"same place", file(`{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}`, 2), "overlaps"},
	{"empty tensor beyond", file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[1,1]}}`, 0), "behind the end"},
	{"metadata is string", file(`{"__metadata__":"x"}`, 0), `key "__metadata__": the JSON is not valid`},
	{"metadata has number", file(`{"__metadata__":{"a":1}}`, 0), "found '1', expected a string"},
	{"metadata has object", file(`{"__metadata__":{"a":{}}}`, 0), "expected a string"},
	{"metadata has null", file(`{"__metadata__":{"a":null}}`, 0), "expected a string"},
	{"metadata twice", file(`{"__metadata__":{},"__metadata__":{}}`, 0), `key "__metadata__": duplicate key`},
	{"metadata key twice", file(`{"__metadata__":{"a":"1","a":"2"}}`, 0), `duplicate key "a"`},
	{"invalid UTF-8", file(one(`"a"`, "\"\xff\""), 8), "not valid UTF-8"},
	{"overlong UTF-8", file(one(`"a"`, "\"\xc0\xaf\""), 8), "not valid UTF-8"},
	{"surrogate in UTF-8", file(one(`"a"`, "\"\xed\xa0\x80\""), 8), "not valid UTF-8"},
	{"cut UTF-8", file(one(`"a"`, "\"\xe2\x82\""), 8), "not valid UTF-8"},
	{"invalid UTF-8 between tokens", file("{\xc3\xa9}", 0), "found the byte 0xc3"},
	{"lone high surrogate", file(one(`"a"`, `"\ud800"`), 8), "second half of a surrogate pair"},
	{"high surrogate and letter", file(one(`"a"`, `"\ud800\n"`), 8), "second half of a surrogate pair"},
	{"lone low surrogate", file(one(`"a"`, `"\udc00"`), 8), "second half of a surrogate pair"},
	{"two high surrogates", file(one(`"a"`, `"\ud800\ud800"`), 8), "are not a pair"},
	{"swapped surrogates", file(one(`"a"`, `"\udc00\ud800"`), 8), "are not a pair"},
	{"unknown escape", file(one(`"a"`, `"\x41"`), 8), "an escape of JSON"},
	{"short escape", file(one(`"a"`, `"\u12"`), 8), "four hexadecimal digits"},
	{"line break in name", file(one(`"a"`, "\"\n\""), 8), "control characters to be escaped"},
	{"form feed between tokens", file("{\f}", 0), "a name in quotes"},
	{"byte order mark", file("\xef\xbb\xbf{}", 0), "found the byte 0xef"},
	{"bad extra value", file(one(`"dtype"`, `"x":nul,"dtype"`), 8), "expected null"},
	{"bad extra number", file(one(`"dtype"`, `"x":1.,"dtype"`), 8), "expected a digit"},
	{"bad extra exponent", file(one(`"dtype"`, `"x":1e+,"dtype"`), 8), "expected a digit"},
	{"bad extra zero", file(one(`"dtype"`, `"x":01,"dtype"`), 8), "expected ',' or '}'"},
	{"deep extra value", file(one(`"dtype"`, `"x":`+strings.Repeat("[", 200)+strings.Repeat("]", 200)+`,"dtype"`), 8), "nested more than 128 deep"},
	{"too many axes", file(one(`[2]`, `[`+strings.Repeat("1,", 255)+`2]`), 8), "256 axes, at most 255"},
	{"torch zip", "PK\x03\x04\x00\x00\x08\x08\x00\x00archive/data.pkl", "found a PyTorch checkpoint (a zip of pickles) (convert it"},
	{"torch legacy", "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e\x80\x02", "found a PyTorch checkpoint in the old pickle format (convert it"},
	{"pickle 2", "\x80\x02}q\x00X\x01\x00\x00\x00a", "found a Python pickle"},
	{"pickle 3", "\x80\x03}q\x00.", "found a Python pickle"},
	{"pickle 4", "\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00}", "found a Python pickle"},
	{"pickle 5", "\x80\x05\x95\x0b\x00\x00\x00\x00\x00\x00\x00}", "found a Python pickle"},
	{"gguf", "GGUF\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00", "found a GGUF file"},
	{"git-lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "found a git-lfs pointer instead of the model (run `git lfs pull`"},
	{"html", "<!DOCTYPE html><html>", "found an HTML page"},
	{"text", "hello, this is no model\n", "found a text file"},
	{"short text", "hi", "found a text file"},
	{"unicode text", strings.Repeat("größe ", 200), "found a text file"},
	{"json text", `{"weights": [1, 2, 3]}`, "found a text file"},
	{"numpy", "\x93NUMPY\x01\x00v\x00{'descr'", "found a NumPy array"},
	{"hdf5", "\x89HDF\r\n\x1a\n\x00\x00", "found an HDF5 file"},
}

func TestWrongFilesAreRefusedWithTheReason(t *testing.T) {
	for _, c := range wrongFiles {
		fsys := vfs.NewMem()
		put(t, fsys, "/m", c.content)
		// A second reader gets one byte at a time: errors do not depend on blocks.
		for _, chunk := range []int{0, 1} {
			src, err := safetensors.Open(t.Context(), errorfs.New(fsys, errorfs.Plan{At: -1, Chunk: chunk}), "/m")
			if src != nil || err == nil {
				t.Fatalf("%s: opened", c.name)
			}
			if !strings.Contains(err.Error(), c.message) || !strings.HasPrefix(err.Error(), "/m: ") {
				t.Errorf("%s: error %q, want %q", c.name, err, c.message)
			}
			if got := tensor.ClassOf(err); got != tensor.ClassInput {
				t.Errorf("%s: class %v", c.name, got)
			}
		}
	}
}

func TestWhatTheFormatAllowsIsAccepted(t *testing.T) {
	for _, c := range []struct {
		name    string
		content string
		want    string // key dtype shape pos size, per tensor
	}{
		{"nothing", file("{}", 0), ""},
		{"whitespace around", file(" \t\r\n{} \t\r\n", 0), ""},
		{"only metadata", file(`{"__metadata__":{"a":"b"}}`, 0), ""},
		{"metadata is null", file(`{"__metadata__":null}`, 0), ""},
		{"whitespace inside", file("{ \"a\" : { \"dtype\" : \"F32\" , \"shape\" : [ 2 ] ,\n\"data_offsets\" : [ 0 , 8 ] } }", 8), "a F32 [2] 0 8;"},
		{"fields in any order", file(`{"a":{"data_offsets":[0,8],"shape":[2],"dtype":"F32"}}`, 8), "a F32 [2] 0 8;"},
		{"more fields", file(one(`"dtype"`, `"x":[1,-2.5e-3,{"y":[true,false,null,"z\n",0,0.5,1E9]},[],{}],"dtype"`), 8), "a F32 [2] 0 8;"},
		{"any order of tensors", file(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}`, 2), "a U8 [1] 0 1;b U8 [1] 1 1;"},
		{"empty tensors first of a place", file(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 1), "a U8 [0] 0 0;b U8 [1] 0 1;"},
		{"scalar", file(`{"a":{"dtype":"I64","shape":[],"data_offsets":[0,8]}}`, 8), "a I64 [] 0 8;"},
		{"empty", file(`{"a":{"dtype":"I64","shape":[3,0],"data_offsets":[0,0]}}`, 0), "a I64 [3, 0] 0 0;"},
		{"sub-byte", file(`{"a":{"dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3]}}`, 3), "a F6_E2M3 [4] 0 3;"},
		{"escapes", file(one(`"a"`, `"\"\\\/\b\f\n\r\t\u00e9\u20AC\ud83e\uddee"`), 8), "\"\\/\b\f\n\r\té€🧮 F32 [2] 0 8;"},
		{"UTF-8", file(one(`"a"`, `"é€🧮"`), 8), "é€🧮 F32 [2] 0 8;"},
		{"empty name", file(one(`"a"`, `""`), 8), " F32 [2] 0 8;"},
		{"zero byte in name", file(one(`"a"`, `"\u0000"`), 8), "\x00 F32 [2] 0 8;"},
		{"unknown element type", file(one(`F32`, `F128`), 8), "a F128 [2] 0 8;"},
		{"length like a pickle", file("{}"+strings.Repeat(" ", 0x280-2), 0), ""},
	} {
		for _, chunk := range []int{0, 1, 7} {
			fsys := vfs.NewMem()
			put(t, fsys, "/m", c.content)
			src, err := safetensors.Open(t.Context(), errorfs.New(fsys, errorfs.Plan{At: -1, Chunk: chunk}), "/m")
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
				continue
			}
			if got := describe(src.Header()); got != c.want {
				t.Errorf("%s: %q, want %q", c.name, got, c.want)
			}
			check(t, src.Close())
		}
	}
}

func TestUnknownElementTypesCanBeListed(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "/m", file(`{"a":{"dtype":"Q3","shape":[5],"data_offsets":[0,3]},"b":{"dtype":"F32","shape":[1],"data_offsets":[3,7]}}`, 7))
	src, err := safetensors.Open(t.Context(), fsys, "/m")
	check(t, err)
	h := src.Header()
	if e := h.At(0); e.DType != tensor.InvalidDType || h.DTypeName(0) != "Q3" || e.Size != 3 || h.DTypeName(1) != "F32" {
		t.Errorf("entry %v of type %q", e, h.DTypeName(0))
	}
}

// errDisk is what the system says when a disk breaks.
var errDisk = errors.New("input/output error")

func TestFailuresToReadAreNotTheInputsFault(t *testing.T) {
	for i := int64(0); ; i++ {
		fsys := vfs.NewMem()
		put(t, fsys, "/m", file(one("a", "a"), 8))
		faulty := errorfs.New(fsys, errorfs.Plan{At: i, Err: errDisk})
		src, err := safetensors.Open(t.Context(), faulty, "/m")
		if err == nil {
			err = src.ReadAt(make([]byte, 8), 0)
			if e := src.Close(); e != nil {
				err = e
			}
		}
		if faulty.Count() <= i {
			check(t, err)
			break
		}
		if !errors.Is(err, errDisk) || tensor.ClassOf(err) != tensor.ClassIO {
			t.Errorf("%s: error %v", faulty.Op(i), err)
		}
	}
	_, err := safetensors.Open(t.Context(), vfs.NewMem(), "/absent")
	if tensor.ClassOf(err) != tensor.ClassInput || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v of class %v", err, tensor.ClassOf(err))
	}
}

func TestCancelledOpeningStops(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "/m", file(one("a", "a"), 8))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := safetensors.Open(ctx, fsys, "/m"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}
