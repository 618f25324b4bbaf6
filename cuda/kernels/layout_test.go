package ptx

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

func TestTheHeaderOfTheKernelsIsWhatGoSays(t *testing.T) {
	got, err := os.ReadFile("layout.h")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != Header() {
		t.Error("layout.h is not what layout.go gives; run go generate")
	}
}

func TestNamesOfTheLayoutAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, n := range layout() {
		if seen[n.name] {
			t.Errorf("%s appears twice", n.name)
		}
		seen[n.name] = true
	}
}

func TestOperationsOfTheDeviceFollowThoseOfPrograms(t *testing.T) {
	if most := slices.Max(kernels.Ops()); int(most) >= opStore {
		t.Errorf("operation %v has the number %d, but those of the device start at %d", most, most, opStore)
	}
}

func TestArgumentsHaveTheSizesOfTheKernelsParameters(t *testing.T) {
	want := map[string]int{"copy_rows": int(unsafe.Sizeof(CopyArgs{})), "clear_rows": int(unsafe.Sizeof(CopyArgs{})), ProductEntry: int(unsafe.Sizeof(ProductArgs{}))}
	for _, byVec := range entries {
		for _, name := range byVec {
			want[name] = int(unsafe.Sizeof(RunArgs{}))
		}
	}
	if want["run_f32x4"] != runArgsBytes || want["copy_rows"] != copyArgsBytes || want[ProductEntry] != productArgsBytes {
		t.Error("the sizes in the layout are not those of the Go types")
	}
	got := map[string]int{}
	entry := regexp.MustCompile(`(?s)\.visible \.entry (\w+)\(([^)]*)\)`)
	param := regexp.MustCompile(`\.param \.align 8 \.b8 \w+\[(\d+)\]`)
	for _, e := range entry.FindAllStringSubmatch(image, -1) {
		params := param.FindAllStringSubmatch(e[2], -1)
		if len(params) != 1 || strings.Count(e[2], ".param") != 1 {
			t.Fatalf("%s has other parameters than one struct: %s", e[1], e[2])
		}
		got[e[1]], _ = strconv.Atoi(params[0][1])
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("the PTX has the entry points and bytes of parameters %v, want %v", got, want)
	}
}

func TestThePTXRunsOnEveryGPUFromVolta(t *testing.T) {
	for _, line := range []string{".version 7.0\n", ".target sm_70\n", ".address_size 64\n"} {
		if !strings.Contains(image, line) {
			t.Errorf("the PTX has no line %q", line)
		}
	}
	if m := Module(); m[len(m)-1] != 0 || strings.IndexByte(string(m), 0) != len(m)-1 {
		t.Error("the module does not end with its one zero byte")
	}
}
