package cuda_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda"
	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/tensor"
	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
)

// realVariable asks for the system's driver and a real GPU: then no test is skipped.
const realVariable = "MECHA_GPU_REAL"

// library returns the driver that the tests use: the software driver, or the system's.
func library(t testing.TB) string {
	t.Helper()
	if os.Getenv(realVariable) != "" {
		return ""
	}
	return filepath.Join(softcuda.Build(t), softcuda.Library)
}

// openWith opens the first GPU; the test fails if there is none.
func openWith(t testing.TB, o cuda.Options, d device.Options) *cuda.Device {
	t.Helper()
	d.Indices = []int{0}
	list, reason, err := cuda.Open(context.Background(), o, d)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d devices: %s, %v", len(list), reason, err)
	}
	return list[0]
}

func open(t testing.TB) *cuda.Device {
	t.Helper()
	return openWith(t, cuda.Options{Library: library(t), Poison: true}, device.Options{})
}

// spy is a driver that counts calls, and fails or answers as a test needs.
type spy struct {
	driver.API
	launches, allocs, syncs int
	capability              int // 0: the real one
	fail                    map[string]error
}

func newSpy(t testing.TB) *spy {
	t.Helper()
	api, err := driver.Open(library(t))
	if err != nil {
		t.Fatal(err)
	}
	return &spy{API: api, fail: map[string]error{}}
}

func (s *spy) DeviceAttribute(d driver.Device, a driver.Attribute) (int, error) {
	if a == driver.AttrComputeMajor && s.capability != 0 {
		return s.capability, nil
	}
	return s.API.DeviceAttribute(d, a)
}

func (s *spy) LaunchKernel(c driver.Context, f driver.Function, d driver.Dims, st driver.Stream, a *driver.Args) error {
	s.launches++
	if err := s.fail["launch"]; err != nil {
		return err
	}
	return s.API.LaunchKernel(c, f, d, st, a)
}

func (s *spy) MemAlloc(c driver.Context, n int64) (driver.DevPtr, error) {
	s.allocs++
	if err := s.fail["alloc"]; err != nil {
		return 0, err
	}
	return s.API.MemAlloc(c, n)
}

func (s *spy) EventSynchronize(c driver.Context, e driver.Event) error {
	s.syncs++
	if err := s.fail["wait"]; err != nil {
		return err
	}
	return s.API.EventSynchronize(c, e)
}

func TestWithoutADriverThereIsAReason(t *testing.T) {
	list, reason, err := cuda.Opener(cuda.Options{Library: filepath.Join(t.TempDir(), "libcuda.so.1")}).Open(context.Background(), device.Options{})
	if err != nil || len(list) != 0 || !strings.HasPrefix(reason, "no CUDA driver: ") {
		t.Errorf("%d devices, reason %q, error %v", len(list), reason, err)
	}
}

func TestDevicesAreChosenByNumber(t *testing.T) {
	o := cuda.Options{Library: library(t)}
	found, err := cuda.List(o)
	if err != nil || len(found.GPUs) == 0 || found.Reason != "" {
		t.Fatalf("%+v, %v", found, err)
	}
	if g := found.GPUs[0]; g.Label() != "cuda:0" || g.Memory <= 0 || g.PCI == "" || g.Name == "" || len(g.UUID) != 40 {
		t.Errorf("%+v", g)
	}
	for _, indices := range [][]int{{len(found.GPUs)}, {-1}, {0, 0}} {
		if _, _, err := cuda.Open(context.Background(), o, device.Options{Indices: indices}); tensor.ClassOf(err) != tensor.ClassUsage {
			t.Errorf("devices %v: %v", indices, err)
		}
	}
	d := open(t)
	info := d.Info()
	if info.Name != "cuda:0" || info.Depth < 3 || info.UnitBytes < 1<<20 || info.InHost || info.Memory <= 0 || info.Rates.Upload <= 0 {
		t.Errorf("%+v", info)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err == nil {
		t.Error("a device can be closed twice")
	}
}

// A GPU that is too old is passed over with the reason, and refused if it is asked for.
func TestOldDevicesAreNotUsed(t *testing.T) {
	s := newSpy(t)
	s.capability = 6
	list, reason, err := cuda.Open(context.Background(), cuda.Options{Driver: s}, device.Options{})
	if err != nil || len(list) != 0 || !strings.Contains(reason, "at least 7.0 is needed") {
		t.Errorf("%d devices, reason %q, error %v", len(list), reason, err)
	}
	if _, _, err := cuda.Open(context.Background(), cuda.Options{Driver: s}, device.Options{Indices: []int{0}}); tensor.ClassOf(err) != tensor.ClassDevice {
		t.Errorf("an old device that was asked for: %v", err)
	}
}
