//go:build gorgoniacu && cgo && linux && (amd64 || arm64)

package gorgoniacu_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/cuda/driver/drivertest"
	"github.com/mecha-gpu/mecha-gpu/cuda/driver/gorgoniacu"
	"github.com/mecha-gpu/mecha-gpu/tests/softcuda"
	"gorgonia.org/cu"
)

// open opens the driver that the environment names, and otherwise the software driver.
func open(t *testing.T) func() (driver.API, error) {
	t.Helper()
	path := os.Getenv(driver.EnvLibrary)
	if path == "" {
		path = filepath.Join(softcuda.Build(t), softcuda.Library)
	}
	return func() (driver.API, error) { return gorgoniacu.Open(path) }
}

func TestDriver(t *testing.T) { drivertest.Run(t, open(t)) }

func TestHandlesArePointers(t *testing.T) {
	word := unsafe.Sizeof(uintptr(0))
	for name, size := range map[string]uintptr{
		"CUContext": unsafe.Sizeof(cu.CUContext{}), "Module": unsafe.Sizeof(cu.Module{}), "Function": unsafe.Sizeof(cu.Function{}),
		"Stream": unsafe.Sizeof(cu.Stream{}), "Event": unsafe.Sizeof(cu.Event{}),
	} {
		if size != word {
			t.Errorf("a cu.%s has %d bytes", name, size)
		}
	}
}

// TestNumbersAreThoseOfTheHeader compares the constants of package driver with cuda.h, as
// gorgonia.org/cu was compiled with it.
func TestNumbersAreThoseOfTheHeader(t *testing.T) {
	for ours, theirs := range map[driver.Attribute]cu.DeviceAttribute{
		driver.AttrMaxThreadsPerBlock:   cu.MaxThreadsPerBlock,
		driver.AttrMaxBlockDimX:         cu.MaxBlockDimX,
		driver.AttrMaxGridDimX:          cu.MaxGridDimX,
		driver.AttrMaxSharedPerBlock:    cu.MaxSharedMemoryPerBlock,
		driver.AttrWarpSize:             cu.WarpSize,
		driver.AttrMaxRegistersPerBlock: cu.MaxRegistersPerBlock,
		driver.AttrClockRate:            cu.ClockRate,
		driver.AttrMultiprocessors:      cu.MultiprocessorCount,
		driver.AttrIntegrated:           cu.Integrated,
		driver.AttrMemoryClockRate:      cu.MemoryClockRate,
		driver.AttrMemoryBusWidth:       cu.GlobalMemoryBusWidth,
		driver.AttrL2CacheSize:          cu.L2CacheSize,
		driver.AttrMaxThreadsPerSM:      cu.MaxThreadsPerMultiprocessor,
		driver.AttrAsyncEngines:         cu.AsyncEngineCount,
		driver.AttrUnifiedAddressing:    cu.UnifiedAddressing,
		driver.AttrComputeMajor:         cu.ComputeCapabilityMajor,
		driver.AttrComputeMinor:         cu.ComputeCapabilityMinor,
		driver.AttrMaxSharedPerSM:       cu.MaxSharedMemoryPerMultiprocessor,
		driver.AttrMaxRegistersPerSM:    cu.MaxRegistersPerMultiprocessor,
	} {
		if int(ours) != int(theirs) {
			t.Errorf("attribute %d is %d in cuda.h", ours, theirs)
		}
	}
	for ours, theirs := range map[driver.FuncAttribute]cu.FunctionAttribute{
		driver.FuncMaxThreads: cu.FnMaxThreadsPerBlock, driver.FuncShared: cu.SharedSizeBytes, driver.FuncConst: cu.ConstSizeBytes,
		driver.FuncLocal: cu.LocalSizeBytes, driver.FuncRegisters: cu.NumRegs, driver.FuncPTXVersion: cu.PtxVersion, driver.FuncBinaryVersion: cu.BinaryVersion,
	} {
		if int(ours) != int(theirs) {
			t.Errorf("function attribute %d is %d in cuda.h", ours, theirs)
		}
	}
	if driver.StreamNonBlocking != driver.StreamFlags(cu.NonBlocking) || driver.EventBlockingSync != driver.EventFlags(cu.BlockingSyncEvent) ||
		driver.EventDisableTiming != driver.EventFlags(cu.DisableTiming) {
		t.Error("the flags are not those of cuda.h")
	}
	for kind, code := range map[error][]int{
		driver.ErrOutOfMemory: {int(cu.OutOfMemory)},
		driver.ErrNoDevice:    {int(cu.NoDevice)},
		driver.ErrBadImage:    {int(cu.InvalidImage), int(cu.NoBinaryForGpu), int(cu.InvalidPtx)},
		driver.ErrNoDriver:    {int(cu.SharedObjectInitFailed)},
		driver.ErrTooOld:      {int(cu.SharedObjectSymbolNotFound)},
		driver.ErrDeviceLost: {int(cu.Deinitialized), int(cu.EccUncorrectable), int(cu.IllegalAddress), int(cu.LaunchTimeout), int(cu.ContextIsDestroyed), int(cu.Assert),
			int(cu.HardwareStackError), int(cu.IllegalInstruction), int(cu.MisalignedAddress), int(cu.InvalidAddressSpace), int(cu.InvalidPc), int(cu.LaunchFailed), int(cu.Unknown)},
	} {
		for _, c := range code {
			if e := (&driver.Error{Code: driver.Code(c)}); !errors.Is(e, kind) {
				t.Errorf("code %d is not %q", c, kind)
			}
		}
	}
}

