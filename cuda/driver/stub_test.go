//go:build linux && cgo && (amd64 || arm64)

package driver_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

// stub builds testdata/stub.c into a library.
func stub(t *testing.T, flags ...string) string {
	t.Helper()
	cc := os.Getenv("CC")
	if cc == "" {
		cc = "cc"
	}
	out := filepath.Join(t.TempDir(), "libstub.so")
	args := append([]string{"-shared", "-fPIC", "-w", "-o", out, "testdata/stub.c"}, flags...)
	if text, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cc, err, text)
	}
	return out
}

func TestOpenSaysWhyThereIsNoGPU(t *testing.T) {
	noLibrary := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(noLibrary, []byte("this is no library\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, path string
		kind       error
		says       []string
	}{
		{"no such file", "/nowhere/libcuda.so.1", driver.ErrNoDriver, []string{"dlopen", "/nowhere/libcuda.so.1"}},
		{"no library", noLibrary, driver.ErrNoDriver, []string{"text.so"}},
		{"a function is missing", stub(t, "-DcuEventElapsedTime=gone"), driver.ErrTooOld, []string{"lacks cuEventElapsedTime", "newer NVIDIA driver"}},
		{"an early function is missing", stub(t, "-DcuGetErrorName=gone"), driver.ErrTooOld, []string{"lacks cuGetErrorName"}},
		{"another library", stub(t, "-DcuInit=gone"), driver.ErrNoDriver, []string{"is no CUDA driver"}},
		{"no UUID", stub(t, "-DcuDeviceGetUuid=gone"), driver.ErrTooOld, []string{"lacks cuDeviceGetUuid"}},
		{"CUDA 10.2", stub(t, "-DVERSION=10020"), driver.ErrTooOld, []string{"10.2", "11.0"}},
		{"no device", stub(t, "-DINIT=100"), driver.ErrNoDevice, []string{"cuInit", "100"}},
		{"the toolkit's placeholder", stub(t, "-DINIT=34"), driver.ErrNoDriver, []string{"cuInit", "34"}},
	} {
		api, err := driver.Open(c.path)
		if api != nil || !errors.Is(err, c.kind) {
			t.Errorf("%s: got %v, want a %q", c.name, err, c.kind)
			continue
		}
		for _, s := range c.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not contain %q", c.name, err, s)
			}
		}
		if strings.Contains(err.Error(), "on device") {
			t.Errorf("%s: %q names a device", c.name, err)
		}
	}
}

func TestOpenTakesTheNewerUUID(t *testing.T) {
	if _, err := driver.Open(stub(t, "-DcuDeviceGetUuid=cuDeviceGetUuid_v2")); err != nil {
		t.Error(err)
	}
}

func TestOpenReadsTheEnvironmentOnlyWithoutAPath(t *testing.T) {
	path := stub(t)
	t.Setenv(driver.EnvLibrary, path)
	api, err := driver.Open("")
	if err != nil || api.Library() != path {
		t.Errorf("got %v, %v", api, err)
	}
	if _, err := driver.Open("/nowhere"); !errors.Is(err, driver.ErrNoDriver) {
		t.Errorf("a path that is not there: %v", err)
	}
}

// second returns the error of a call with a result.
func second[T any](_ T, err error) error { return err }

