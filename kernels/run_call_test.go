package kernels

import (
	"errors"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestRunCallGivesTheFunctionItsElements(t *testing.T) {
	f := &GoFunc{Name: "weigh", Cut: CutRows, Fn: func(dst []float32, src [][]float32, cols int) error {
		for i := range dst {
			dst[i] = src[0][i] + src[1][i]*float32(cols)
		}
		return nil
	}}
	x := append(bytesOf(tensor.F32, 1, 2, 3, 4), bytesOf(tensor.F32, 10, 20, 30, 40, 0, 0, 0, 0)...)
	m := HostMem(x)
	c := &Call{Func: f, Cols: 2, Dst: Span{m, 32, 16}, Src: []Span{{m, 0, 16}, {m, 16, 16}}}
	if err := RunCall(c); err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 4)
	Widen(got, x[32:], tensor.F32)
	if want := [4]float32{21, 42, 63, 84}; [4]float32(got) != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestRunCallRefusesWhatDoesNotFit(t *testing.T) {
	boom := errors.New("no")
	fail := func([]float32, [][]float32, int) error { return boom }
	m := HostMem(make([]byte, 64))
	for what, c := range map[string]*Call{
		"short source":   {Func: &GoFunc{Fn: fail}, Dst: Span{m, 0, 16}, Src: []Span{{m, 16, 12}}},
		"part of a row":  {Func: &GoFunc{Fn: fail, Cut: CutRows}, Cols: 3, Dst: Span{m, 0, 16}},
		"not aligned":    {Func: &GoFunc{Fn: fail}, Dst: Span{m, 1, 16}},
		"not in memory":  {Func: &GoFunc{Fn: fail}, Dst: Span{m, 56, 16}},
		"half a float":   {Func: &GoFunc{Fn: fail}, Dst: Span{m, 0, 6}},
		"own failure":    {Func: &GoFunc{Fn: fail}, Dst: Span{m, 0, 16}},
		"panic":          {Func: &GoFunc{Fn: func([]float32, [][]float32, int) error { panic("oh") }}, Dst: Span{m, 0, 16}},
		"device address": {Func: &GoFunc{Fn: fail}, Dst: Span{&Mem{Handle: 8, Size: 64}, 0, 16}},
	} {
		c.Func.Name = "mine"
		err := RunCall(c)
		if err == nil || !strings.Contains(err.Error(), `"mine"`) {
			t.Errorf("%s: error %v", what, err)
		}
		if (what == "own failure") != errors.Is(err, boom) {
			t.Errorf("%s: error %v", what, err)
		}
	}
}
