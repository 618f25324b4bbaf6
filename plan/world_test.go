package plan_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// cpuInfo is a device like the CPU.
var cpuInfo = device.Info{Name: "cpu", Depth: 1, UnitBytes: 512 << 10, Workers: 2, Rates: device.Rates{Read: 1e9, Compute: 1e9, Write: 1e9}}

// header makes a header from lines "key DTYPE 2,3": a line without axes is a scalar.
func header(t testing.TB, lines ...string) *tensor.Header {
	t.Helper()
	h := tensor.NewHeader(len(lines))
	pos := int64(0)
	for _, line := range lines {
		f := strings.Fields(line)
		var shape tensor.Shape
		if len(f) > 2 {
			for _, x := range strings.Split(f[2], ",") {
				var n int64
				if _, err := fmt.Sscan(x, &n); err != nil {
					t.Fatal(err)
				}
				shape = append(shape, n)
			}
		}
		d, ok := tensor.ParseDType(f[1])
		var err error
		if ok {
			err = h.Add(f[0], d, shape, pos)
		} else {
			err = h.AddUnknown(f[0], f[1], shape, pos, 8)
		}
		if err != nil {
			t.Fatal(err)
		}
		pos += h.At(h.Len() - 1).Size
	}
	return h
}

// merge is a recipe with the headers of its models, by path.
type merge struct {
	recipe string // lines after "version 0.1.0"
	models map[string][]string
	own    []*methods.Method
	space  methods.Space
	o      plan.Options
	info   device.Info
}

// solve parses and solves.
func (m merge) solve(t testing.TB) *recipe.Solved {
	t.Helper()
	env := recipe.Builtin()
	var err error
	if env.Methods, err = env.Methods.With(m.own...); err != nil {
		t.Fatal(err)
	}
	g, err := recipe.Parse([]byte("version 0.1.0\n"+m.recipe+"\n"), "test.mecha", env)
	if err != nil {
		t.Fatal(err)
	}
	var models []recipe.Model
	for _, p := range g.Models() {
		models = append(models, recipe.Model{Path: p, Header: header(t, m.models[p]...)})
	}
	if m.space == "" {
		m.space = recipe.AnySpace
	}
	s, err := recipe.Solve(context.Background(), g, models, recipe.Options{MergeSpace: m.space, Compat: m.o.Compat})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (m merge) plan(t testing.TB) (*plan.Plan, error) {
	t.Helper()
	if m.o.MaxRAM == 0 {
		m.o.MaxRAM = 1 << 30
	}
	if m.info.Name == "" {
		m.info = cpuInfo
	}
	return plan.New(context.Background(), m.solve(t), []device.Info{m.info}, m.o)
}

// must plans a merge that can be planned.
func (m merge) must(t testing.TB) *plan.Plan {
	t.Helper()
	p, err := m.plan(t)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// entries lists the outputs as "key DTYPE [shape]".
func entries(p *plan.Plan) []string {
	var list []string
	for i := range p.Layouts[0].Len() {
		e := p.Layouts[0].At(i)
		list = append(list, fmt.Sprint(e.Key, " ", e.DType, " ", e.Shape))
	}
	return list
}

// job makes the job of a key.
func job(t testing.TB, p *plan.Plan, key string, gone ...int) *plan.Job {
	t.Helper()
	i, ok := p.Layouts[0].Lookup(key)
	if !ok {
		t.Fatalf("no key %s", key)
	}
	j, err := p.Generate(i, gone)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// reads lists what a job reads as "model:entry".
func reads(j *plan.Job) string {
	var list []string
	for _, s := range j.Segments {
		for _, r := range s.Reads {
			list = append(list, fmt.Sprintf("%d:%d", r.Model, r.Entry))
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