// TestBothSidesShareOneContext fills memory of gorgonia.org/cu on its stream, and reads it
// through the interface.
func TestBothSidesShareOneContext(t *testing.T) {
	api, err := open(t)()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := cu.Device(0).RetainPrimaryCtx()
	if err != nil {
		t.Fatal(err)
	}
	defer cu.Device(0).ReleasePrimaryCtx()
	if err := theirs.Lock(); err != nil {
		t.Fatal(err)
	}
	defer theirs.Unlock()
	p, err := cu.MemAlloc(1000)
	if err != nil {
		t.Fatal(err)
	}
	defer cu.MemFree(p)
	s, err := cu.MakeStream(cu.DefaultStream)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Destroy()
	if err := cu.MemsetD8Async(p, 0x5A, 1000, s); err != nil {
		t.Fatal(err)
	}
	c, got := gorgoniacu.Context(theirs, 0), make([]byte, 1000)
	if err := errors.Join(api.MemcpyDtoHAsync(c, got, driver.DevPtr(p), gorgoniacu.Stream(s)), api.StreamSynchronize(c, gorgoniacu.Stream(s))); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, bytes.Repeat([]byte{0x5A}, 1000)) {
		t.Errorf("got % x...", got[:8])
	}
}

func TestStartsWithoutADriver(t *testing.T) {
	if os.Getenv("MECHA_GPU_TEST_CHILD") != "" {
		_, err := gorgoniacu.Open("")
		_, direct := cu.NumDevices()
		t.Logf("open: %v; is no driver: %v; gorgonia: %v", err, errors.Is(err, driver.ErrNoDriver), direct)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "MECHA_GPU_TEST_CHILD=1", driver.EnvLibrary+"=/nowhere/libcuda.so.1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, s := range []string{"/nowhere/libcuda.so.1", "is no driver: true", "gorgonia: SharedObjectSymbolNotFound"} {
		if !strings.Contains(string(out), s) {
			t.Errorf("%q is missing in\n%s", s, out)
		}
	}
}

func TestOneLibraryInAProcess(t *testing.T) {
	if _, err := open(t)(); err != nil {
		t.Fatal(err)
	}
	_, err := gorgoniacu.Open(os.Args[0]) // no library, and not the one in use
	if !errors.Is(err, driver.ErrNoDriver) {
		t.Errorf("got %v", err)
	}
	copied := filepath.Join(t.TempDir(), softcuda.Library)
	data, err := os.ReadFile(filepath.Join(softcuda.Build(t), softcuda.Library))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(copied, data, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := gorgoniacu.Open(copied); err == nil || !strings.Contains(err.Error(), "already uses") {
		t.Errorf("got %v", err)
	}
}

func TestBinaryIsNotLinkedAgainstLibcuda(t *testing.T) {
	out, err := exec.Command("ldd", os.Args[0]).CombinedOutput()
	if err != nil {
		t.Skipf("ldd: %v", err)
	}
	if strings.Contains(string(out), "libcuda") {
		t.Errorf("%s", out)
	}
}
