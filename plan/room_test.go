package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// TestHeadersOfOutputsAreRefusedEarlyWithWhatTheyNeed plans many keys with less and less memory: what
// the refusal says is the same, whether the headers of the outputs were kept or given up.
func TestHeadersOfOutputsAreRefusedEarlyWithWhatTheyNeed(t *testing.T) {
	var keys []string
	for i := range 5000 {
		keys = append(keys, fmt.Sprintf("layers.%d.projection.weight F16 2,2", i))
	}
	m := lerpOf("weighted_sum", keys...)
	m.o.Fixed, m.o.Program = 1<<20, 2<<20
	p := m.must(t)
	if want := m.o.Program + m.o.Fixed + p.Layouts[0].MemoryBytes(); p.Standing < want+want/8 {
		t.Errorf("%d bytes stand, want more than the %d of headers and program", p.Standing, want)
	}
	needs := map[string]bool{}
	for have := m.o.Least(); ; have += 64 << 10 {
		m.o.MaxRAM = have
		p, err := m.plan(t)
		if err == nil {
			if p.HostBytes > have {
				t.Errorf("%d bytes: plans %d", have, p.HostBytes)
			}
			break
		}
		_, need, ok := strings.Cut(err.Error(), "expected at least ")
		if tensor.ClassOf(err) != tensor.ClassFit || !ok {
			t.Fatalf("%d bytes: %v", have, err)
		}
		needs[need] = true
	}
	if len(needs) != 1 {
		t.Errorf("the refusals say %v", needs)
	}
}

// TestRoomIsWhatIsLeftForHeaders fills the room with a header.
func TestRoomIsWhatIsLeftForHeaders(t *testing.T) {
	for max := int64(0); max < 64<<20; max += 12345 {
		o := plan.Options{MaxRAM: max, Program: 3 << 20, Fixed: 777}
		room := o.Room()
		if least := o.Least(); room >= 0 != (max >= least) && room != 0 {
			t.Fatalf("%d bytes: room for %d, the least is %d", max, room, least)
		}
		if o.Fixed += room; room > 0 && (o.Least() > max || o.Least() < max-16) {
			t.Fatalf("%d bytes: with a header of %d the least is %d", max, room, o.Least())
		}
	}
}
