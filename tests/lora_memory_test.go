package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// tinySDXL has all keys of SDXL in the layout of its first release, with two rows and columns.
func tinySDXL() memory.Dict {
	row, _ := config.Builtin().Get("sdxl-sgm")
	c, d := row.Make(), memory.Dict{}
	for i := range c.Len() {
		k := c.Key(i)
		shape := tensor.Shape{2, 2, 1, 1}[:min(len(k.Shape), 4)]
		if strings.Contains(k.Name, "in_proj_") { // of three matrices
			shape = append(tensor.Shape{6}, shape[1:]...)
		}
		d[k.Name] = weights(uint64(i), tensor.F16, shape...)
	}
	return d
}

// tinyLoRA has factors for everything in SDXL that a LoRA may change.
func tinyLoRA(rank int64) memory.Dict {
	const id = "sdxl-kohya_kohya_lora"
	base, _ := config.Builtin().Get("sdxl-kohya")
	a, _ := config.AdapterConfig(id)
	d := memory.Dict{}
	for i, t := range config.Targets(base.Make(), a.Kind) {
		keys := t.Keys(config.LoraUp, config.LoraDown, config.Alpha)
		d[keys[0]], d[keys[1]] = weights(uint64(i), tensor.F16, 2, rank), weights(uint64(i+1), tensor.F16, rank, 2)
		d[keys[2]] = floats(tensor.F16, nil, 1)
	}
	return d
}

// TestMemoryIsBoundedForLoRAs: what configs and key maps take is counted.
func TestMemoryIsBoundedForLoRAs(t *testing.T) {
	if raceEnabled {
		t.Skip("a program starts with the peak of what started it, which is too high here: see make memory")
	}
	if !canMeasure {
		t.Skip("the peak of memory cannot be measured on this system")
	}
	dir := t.TempDir()
	for name, d := range map[string]memory.Dict{"a": tinySDXL(), "l": tinyLoRA(8)} {
		check(t, os.WriteFile(filepath.Join(dir, name), encode(t, d, nil), 0o600))
	}
	args := []string{"merge", "-e", "a + 0.5 * convert(l, a) | a", "-m", "a=" + filepath.Join(dir, "a"), "-m", "l=" + filepath.Join(dir, "l"), "-o", filepath.Join(dir, "out"), "--max-ram"}
	_, text, _ := strings.Cut(measure(t, append(args, "8MiB")...).stderr, "expected at least ")
	var need float64
	if _, err := fmt.Sscanf(text, "%f MiB (raise --max-ram)", &need); err != nil || need > 16 {
		t.Fatalf("%v: %s", err, text)
	}
	for _, limit := range []int64{int64((need + 0.1) * (1 << 20)), 24 << 20} {
		if m := measureWithin(t, args, limit); m.Exit != 0 {
			t.Errorf("exit code %d: %s", m.Exit, m.stderr)
		}
	}
}
