package sample

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"testing"
)

func TestFileIsWhatItsHeaderSays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.safetensors")
	layout := append(Layers(2, 100_000, "F16"), Tensor{"f", "F32", []int64{3}}, Tensor{"b", "BF16", []int64{2, 3}})
	if err := Write(path, layout, 1); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	n := binary.LittleEndian.Uint64(file)
	var header map[string]json.RawMessage
	if err := json.Unmarshal(file[8:8+n], &header); err != nil || n%8 != 0 {
		t.Fatal(n, err)
	}
	if len(header) != len(layout)+1 {
		t.Errorf("%d entries for %d tensors and the metadata", len(header), len(layout))
	}
	end := int64(0)
	for _, x := range layout {
		var e headerEntry
		if err := json.Unmarshal(header[x.Key], &e); err != nil {
			t.Fatal(err)
		}
		if e.DType != x.DType || e.Offsets[0] != end || e.Offsets[1]-e.Offsets[0] != x.bytes() {
			t.Errorf("%s: %+v after byte %d", x.Key, e, end)
		}
		end = e.Offsets[1]
	}
	if int64(len(file)) != 8+int64(n)+end {
		t.Errorf("the file has %d bytes, its header says %d", len(file), 8+int64(n)+end)
	}
}

func TestSameSeedGivesTheSameBytes(t *testing.T) {
	var files [3][]byte
	for i, seed := range []uint64{1, 1, 2} {
		path := filepath.Join(t.TempDir(), "a.safetensors")
		if err := Write(path, Tiny(5, "BF16"), seed); err != nil {
			t.Fatal(err)
		}
		files[i], _ = os.ReadFile(path)
	}
	if !bytes.Equal(files[0], files[1]) || bytes.Equal(files[0], files[2]) {
		t.Error("the seed does not decide the bytes")
	}
}

func TestHalfTruncatesTowardZero(t *testing.T) {
	for _, c := range []struct {
		x    float32
		want uint16
	}{{1, 0x3c00}, {-2, 0xc000}, {0.1, 0x2e66}, {65504, 0x7bff}, {1e-6, 0}, {float32(math.Copysign(1e-6, -1)), 0x8000}, {0, 0}} {
		if got := half(c.x); got != c.want {
			t.Errorf("half(%g) = %04x, want %04x", c.x, got, c.want)
		}
	}
}
