package safetensors_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// bytesFile returns a file with U8 tensors, given as "key=bytes".
func bytesFile(tensors ...string) string {
	var header, data strings.Builder
	header.WriteString(`{"__metadata__":{"first":"` + tensors[0][:1] + `"}`)
	for _, t := range tensors {
		k, v, _ := strings.Cut(t, "=")
		fmt.Fprintf(&header, `,%q:{"dtype":"U8","shape":[%d],"data_offsets":[%d,%d]}`, k, len(v), data.Len(), data.Len()+len(v))
		data.WriteString(v)
	}
	header.WriteString("}")
	return file(header.String(), 0) + data.String()
}

func TestShardsAreOneModel(t *testing.T) {
	const index = `{"metadata":{"total_size":10},"weight_map":{"c":"s2.safetensors","a":"s1.safetensors","b":"s1.safetensors","e":"s2.safetensors","d":"s3.safetensors"}}`
	for name, files := range map[string]map[string]string{
		"index":          {"model.safetensors.index.json": index},
		"index and more": {"model.safetensors.index.json": index, "other.safetensors.index.json": "{", "consolidated.safetensors": bytesFile("a=zz")},
		"other index":    {"diffusion_pytorch_model.safetensors.index.json": index},
		"no index":       {"config.json": "{}", ".hidden.safetensors": "x", "README.md": "x"},
		"capitals":       {"S0.SAFETENSORS": bytesFile("z=")},
	} {
		fsys := vfs.NewMem()
		put(t, fsys, "/m/s1.safetensors", bytesFile("a=123", "b=45"))
		put(t, fsys, "/m/s2.safetensors", bytesFile("e=", "c=6789"))
		put(t, fsys, "/m/s3.safetensors", bytesFile("d=X"))
		for f, content := range files {
			put(t, fsys, "/m/"+f, content)
		}
		src, err := safetensors.Open(t.Context(), fsys, "/m")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := strings.TrimPrefix(describe(src.Header()), "z U8 [0] 0 0;")
		if want := "a U8 [3] 0 3;b U8 [2] 3 2;e U8 [0] 5 0;c U8 [4] 5 4;d U8 [1] 9 1;"; got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
		const all = "123456789X"
		for pos := range len(all) {
			for end := pos; end <= len(all); end++ {
				p := make([]byte, end-pos)
				if err := src.ReadAt(p, int64(pos)); err != nil || string(p) != all[pos:end] {
					t.Errorf("%s: bytes %d to %d are %q (%v)", name, pos, end, p, err)
				}
			}
			if src.ReadAt(make([]byte, len(all)-pos+1), int64(pos)) == nil {
				t.Errorf("%s: a read beyond the end did not fail", name)
			}
		}
		if first := src.Header().Metadata["first"]; first != "a" && first != "z" {
			t.Errorf("%s: the metadata are those of shard %q", name, first)
		}
		check(t, src.Close())
	}
}

func TestAnIndexFileNamesAModel(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "/m/x.json", `{"weight_map":{"a":"sub/s1"}}`)
	put(t, fsys, "/m/sub/s1", bytesFile("a=123"))
	src, err := safetensors.Open(t.Context(), fsys, "/m/x.json")
	check(t, err)
	if got := src.Files(); len(got) != 1 || got[0] != "/m/sub/s1" {
		t.Errorf("files %q", got)
	}
}

