package tests

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/mecha-gpu/mecha-gpu"

// room is a package, what it may import beside the standard library, and why not more.
// A name that ends in "/" stands for a module outside this one and all its packages.
type room struct {
	name string
	may  []string
	why  string
}

// rooms is the table of imports: an edge that is not listed is a mistake. The root package
// is called "mecha".
var rooms = []room{
	{"tensor", nil, "it is the vocabulary that everyone shares"},
	{"kernels", []string{"tensor"}, "what an operation means depends on no device and no file"},
	{"kernels/simd", []string{"kernels", "tensor", "golang.org/x/sys/"}, "it runs Programs and knows nothing else"},
	{"device", []string{"kernels", "tensor"}, "it is a contract"},
	{"device/cpu", []string{"device", "kernels", "kernels/simd", "tensor", "golang.org/x/sys/"}, "a device sees neither files nor methods"},
	{"device/exam", []string{"device", "kernels", "tensor"}, "every device passes the same exam, so it knows none of them"},
	{"device/gorgonia", []string{"kernels", "stream/memory", "tensor", "gorgonia.org/tensor/"}, "it carries state dicts to and from another library's tensors"},
	{"cuda/driver", nil, "it is the calls of the CUDA driver and nothing else"},
	{"cuda/driver/drivertest", []string{"cuda/driver"}, "every binding passes the same tests, so they know none of them"},
	{"cuda/driver/gorgoniacu", []string{"cuda/driver", "gorgonia.org/cu/"}, "it is the same calls over gorgonia.org/cu, under a build tag"},
	{"device/gauge", []string{"device", "kernels", "tensor"}, "it measures every device through the contract"},
	{"cuda/kernels", []string{"kernels", "tensor"}, "it makes code for the GPU and knows no driver"},
	{"cuda/kernels/gen", []string{"cuda/kernels"}, "it writes a header of the kernels"},
	{"cuda", []string{"device", "kernels", "tensor", "cuda/driver", "cuda/kernels"}, "a device sees neither files nor methods"},
	{"stream/vfs", []string{"golang.org/x/sys/"}, "it is the file system"},
	{"stream/vfs/errorfs", []string{"stream/vfs"}, "it wraps any file system"},
	{"stream/internal/extent", nil, "it counts positions"},
	{"stream/safetensors", []string{"tensor", "stream/vfs", "stream/internal/extent"}, "a format knows nothing of merging"},
	{"stream/memory", []string{"tensor", "stream/internal/extent"}, "state dicts in memory need no file"},
	{"recipe/config", []string{"tensor", "gopkg.in/yaml.v3"}, "a model config is data, which users write as YAML"},
	{"recipe/blocks", []string{"tensor", "recipe/config", "gopkg.in/yaml.v3"}, "weights of blocks are text that becomes numbers"},
	{"methods/linalg", nil, "it factors numbers in slices and nothing else"},
	{"methods", []string{"tensor", "kernels", "methods/linalg", "recipe/config"}, "a formula sees neither files nor devices"},
	{"recipe", []string{"tensor", "methods", "recipe/config"}, "recipes are text and graphs: no file, no device"},
	{"recipe/script", []string{"tensor", "methods", "recipe", "recipe/blocks", "recipe/config", "go.starlark.net/"}, "a program makes a graph: no file, no device"},
	{"recipe/draw", []string{"tensor", "methods", "recipe", "recipe/config"}, "a picture shows a graph: no file, no device"},
	{"plan", []string{"tensor", "kernels", "device", "methods", "recipe", "recipe/config"}, "a plan is computed from headers that come in as values"},
	{"stream/run", []string{"tensor", "kernels", "device", "plan"}, "the run loop does not know whether a source is a file or memory"},
	{"mecha", []string{"tensor", "kernels", "device", "device/cpu", "stream/vfs", "stream/safetensors", "stream/memory", "stream/run",
		"recipe", "recipe/blocks", "recipe/config", "recipe/draw", "recipe/script", "methods", "plan", "golang.org/x/sys/"}, "the front door uses the rooms; devices other than the CPU come in as openers"},
	{"cmd/mecha-gpu", []string{"mecha", "tensor", "device", "device/cpu", "device/gauge", "cuda", "kernels/simd", "methods", "recipe/config",
		"github.com/spf13/cobra/", "github.com/spf13/pflag/", "github.com/schollz/progressbar/", "golang.org/x/term/"}, "the command is flags, signals and printing; the work is behind the front door"},
	{"scripts/mksample", []string{"scripts/internal/sample"}, "samples are written independently of the code that reads them"},
	{"scripts/bench", []string{"scripts/internal/sample", "golang.org/x/sys/"}, "the bench measures the program from outside"},
	{"scripts/fullsize", []string{"scripts/internal/sample"}, "it judges the program from outside"},
	{"scripts/internal/sample", nil, "samples are written independently of the code that reads them"},
	{"scripts/size", nil, "it reads source files"},
	{"tests/softcuda", nil, "it builds a library and reads its log; what it is used for is the tests' business"},
	{"tests", nil, "only tests are there, and they may use everything"},
}