// TestEveryMethodCallsTheFunctionItNames runs each method on a library whose functions fail
// with their own names.
func TestEveryMethodCallsTheFunctionItNames(t *testing.T) {
	api, err := driver.Open(stub(t))
	if err != nil {
		t.Fatal(err)
	}
	c, one, b := driver.Context{Device: 3, Handle: 64}, driver.Dims{}, make([]byte, 8)
	_, _, info := api.MemGetInfo(c)
	calls := map[string]error{
		"cuDeviceGetCount":                            second(api.DeviceCount()),
		"cuDeviceGet":                                 second(api.DeviceGet(3)),
		"cuDeviceGetName":                             second(api.DeviceName(3)),
		"cuDeviceGetAttribute":                        second(api.DeviceAttribute(3, driver.AttrWarpSize)),
		"cuDeviceGetUuid":                             second(api.DeviceUUID(3)),
		"cuDeviceGetPCIBusId":                         second(api.DevicePCIBusID(3)),
		"cuDeviceTotalMem_v2":                         second(api.DeviceTotalMem(3)),
		"cuDevicePrimaryCtxRetain":                    second(api.PrimaryCtxRetain(3)),
		"cuDevicePrimaryCtxRelease_v2":                api.PrimaryCtxRelease(3),
		"cuCtxSynchronize":                            api.CtxSynchronize(c),
		"cuMemGetInfo_v2":                             info,
		"cuModuleLoadDataEx":                          second(api.ModuleLoadData(c, b)),
		"cuModuleUnload":                              api.ModuleUnload(c, 1),
		"cuModuleGetFunction":                         second(api.ModuleGetFunction(c, 1, "f")),
		"cuFuncGetAttribute":                          second(api.FuncGetAttribute(c, 1, driver.FuncLocal)),
		"cuFuncSetAttribute":                          api.FuncSetAttribute(c, 1, driver.FuncMaxDynamicShared, 1),
		"cuOccupancyMaxActiveBlocksPerMultiprocessor": second(api.Occupancy(c, 1, 1, 0)),
		"cuLaunchKernel":                              api.LaunchKernel(c, 1, one, 0, nil),
		"cuMemAlloc_v2":                               second(api.MemAlloc(c, 1)),
		"cuMemFree_v2":                                api.MemFree(c, 1),
		"cuMemHostAlloc":                              second(api.MemHostAlloc(c, 1, 0)),
		"cuMemFreeHost":                               api.MemFreeHost(c, b),
		"cuMemHostRegister_v2":                        api.MemHostRegister(c, b, 0),
		"cuMemHostUnregister":                         api.MemHostUnregister(c, b),
		"cuMemsetD8Async":                             api.MemsetD8Async(c, 1, 0, 1, 0),
		"cuMemcpyHtoDAsync_v2":                        api.MemcpyHtoDAsync(c, 1, b, 0),
		"cuMemcpyDtoHAsync_v2":                        api.MemcpyDtoHAsync(c, b, 1, 0),
		"cuMemcpyDtoDAsync_v2":                        api.MemcpyDtoDAsync(c, 1, 2, 1, 0),
		"cuStreamCreate":                              second(api.StreamCreate(c, 0)),
		"cuStreamDestroy_v2":                          api.StreamDestroy(c, 1),
		"cuStreamSynchronize":                         api.StreamSynchronize(c, 1),
		"cuStreamQuery":                               second(api.StreamQuery(c, 1)),
		"cuStreamWaitEvent":                           api.StreamWaitEvent(c, 1, 1),
		"cuEventCreate":                               second(api.EventCreate(c, 0)),
		"cuEventDestroy_v2":                           api.EventDestroy(c, 1),
		"cuEventRecord":                               api.EventRecord(c, 1, 1),
		"cuEventQuery":                                second(api.EventQuery(c, 1)),
		"cuEventSynchronize":                          api.EventSynchronize(c, 1),
		"cuEventElapsedTime":                          second(api.EventElapsedTime(c, 1, 2)),
	}
	for name, err := range calls {
		var e *driver.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: got %v", name, err)
			continue
		}
		call, _, _ := strings.Cut(e.Call, "(")
		if e.Name != name || call != name || e.Text != "unknown error" {
			t.Errorf("%s: the driver got %s, the error says %v", name, e.Name, e)
		}
		if want := driver.Device(3); e.Device != want && name != "cuDeviceGetCount" {
			t.Errorf("%s: device %d, want %d", name, e.Device, want)
		}
	}
}