func TestWrongFoldersAreRefusedWithTheReason(t *testing.T) {
	const index = "model.safetensors.index.json"
	for _, c := range []struct {
		name    string
		files   map[string]string
		message string
	}{
		{"nothing", map[string]string{"x.txt": ""}, "/m: the folder holds no model: expected *.safetensors.index.json or *.safetensors"},
		{"pickles", map[string]string{"pytorch_model.bin": ""}, "the folder holds no model: found pytorch_model.bin, expected *.safetensors.index.json or *.safetensors (convert it"},
		{"pipeline", map[string]string{"model_index.json": "{}"}, "name the folder of a part"},
		{"two indexes", map[string]string{"a" + ".safetensors.index.json": "{}", "b" + ".safetensors.index.json": "{}"}, "several indexes: found a.safetensors.index.json, b.safetensors.index.json"},
		{"key in two files", map[string]string{"a.safetensors": bytesFile("k=1"), "b.safetensors": bytesFile("k=1")}, `/m/b.safetensors: key "k": duplicate key: it is also in /m/a.safetensors`},
		{"a bad file", map[string]string{"a.safetensors": bytesFile("k=1"), "b.safetensors": "PK\x03\x04"}, "/m/b.safetensors: not a safetensors file"},
		{"a folder named like a file", map[string]string{"a.safetensors/x": ""}, "/m/a.safetensors: not a regular file"},
		{"index is no JSON", map[string]string{index: "{"}, "found the end, expected a name in quotes"},
		{"index is empty", map[string]string{index: ""}, "found the end, expected an object"},
		{"index without map", map[string]string{index: `{"metadata":{"x":[1]}}`}, "it has no weight_map"},
		{"two maps", map[string]string{index: `{"weight_map":{},"weight_map":{}}`}, "two weight_maps"},
		{"text after", map[string]string{index: `{"weight_map":{}} x`}, "nothing after"},
		{"file is number", map[string]string{index: `{"weight_map":{"a":1}}`}, "expected the name of a file"},
		{"missing shard", map[string]string{index: `{"weight_map":{"a":"s1"}}`}, `/m/` + index + `: key "a": the index names the file "s1", which does not exist`},
		{"shard outside", map[string]string{index: `{"weight_map":{"a":"../s1"}}`}, `names the file "../s1", which is not in its folder`},
		{"absolute shard", map[string]string{index: `{"weight_map":{"a":"/m/s1"}}`}, "not in its folder"},
		{"key not in shard", map[string]string{index: `{"weight_map":{"a":"s1","b":"s1"}}`, "s1": bytesFile("a=1")}, `key "b": the index says the key is in "s1", but it is not`},
		{"key in other shard", map[string]string{index: `{"weight_map":{"a":"s1","b":"s1"}}`, "s1": bytesFile("a=1"), "s2": bytesFile("b=1")}, `key "b": the index says the key is in "s1", but it is not`},
		{"keys swapped", map[string]string{index: `{"weight_map":{"a":"s2","b":"s1"}}`, "s1": bytesFile("a=1"), "s2": bytesFile("b=1")}, `key "a": the index says the key is in "s2", but it is in /m/s1`},
		{"key not in index", map[string]string{index: `{"weight_map":{"a":"s1"}}`, "s1": bytesFile("a=1", "b=2", "c=3")}, `/m/s1: key "b": the key is not in the index model.safetensors.index.json (2 keys of the shards are not in it)`},
		{"key twice in index", map[string]string{index: `{"weight_map":{"a":"s1","a":"s1"}}`, "s1": bytesFile("a=1")}, `key "a": duplicate key in the index`},
	} {
		fsys := vfs.NewMem()
		for f, content := range c.files {
			put(t, fsys, "/m/"+f, content)
		}
		src, err := safetensors.Open(t.Context(), fsys, "/m")
		if src != nil || err == nil {
			t.Errorf("%s: opened", c.name)
			continue
		}
		if !strings.Contains(err.Error(), c.message) || tensor.ClassOf(err) != tensor.ClassInput {
			t.Errorf("%s: error %q of class %v, want %q", c.name, err, tensor.ClassOf(err), c.message)
		}
	}
}

func TestAChangedFileIsNoticed(t *testing.T) {
	change := map[string]func(t *testing.T, fsys *vfs.Mem, f vfs.File){
		"found another file of that name": func(t *testing.T, fsys *vfs.Mem, _ vfs.File) {
			check(t, fsys.Rename("/other", "/m"))
		},
		"found 13 bytes": func(t *testing.T, _ *vfs.Mem, f vfs.File) { check(t, f.Truncate(13)) },
		"found a later write to it": func(t *testing.T, _ *vfs.Mem, f vfs.File) {
			check(t, vfs.WriteFull(f, []byte{0}, 69))
		},
		"was removed": func(t *testing.T, fsys *vfs.Mem, _ vfs.File) { check(t, fsys.Remove("/m")) },
	}
	for want, change := range change {
		fsys := vfs.NewMem()
		content := file(one("a", "a"), 8)
		put(t, fsys, "/other", content)
		f, err := fsys.Create("/m", 0o666)
		check(t, err)
		check(t, vfs.WriteFull(f, []byte(content), 0))
		src, err := safetensors.Open(t.Context(), fsys, "/m")
		check(t, err)
		check(t, src.Unchanged())
		change(t, fsys, f)
		if err := src.Unchanged(); err == nil || !strings.Contains(err.Error(), want) || tensor.ClassOf(err) != tensor.ClassInput {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

func TestAReadOfAFileThatBecameShortNamesTheTensor(t *testing.T) {
	fsys := vfs.NewMem()
	content := bytesFile("a=123", "b=456")
	f, err := fsys.Create("/m", 0o666)
	check(t, err)
	check(t, vfs.WriteFull(f, []byte(content), 0))
	src, err := safetensors.Open(t.Context(), fsys, "/m")
	check(t, err)
	check(t, f.Truncate(int64(len(content))-1))
	p := []byte("???")
	check(t, src.ReadAt(p, 0))
	err = src.ReadAt(p, 3)
	if err == nil || !strings.Contains(err.Error(), `/m: key "b"`) || tensor.ClassOf(err) != tensor.ClassInput {
		t.Errorf("error %v", err)
	}
}
