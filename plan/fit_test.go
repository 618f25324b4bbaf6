package plan_test

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// lerpOf merges two models that have the given keys.
func lerpOf(method string, keys ...string) merge {
	return merge{recipe: two + `merge "` + method + `" &0 &1 alpha=0.3`, models: map[string][]string{"a": keys, "b": keys}}
}

// TestMemoryIsTakenFromUnitsThenFromWorkers lowers the limit until a merge is refused.
func TestMemoryIsTakenFromUnitsThenFromWorkers(t *testing.T) {
	m := lerpOf("weighted_sum", "x F16 4096,4096")
	m.o.MaxRAM = 1 << 30
	p := m.must(t)
	if r := p.Ring; r.Workers != 2 || r.Depth != 1 || r.UnitBytes != 512<<10 || r.SlotBytes < 3*512<<10 || r.SlotBytes > 3*512<<10+8192 {
		t.Errorf("with much memory: %+v", r)
	}
	last, need := p.Ring, int64(0)
	for have := int64(8 << 20); ; have -= 16 << 10 {
		m.o.MaxRAM = have
		p, err := m.plan(t)
		if err != nil {
			if tensor.ClassOf(err) != tensor.ClassFit || last.Workers != 1 {
				t.Fatalf("%d bytes: %v after %+v", have, err, last)
			}
			text := regexp.MustCompile(`found (.*), expected at least (.*) \(`).FindStringSubmatch(err.Error())
			if text == nil || text[1] != tensor.Bytes(have) {
				t.Errorf("message %q", err)
			}
			need = have + 16<<10
			break
		}
		r := p.Ring
		switch {
		case p.HostBytes > have || p.Standing > have:
			t.Fatalf("%d bytes: plans %d", have, p.HostBytes)
		case r.Workers > last.Workers || r.Workers == last.Workers && r.UnitBytes > last.UnitBytes:
			t.Fatalf("%d bytes: %+v after %+v", have, r, last)
		}
		j := job(t, p, "x")
		if n := j.Segments[0].UnitElems(0, r, false); n < 1 {
			t.Fatalf("%d bytes: no unit fits %+v", have, r)
		}
		last = r
	}
	if last.UnitBytes > 2<<10 || need > 2<<20 {
		t.Errorf("refused below %d bytes, with units of %d", need, last.UnitBytes)
	}
}

// TestEveryKeyFitsASlot plans keys that need much for different reasons, with little memory:
// the one that decides is neither the longest nor the one that wants most.
func TestEveryKeyFitsASlot(t *testing.T) {
	rows := methods.Plain("rows", "a test", 1, func(dst []float32, src [][]float32, cols int) error { copy(dst, src[0]); return nil }, methods.Input("a", "a model"))
	keys := []string{"long F16 4096,4096", "wide F16 1,100000", "tall F16 100000,1", "flat F16 4,20000"}
	masks := []string{"long F32 1,4096", "wide F32 100000", "tall F32 100000,1", "flat F32 20000"}
	m := merge{recipe: two + "model \"m\" merge_space=\"param\"\nmerge \"weighted_sum\" &0 &1 alpha=&2\nmerge \"rows\" &3",
		models: map[string][]string{"a": keys, "b": keys, "m": masks}, own: []*methods.Method{rows}}
	for have := int64(64 << 20); ; have = have * 4 / 5 {
		m.o.MaxRAM = have
		p, err := m.plan(t)
		if err != nil {
			if have > 8<<20 {
				t.Errorf("refused with %d bytes: %v", have, err)
			}
			return
		}
		for i := range p.Jobs {
			j, err := p.Generate(i, nil)
			if err != nil {
				t.Fatal(err)
			}
			for s := range j.Segments[0].Inst.Sweeps {
				if j.Segments[0].UnitElems(s, p.Ring, false) == 0 {
					t.Fatalf("%d bytes: a unit of %s does not fit %+v", have, j.Key(), p.Ring)
				}
			}
		}
	}
}

// TestAnyOptionsFit plans with sizes that make no sense.
func TestAnyOptionsFit(t *testing.T) {
	for _, o := range []plan.Options{{UnitBytes: 1}, {Workers: 1 << 30}, {Depth: 9}, {UnitBytes: 1 << 40}, {Workers: 3, Depth: 3, UnitBytes: 777}} {
		for _, have := range []int64{2 << 20, 1 << 30, 1 << 62} {
			m := lerpOf("slerp", "x F16 4096,4096", "q F4 8,8", "s F32", "e F16 0,3")
			m.o, m.o.MaxRAM = o, have
			p, err := m.plan(t)
			if err != nil {
				if tensor.ClassOf(err) != tensor.ClassFit || have > 2<<20 && o.UnitBytes < 1<<30 {
					t.Errorf("%+v: %v", o, err)
				}
				continue
			}
			if p.HostBytes > have || p.Ring.SlotBytes < 1024 || p.Ring.Workers < 1 || p.Ring.Workers > max(o.Workers, 2) {
				t.Errorf("%+v: %d bytes, %+v", o, p.HostBytes, p.Ring)
			}
		}
	}
}

