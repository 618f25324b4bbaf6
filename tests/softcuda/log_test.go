package softcuda

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestLogsAreRead(t *testing.T) {
	log, err := ParseLog(`acquire kind=context id=0
call n=1 name=cuDevicePrimaryCtxRetain result=0
acquire kind=alloc id=1 bytes=16
acquire kind=alloc id=2 bytes=16
call n=2 name=cuMemAlloc_v2 result=2
op stream=1 n=4 kind=h2d bytes=4096 delay=120
violation h2d of 4 bytes: pinned 1 was changed
release kind=alloc id=1
leak kind=alloc id=2
release kind=context id=0
`)
	want := Log{
		Calls:      []Call{{"cuDevicePrimaryCtxRetain", 0}, {"cuMemAlloc_v2", 2}},
		Ops:        []Op{{Stream: 1, N: 4, Kind: "h2d", Bytes: 4096, Delay: 120}},
		Violations: []string{"h2d of 4 bytes: pinned 1 was changed"},
		Leaks:      []Thing{{"alloc", 2}},
	}
	if err != nil || !reflect.DeepEqual(log, want) {
		t.Errorf("got %+v, %v; want %+v", log, err, want)
	}
	if n := log.Count("cuMemAlloc"); n != 1 {
		t.Errorf("%d calls of cuMemAlloc, want 1", n)
	}
}

func TestBrokenLogsAreRefused(t *testing.T) {
	for _, text := range []string{"cal n=1", "release kind=alloc id=1\n"} {
		if _, err := ParseLog(text); err == nil {
			t.Errorf("%q was accepted", text)
		}
	}
}

func TestEnvironmentPointsAtTheDriver(t *testing.T) {
	t.Setenv("SOFTCUDA_MEMORY", "1M")
	t.Setenv("CUDA_VISIBLE_DEVICES", "3")
	t.Setenv("LD_LIBRARY_PATH", "/elsewhere")
	env := Env("/driver", "SOFTCUDA_DEVICES=2")
	for _, want := range []string{"LD_LIBRARY_PATH=/driver:/elsewhere", "MECHA_GPU_LIBCUDA=/driver/libcuda.so.1", "SOFTCUDA_DEVICES=2"} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is not set", want)
		}
	}
	for _, e := range env {
		if strings.HasPrefix(e, "SOFTCUDA_MEMORY=") || strings.HasPrefix(e, "CUDA_VISIBLE_DEVICES=") || e == "LD_LIBRARY_PATH=/elsewhere" {
			t.Errorf("%s is passed on", e)
		}
	}
}

func TestBuildingAtOnceGivesOneLibrary(t *testing.T) {
	Build(t)
	var folders [4]string
	var group sync.WaitGroup
	for i := range folders {
		group.Go(func() {
			dir, err := build()
			if err != nil {
				t.Error(err)
			}
			folders[i] = dir
		})
	}
	group.Wait()
	for _, dir := range folders {
		if dir != folders[0] {
			t.Errorf("folders %v", folders)
		}
	}
	if _, err := os.Stat(filepath.Join(folders[0], Library)); err != nil {
		t.Error(err)
	}
}