// gopackage is what `go list -json` says of a package.
type gopackage struct {
	ImportPath string
	Imports    []string
}

// goList runs go list and returns the packages it names.
func goList(t *testing.T, args ...string) []gopackage {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = ".."
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	var list []gopackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p gopackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// roomName returns how the table calls a package of the module, and other packages
// unchanged.
func roomName(path string) string {
	if path == module {
		return "mecha"
	}
	return strings.TrimPrefix(path, module+"/")
}

// standard reports whether a package is of the standard library: its first element has no
// dot.
func standard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

// allowed reports whether the table has the edge from r to the package.
func (r room) allowed(path string) bool {
	return slices.ContainsFunc(r.may, func(m string) bool {
		return roomName(path) == m || strings.HasSuffix(m, "/") && strings.HasPrefix(path+"/", m)
	})
}

// wrongEdges returns a line for each import that the table does not have.
func wrongEdges(list []gopackage) []string {
	var wrong []string
	for _, p := range list {
		name := roomName(p.ImportPath)
		i := slices.IndexFunc(rooms, func(r room) bool { return r.name == name })
		if i < 0 {
			wrong = append(wrong, fmt.Sprintf("%s is not in the table of imports; add it with what it may import and why", name))
			continue
		}
		for _, path := range p.Imports {
			if !standard(path) && !rooms[i].allowed(path) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which is not listed: %s", name, roomName(path), rooms[i].why))
			}
		}
	}
	return wrong
}

func TestImportsGoOneWay(t *testing.T) {
	for _, w := range wrongEdges(goList(t, "./...")) {
		t.Error(w)
	}
}

func TestImportTableFindsAnUpwardEdge(t *testing.T) {
	got := wrongEdges([]gopackage{
		{module + "/tensor", []string{"fmt", module + "/kernels"}},
		{module + "/device", []string{module + "/tensor", "example.org/x"}},
		{module + "/kernels/simd", []string{"golang.org/x/sys/cpu", "unsafe"}},
		{module + "/nowhere", nil},
	})
	want := []string{"tensor imports kernels", "device imports example.org/x", "nowhere is not in the table"}
	if len(got) != len(want) {
		t.Fatalf("got %q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("got %q, want %q...", got[i], want[i])
		}
	}
}

func TestImportTableHasNoCycle(t *testing.T) {
	seen := map[string]int{} // 1: being visited, 2: done
	var visit func(name string)
	visit = func(name string) {
		if seen[name] == 1 {
			t.Errorf("the table of imports has a cycle through %s", name)
		}
		if seen[name] != 0 {
			return
		}
		seen[name] = 1
		for _, r := range rooms {
			if r.name == name {
				for _, m := range r.may {
					visit(m)
				}
			}
		}
		seen[name] = 2
	}
	for _, r := range rooms {
		visit(r.name)
	}
}

// The tensor library and the CUDA binding of gorgonia are optional: they are linked only
// by programs that import the rooms made for them.
func TestDefaultBuildLinksNoGorgonia(t *testing.T) {
	for _, p := range goList(t, "-deps", ".", "./cmd/mecha-gpu") {
		if strings.HasPrefix(p.ImportPath, "gorgonia.org/") {
			t.Errorf("the default build links %s", p.ImportPath)
		}
	}
}
