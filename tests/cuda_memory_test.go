package tests

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// driverSlack is what the software driver takes itself: its code, and the stacks of its threads and
// fibers. The launch tables of the GPU device (64 KiB of pinned memory for each slot) are in it too.
const driverSlack = 8 << 20

// deviceMemory returns the most device memory that the driver with this log had given out. Its
// pages are pages of the process, because its device is the host.
func deviceMemory(t *testing.T, path string) (peak int64) {
	t.Helper()
	text, err := os.ReadFile(path)
	check(t, err)
	now, size := int64(0), map[int64]int64{}
	for line := range strings.Lines(string(text)) {
		var id, n int64
		if k, _ := fmt.Sscanf(line, "acquire kind=alloc id=%d bytes=%d", &id, &n); k == 2 {
			size[id] = n
			now += n
			peak = max(peak, now)
		} else if k, _ := fmt.Sscanf(line, "release kind=alloc id=%d", &id); k == 1 {
			now -= size[id]
		}
	}
	return peak
}

// A tensor much larger than host and device memory is merged on a GPU within --max-ram, pinned
// memory included, and within --max-vram.
func TestMemoryIsBoundedOnTheGPU(t *testing.T) {
	onSuite(t)
	if !canMeasure {
		t.Skip("the peak of memory cannot be measured on this system")
	}
	lib := softcuda.Build(t)
	const size, host, vram = 64 << 20, 40 << 20, 24 << 20
	dir := roomyFolder(t, 4*size)
	for seed, name := range []string{"a", "b"} {
		sparse(t, filepath.Join(dir, name), uint64(seed), size/65536)
	}
	for _, c := range []struct{ method, device string }{{"weighted_sum", "cuda:0"}, {"slerp", "cuda"}} {
		t.Run(c.method, func(t *testing.T) {
			log := filepath.Join(t.TempDir(), "log")
			for _, e := range softcuda.Env(lib, "SOFTCUDA_DEVICES=2", "SOFTCUDA_LOG="+log) {
				if name, value, _ := strings.Cut(e, "="); strings.HasPrefix(name, "SOFTCUDA_") || strings.HasPrefix(name, "MECHA_GPU_LIB") {
					t.Setenv(name, value)
				}
			}
			check(t, os.WriteFile(filepath.Join(dir, "r.mecha"), []byte(recipeFor("ab", `merge "`+c.method+`" &0 &1 alpha=0.3`)), 0o600))
			out := filepath.Join(dir, "out")
			m := measure(t, "merge", filepath.Join(dir, "r.mecha"), "-o", out, "--device", c.device, "--merge-space", "any",
				"--max-ram", fmt.Sprint(host), "--max-vram", fmt.Sprint(vram))
			if m.Exit != 0 {
				t.Fatalf("exit code %d: %s", m.Exit, m.stderr)
			}
			check(t, os.Remove(out))
			device := deviceMemory(t, log)
			t.Logf("%.1f MiB, %.1f of them device memory", float64(m.RSS)/(1<<20), float64(device)/(1<<20))
			if device < 1<<20 || device > 2*vram {
				t.Errorf("%.1f MiB of device memory, want at most %d of each of two devices", float64(device)/(1<<20), vram>>20)
			}
			if limit := int64(host + runtimeSlack + driverSlack); m.RSS-device > limit {
				t.Errorf("peak memory %.1f MiB beside device memory, want at most %d", float64(m.RSS-device)/(1<<20), limit>>20)
			}
			softcuda.ReadLog(t, log).Clean(t)
		})
	}
}
