package plan_test

import (
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const (
	routineKey  = "te.text_model.encoder.layers.0.mlp.fc1.weight"
	routineStem = "lora_te_text_model_encoder_layers_0_mlp_fc1."
)

// routines is the extraction of a LoRA from two keys of 6 MB in float32.
func routines(o plan.Options) merge {
	keys := []string{routineKey + " F16 2000,750", "unet.conv_in.weight F16 500,333,3,3"}
	return merge{models: map[string][]string{"a": keys, "b": keys}, o: o,
		recipe: "model \"a\"\nmodel \"b\"\nmerge \"subtract\" &0 &1\nmerge \"extract_kohya_lora\" &2 rank=10"}
}

// TestJobsWithRoutines: all keys of a target are one job, which reads its sources once, for the operand,
// and makes its outputs from what the routine leaves in memory.
func TestJobsWithRoutines(t *testing.T) {
	p := routines(plan.Options{Guard: true}).must(t)
	if p.Jobs != 2 || p.Totals.Keys != 6 || p.Totals.Copied != 0 || p.Totals.BytesRead != 2*2*(2000*750+500*333*9) {
		t.Errorf("%d jobs, %d keys, %d copied, %d bytes read", p.Jobs, p.Totals.Keys, p.Totals.Copied, p.Totals.BytesRead)
	}
	var j *plan.Job
	for i := range p.Jobs {
		x, err := p.Generate(i, nil)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(x.Key(), routineStem) {
			j = x
		}
	}
	if len(j.Outputs) != 3 || len(j.Calls) != 1 || len(j.Buffers) != 4 || j.Calls[0].Before != 1 {
		t.Fatalf("%d outputs, %d calls, %d buffers", len(j.Outputs), len(j.Calls), len(j.Buffers))
	}
	matrix, work := int64(4*2000*750), j.Calls[0].Scratch
	if j.Host < matrix+work || j.Host > matrix+work+1<<20 || j.Lease != 0 || p.HostBytes < p.Standing+j.Host {
		t.Errorf("it takes %d for a matrix of %d and scratch of %d; %d planned, %d of them standing", j.Host, matrix, work, p.HostBytes, p.Standing)
	}
	for i, s := range j.Segments {
		for _, r := range s.Reads {
			if r.Source() != (i == 0) {
				t.Errorf("segment %d reads source %d", i, r.Model)
			}
		}
	}
	gone, err := p.Generate(j.Index, []int{0})
	if err != nil || !gone.Dropped() || len(gone.Calls)+len(gone.Buffers) != 0 || gone.Host != 0 {
		t.Errorf("without an input: %v, %+v", err, gone)
	}
	if slow, fast := p.Seconds(device.Rates{Read: 1e9, Write: 1e9, Compute: 1e9}), float64(p.Totals.BytesRead)/1e9; slow < 2*fast {
		t.Errorf("it takes %g s, of which reading %g s", slow, fast)
	}
}

// TestMemoryOfRoutinesIsOfTheHost: it is planned beside the ring, of which a device has its share, and
// what does not fit is refused with what it needs.
func TestMemoryOfRoutinesIsOfTheHost(t *testing.T) {
	m := routines(plan.Options{MaxRAM: 32 << 20})
	plain := m.must(t)
	m.info = device.Info{Name: "gpu", Depth: 3, UnitBytes: 64 << 10, Workers: 2, Memory: 4 << 20, Rates: device.Rates{Compute: 1}}
	if p := m.must(t); p.DeviceBytes != int64(p.Ring.Workers*p.Ring.Depth)*p.Ring.SlotBytes || p.HostBytes > 32<<20 {
		t.Errorf("device %d, ring %+v, host %d", p.DeviceBytes, p.Ring, p.HostBytes)
	}
	if plain.HostBytes > 32<<20 {
		t.Errorf("%d planned", plain.HostBytes)
	}
	m = routines(plan.Options{MaxRAM: 6 << 20})
	_, err := m.plan(t)
	if tensor.ClassOf(err) != tensor.ClassFit || !strings.Contains(err.Error(), "lora_unet_conv_in") || !strings.Contains(err.Error(), "at least") || !strings.Contains(err.Error(), "6.0 MiB") {
		t.Error(err)
	}
	m.o.MaxRAM = 9 << 20
	if p := m.must(t); p.HostBytes > 9<<20 || p.Ring.SlotBytes >= plain.Ring.SlotBytes && p.Ring.Workers >= plain.Ring.Workers {
		t.Errorf("ring %+v, %d planned", p.Ring, p.HostBytes)
	}
}
