package tests

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// conformanceCase is case.json: one merge as the reference did it.
type conformanceCase struct {
	Name        string `json:"name"`
	MergeDType  string `json:"merge_dtype"`
	OutputDType string `json:"output_dtype"`
	Tolerance   string `json:"tolerance"` // "exact", "rel:E", "spread:E", "ulp16:N"
	Keys        string `json:"keys"`      // "same" or "at_least"
	Note        string `json:"note"`
	Options     struct {
		MergeSpace string `json:"strict_merge_space"`
	} `json:"options"`
}

// TestConformance runs the cases in testdata and those in the folder that
// MECHA_CONFORMANCE names. A case whose method or model config is not available yet is
// skipped; the skips are counted.
func TestConformance(t *testing.T) {
	folders := []string{"testdata/conformance"}
	if more := os.Getenv("MECHA_CONFORMANCE"); more != "" {
		folders = append(folders, more)
	}
	for _, folder := range folders {
		cases, _ := filepath.Glob(filepath.Join(folder, "*", "case.json"))
		if len(cases) == 0 {
			t.Errorf("%s holds no case", folder)
		}
		ran, skipped := 0, 0
		for _, path := range cases {
			dir := filepath.Dir(path)
			t.Run(filepath.Base(dir), func(t *testing.T) {
				if err := runCase(t, dir); errors.Is(err, errUnavailable) {
					skipped++
					t.Skip(err)
				} else if err != nil {
					t.Error(err)
				}
				ran++
			})
		}
		t.Logf("%s: %d cases ran, %d skipped", folder, ran, skipped)
		fmt.Printf("conformance: %s: %d cases ran, %d skipped because a method or model config is not available yet\n", filepath.Base(folder), ran, skipped)
	}
}

var errUnavailable = errors.New("not available yet")

func runCase(t *testing.T, dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		return err
	}
	var c conformanceCase
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	o := onSuiteDevice(mecha.Options{ModelDirs: []string{dir}, MergeSpace: c.Options.MergeSpace})
	if strings.HasPrefix(c.Note, "compat") {
		o.Compat = "sd-mecha-1.1.5"
	}
	if o.MergeDType, err = tensor.ParseRecipeDType(c.MergeDType); err != nil {
		return err
	}
	if o.OutputDType, err = tensor.ParseRecipeDType(c.OutputDType); err != nil {
		return err
	}
	ctx := context.Background()
	out := filepath.Join(t.TempDir(), "out.safetensors")
	r, err := mecha.LoadRecipe(ctx, filepath.Join(dir, "recipe.mecha"), o)
	if err == nil {
		_, err = mecha.Merge(ctx, r, out, o)
	}
	if err != nil {
		if strings.Contains(err.Error(), errUnavailable.Error()) {
			return fmt.Errorf("%w: %v", errUnavailable, err)
		}
		return err
	}
	return compareFiles(ctx, out, filepath.Join(dir, "expected.safetensors"), &c)
}

// compareFiles checks every tensor of the expected file.
func compareFiles(ctx context.Context, got, want string, c *conformanceCase) error {
	g, err := safetensors.Open(ctx, vfs.OS{}, got)
	if err != nil {
		return err
	}
	defer g.Close()
	w, err := safetensors.Open(ctx, vfs.OS{}, want)
	if err != nil {
		return err
	}
	defer w.Close()
	if c.Keys == "same" && g.Header().Len() != w.Header().Len() {
		return fmt.Errorf("%d keys, expected %d", g.Header().Len(), w.Header().Len())
	}
	for i := range w.Header().Len() {
		if err := compareTensor(g, w, i, c); err != nil {
			return fmt.Errorf("key %q: %w", w.Header().At(i).Key, err)
		}
	}
	return nil
}

func compareTensor(g, w tensor.Source, i int, c *conformanceCase) error {
	we := w.Header().At(i)
	k, ok := g.Header().Lookup(we.Key)
	if !ok {
		return errors.New("is not in the output")
	}
	ge := g.Header().At(k)
	if ge.DType != we.DType && !ge.DType.IsInteger() {
		return fmt.Errorf("stored as %v, expected %v", ge.DType, we.DType)
	}
	if !ge.Shape.Equal(we.Shape) {
		return fmt.Errorf("shape %v, expected %v", ge.Shape, we.Shape)
	}
	x, err := load(g, ge)
	if err != nil {
		return err
	}
	y, err := load(w, we)
	if err != nil {
		return err
	}
	return within(x, y, c.Tolerance)
}

func load(s tensor.Source, e tensor.Entry) ([]float64, error) {
	b := make([]byte, e.Size)
	if err := s.ReadAt(b, e.Pos); err != nil {
		return nil, err
	}
	x := make([]float64, e.Shape.N())
	kernels.Widen64(x, b, e.DType)
	return x, nil
}

// within compares got with want by a tolerance as the cases state it.
func within(got, want []float64, tolerance string) error {
	kind, arg, _ := strings.Cut(tolerance, ":")
	e, _ := strconv.ParseFloat(arg, 64)
	var limit func(want float64) float64
	switch kind {
	case "exact":
		limit = func(float64) float64 { return 0 }
	case "rel":
		largest := 0.0
		for _, x := range want {
			if !math.IsInf(x, 0) && x == x {
				largest = max(largest, math.Abs(x))
			}
		}
		limit = func(float64) float64 { return e * largest }
	case "spread":
		limit = func(float64) float64 { return e * deviation(want) }
	case "ulp16":
		limit = func(x float64) float64 { return e * ulp16(x) }
	default:
		return fmt.Errorf("unknown tolerance %q", tolerance)
	}
	for i := range want {
		if got[i] == want[i] || got[i] != got[i] && want[i] != want[i] {
			continue
		}
		if d := math.Abs(got[i] - want[i]); !(d <= limit(want[i])) {
			return fmt.Errorf("element %d is %v, expected %v (difference %g, tolerance %s)", i, got[i], want[i], d, tolerance)
		}
	}
	return nil
}

func deviation(x []float64) float64 {
	var sum, sq float64
	for _, v := range x {
		sum += v
	}
	mean := sum / float64(len(x))
	for _, v := range x {
		sq += (v - mean) * (v - mean)
	}
	return math.Sqrt(sq / float64(len(x)))
}

// ulp16 is the distance of float16 values near x.
func ulp16(x float64) float64 {
	_, exp := math.Frexp(x)
	return math.Ldexp(1, max(exp-11, -24))
}
