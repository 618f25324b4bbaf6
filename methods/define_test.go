package methods

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

func ExampleFused() {
	screen := Fused("screen", "Screen: 1 - (1-a)(1-b), mixed into a with weight alpha.",
		func(x ...T) T {
			a, b, alpha := x[0], x[1], x[2]
			one := a.Num(1)
			return a.Lerp(one.Sub(one.Sub(a).Mul(one.Sub(b))), alpha)
		},
		Input("a", "model"), Input("b", "model"), Factor("alpha", 1, "weight"))

	set, err := Builtin().With(screen)
	if err != nil {
		fmt.Println(err)
		return
	}
	m, _ := set.Get("screen")
	fmt.Println(m.ID, m.ParamNames())
	// Output: screen [a b alpha]
}

func ExamplePlain() {
	rowMax := Plain("row_max", "Each element less the largest of its row.", kernels.CutRows,
		func(dst []float32, src [][]float32, cols int) error {
			for i := 0; i < len(dst); i += cols {
				largest := src[0][i]
				for _, x := range src[0][i : i+cols] {
					largest = max(largest, x)
				}
				for k, x := range src[0][i : i+cols] {
					dst[i+k] = x - largest
				}
			}
			return nil
		},
		Input("a", "model"))

	set, err := Builtin().With(rowMax)
	fmt.Println(len(set.IDs())-len(Builtin().IDs()), err)
	// Output: 1 <nil>
}

func TestFusedMethodsRun(t *testing.T) {
	m := Fused("m", "", func(x ...T) T { return x[0].Mul(x[1]).Add(x[2]) },
		Input("a", ""), Factor("f", 2, ""), Option("o", IntOf(1), ""))
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	if m.Params[0].Symbol == nil || m.Params[0].Symbol != m.Return.Symbol {
		t.Error("input and result are not tied")
	}
	got, err := (&run{}).do(m, one(f32s(1, 2, 3))...)
	if err != nil {
		t.Fatal(err)
	}
	wantExact(t, "2a + 1", got, []float64{3, 5, 7})
}

func TestPlainMethodsRun(t *testing.T) {
	m := Plain("m", "", kernels.CutAnywhere, func(dst []float32, src [][]float32, _ int) error {
		for i := range dst {
			dst[i] = 0
			for _, s := range src {
				dst[i] += s[i]
			}
		}
		return nil
	}, Input("models", "").Many(1), Factor("f", 2, "").ByName())
	got, err := (&run{}).do(m, []input{f32s(1, 2), f32s(10, 20), num(100)})
	if err != nil {
		t.Fatal(err)
	}
	wantExact(t, "sum", got, []float64{113, 124})
}

func TestErrorsOfPlainMethodsAreReturned(t *testing.T) {
	m := Plain("m", "", kernels.CutNever, func([]float32, [][]float32, int) error { return fmt.Errorf("no luck") }, Input("a", ""))
	if _, err := (&run{}).do(m, one(f32s(1, 2))...); err == nil || !strings.Contains(err.Error(), "no luck") {
		t.Errorf("error %v", err)
	}
}

func TestOwnFormulasTakeNumbersOnly(t *testing.T) {
	m := Fused("m", "", func(x ...T) T { return x[0] }, Input("a", ""), Option("o", StringOf("s"), ""))
	if _, err := (&run{}).do(m, one(f32s(1))...); err == nil || !strings.Contains(err.Error(), "parameter o") {
		t.Errorf("error %v", err)
	}
}

func TestMethodsWithoutInputsAreInTheSpaceParam(t *testing.T) {
	m := Fused("m", "", func(x ...T) T { return x[0] }, Factor("f", 1, ""))
	if err := m.Validate(); err != nil || m.Return.Space != ParamSpace {
		t.Errorf("space %q, error %v", m.Return.Space, err)
	}
}
