package run_test

import (
	"fmt"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// mean reads all models.
func mean(t *kernels.Trace, x []kernels.T) kernels.T {
	sum := x[0]
	for _, y := range x[1:] {
		sum = sum.Add(y)
	}
	return sum.Mul(t.Const(1 / float64(len(x))))
}

// Ranges of less than a page become spans of many pages when they are joined, and spans of
// pages take a gap: a slot that is filled to the last byte holds them all the same.
func TestBatchesFillTheirSlotAndNoMore(t *testing.T) {
	for _, models := range []int{1, 2, 6} {
		for _, elems := range []int64{7, 60, 1000, 1023, 1024, 1500} {
			w := newWorld(t, models)
			for i := range 40 * 1024 / elems {
				w.same(fmt.Sprintf("k%d", i), tensor.F32, tensor.Shape{elems}, mean)
			}
			want := w.want(nil)
			w.ring = plan.Ring{Workers: 1, Depth: 1, UnitBytes: 1 << 20}
			for slot := int64(6 << 10); slot < 600<<10; slot += slot/3 + 8 {
				if w.slot = slot / 8 * 8; slot < int64(models+1)*(elems*4+2048)+4096 {
					continue
				}
				out := w.run(inTime(t), newTestDevice(false, 1), &memSink{}, run.Options{})
				w.compare(fmt.Sprintf("%d models of %d elements, slots of %d", models, elems, w.slot), out, want)
			}
		}
	}
}