// TestSourcesAreReadOnceIfTheyFit plans a method of two sweeps: a tensor stays in memory if
// there is room, and the totals say what is read.
func TestSourcesAreReadOnceIfTheyFit(t *testing.T) {
	const size = 4096 * 4096 * 2
	for _, c := range []struct {
		ram      int64
		resident bool
		read     int64
	}{{256 << 20, true, 2 * size}, {32 << 20, false, 4 * size}} {
		m := lerpOf("slerp", "x F16 4096,4096", "tiny F16 4")
		m.o.MaxRAM = c.ram
		p := m.must(t)
		j := job(t, p, "x")
		if j.Resident != c.resident || j.Resident && j.Lease != 2*plan.Align(size) || !j.Resident && j.Lease != 0 {
			t.Errorf("%d bytes: resident %v, lease %d", c.ram, j.Resident, j.Lease)
		}
		if p.Totals.BytesRead != c.read+16 {
			t.Errorf("%d bytes: %d are read, want %d", c.ram, p.Totals.BytesRead, c.read+16)
		}
		if tiny := job(t, p, "tiny"); tiny.Resident || tiny.Lease != 0 {
			t.Errorf("a key that fits a slot leases %d bytes", tiny.Lease)
		}
		if want := p.Standing + 2*size; c.resident != (p.HostBytes >= want) || p.HostBytes > c.ram {
			t.Errorf("%d bytes: plans %d, standing %d", c.ram, p.HostBytes, p.Standing)
		}
	}
}

func TestTimeIsEstimatedFromRates(t *testing.T) {
	p := lerpOf("weighted_sum", "x F16 1000").must(t)
	got := p.Seconds(device.Rates{Read: 4000, Compute: 6000, Write: 1000})
	if got != 1+1+2 {
		t.Errorf("%v seconds", got)
	}
	if p.Seconds(device.Rates{}) != 0 {
		t.Error("unknown rates take time")
	}
}

// TestDeepRecipesArePlanned plans a chain, and a tower in which every node is used twice.
func TestDeepRecipesArePlanned(t *testing.T) {
	models := map[string][]string{"a": {"x F16 2", "y F32 3"}, "b": {"x F16 2"}}
	chain, tower := &strings.Builder{}, &strings.Builder{}
	chain.WriteString(two)
	tower.WriteString(two)
	for i := range 10_000 {
		fmt.Fprintf(chain, "merge \"weighted_sum\" &%d &%d alpha=0.3\n", i+1, i%2)
	}
	for i := range 40 {
		fmt.Fprintf(tower, "merge \"weighted_sum\" &%d &%d alpha=0.3\n", i+1, i+1)
	}
	for text, want := range map[string]string{chain.String(): "0:0 1:0", tower.String(): "0:0"} {
		p := merge{recipe: text, models: models, o: plan.Options{Guard: true}}.must(t)
		if p.Jobs != 1 || reads(job(t, p, "x")) != want {
			t.Errorf("%v, reads %s", entries(p), reads(job(t, p, "x")))
		}
	}
	bad := map[string][]string{"a": {"x F16 2"}, "b": {"x F16 3"}}
	if _, err := (merge{recipe: two + "merge \"weighted_sum\" &0 &1\n" + strings.ReplaceAll(strings.Join(strings.SplitAfterN(tower.String(), "\n", 3)[2:], ""), "&1 &1", "&2 &2"), models: bad}).plan(t); tensor.ClassOf(err) != tensor.ClassInput {
		t.Errorf("an error below a tower: %v", err)
	}
}

// TestManyModels averages more models than a Program has operands.
func TestManyModels(t *testing.T) {
	var text, args strings.Builder
	models := map[string][]string{}
	for i := range 150 {
		fmt.Fprintf(&text, "model \"m%d\"\n", i)
		fmt.Fprintf(&args, " &%d", i)
		models[fmt.Sprint("m", i)] = []string{"x F16 2"}
	}
	p := merge{recipe: text.String() + `merge "n_average"` + args.String(), models: models, o: plan.Options{Guard: true}}.must(t)
	j := job(t, p, "x")
	if len(j.Segments[0].Reads) != 150 || len(j.Segments[0].Inst.Guards) != 150 || p.Totals.BytesRead != 600 {
		t.Errorf("%d reads, totals %+v", len(j.Segments[0].Reads), p.Totals)
	}
}

func TestPlanningEndsWithItsContext(t *testing.T) {
	m := lerpOf("weighted_sum", "x F16 2")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := plan.New(ctx, m.solve(t), []device.Info{cpuInfo}, plan.Options{MaxRAM: 1 << 30}); tensor.ClassOf(err) != tensor.ClassInterrupted {
		t.Errorf("%v", err)
	}
	if _, err := plan.New(context.Background(), m.solve(t), nil, plan.Options{}); tensor.ClassOf(err) != tensor.ClassUsage {
		t.Errorf("no device: %v", err)
	}
}

// TestJobsAreTheSameFromAnyGoroutine makes all jobs twice, side by side.
func TestJobsAreTheSameFromAnyGoroutine(t *testing.T) {
	var keys []string
	for i := range 50 {
		keys = append(keys, fmt.Sprintf("k%d F16 %d", i, i+1))
	}
	p := lerpOf("slerp", keys...).must(t)
	all := make(chan string, 4)
	for range 4 {
		go func() {
			s := ""
			for i := range p.Jobs {
				j, err := p.Generate(i, nil)
				s += fmt.Sprintln(j.Key(), j.Outputs[0].Pos, j.Outputs[0].N, reads(j), j.Segments[0].Inst.Consts, err)
			}
			all <- s
		}()
	}
	first := <-all
	for range 3 {
		if s := <-all; s != first {
			t.Fatal("jobs differ")
		}
	}
}
