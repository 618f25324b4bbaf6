package tests

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// small is a model with all keys of a config and axes that are much shorter. Axes that are as
// long, or three times as long, as others still are.
func small(t *testing.T, id string) memory.Dict {
	t.Helper()
	row, ok := config.Builtin().Get(id)
	if !ok {
		t.Fatalf("there is no config %s", id)
	}
	d := memory.Dict{}
	c := row.Make()
	for i := range c.Len() {
		k := c.Key(i)
		s := slices.Clone(k.Shape)
		for j, n := range s {
			switch {
			case n%1280 == 0:
				s[j] = n / 320
			case n > 3:
				s[j] = 1 + n%3
			}
		}
		if k.DType == tensor.I64 {
			d[k.Name] = memory.Tensor{DType: tensor.I64, Shape: s, Data: make([]byte, 8*s.N())}
		} else {
			d[k.Name] = weights(uint64(i), tensor.F16, s...)
		}
	}
	return d
}

// TestAllOfSDXLGoesThereAndBack converts every key of a model: what has a name in the other config
// comes back as it was, and the report names the rest. scripts/fullsize does so at full size.
func TestAllOfSDXLGoesThereAndBack(t *testing.T) {
	sgm := small(t, "sdxl-sgm")
	w := newWorld(t, map[string]memory.Dict{"sgm": sgm})
	ctx := context.Background()
	o := onSuiteDevice(mecha.Options{FS: w.Mem, NonFinite: mecha.RefuseNonFinite})
	there, err := mecha.Convert(ctx, "/in/sgm", "sdxl-kohya", "/in/kohya", o)
	if err != nil {
		t.Fatal(err)
	}
	back, err := mecha.Convert(ctx, "/in/kohya", "sdxl-sgm", "/out/back", o)
	if err != nil {
		t.Fatal(err)
	}
	lost := there.Models[0].Unread
	if there.Keys.Written != 2642 || back.Keys.Written != 2514 || lost.Count != 17 || len(lost.Names) != 17 || back.Models[0].Unread.Count != 0 {
		t.Errorf("%d keys there, %d back, lost %v", there.Keys.Written, back.Keys.Written, lost)
	}
	if w := slices.Concat(there.Warnings, back.Warnings); slices.ContainsFunc(w, func(s string) bool { return strings.Contains(s, "no complete model") }) {
		t.Errorf("%q", w)
	}
	if m, b := there.Models[0], back.Models[0]; m.Used != 2514 || m.Keys != 2531 || b.Used != 2642 { // also where one key is cut into three
		t.Errorf("%d of %d keys used there, %d of %d back", m.Used, m.Keys, b.Used, b.Keys)
	}
	for _, key := range lost.Names {
		delete(sgm, key)
	}
	got, _, err := decode(w.get("/out/back"))
	check(t, err)
	if !sameDict(got, sgm) {
		t.Error("a tensor changed")
	}
}

// TestAFusedTensorIsCutIntoEqualParts: rows that are no multiple of three hold no q, k and v.
func TestAFusedTensorIsCutIntoEqualParts(t *testing.T) {
	const fused = "conditioner.embedders.1.model.transformer.resblocks.3.attn.in_proj_weight"
	for rows, class := range map[int64]tensor.Class{0: tensor.ClassOther, 3: tensor.ClassOther, 6: tensor.ClassOther, 2: tensor.ClassInput, 13: tensor.ClassInput} {
		w := newWorld(t, map[string]memory.Dict{"sgm": {fused: weights(1, tensor.F16, rows, 2)}})
		_, err := mecha.Convert(context.Background(), "/in/sgm", "sdxl-kohya", "/out/k", mecha.Options{FS: w.Mem})
		if class == tensor.ClassOther && err != nil || class != tensor.ClassOther && (tensor.ClassOf(err) != class || !strings.Contains(err.Error(), "a multiple of 3 rows")) {
			t.Errorf("%d rows: %v", rows, err)
		}
	}
}

// TestWhatAConvertedModelLacksIsSaid: the other config asks for more than the first one does.
func TestWhatAConvertedModelLacksIsSaid(t *testing.T) {
	sgm := small(t, "sdxl-sgm")
	delete(sgm, "conditioner.embedders.1.model.text_projection")
	w := newWorld(t, map[string]memory.Dict{"sgm": sgm})
	r, err := mecha.Convert(context.Background(), "/in/sgm", "sdxl-kohya", "/out/k", mecha.Options{FS: w.Mem})
	check(t, err)
	const want = "/out/k is no complete model of sdxl-kohya, 1 key of it is not there: te2.text_projection.weight"
	if r.Missing.Count != 0 || !slices.Contains(r.Warnings, want) {
		t.Errorf("missing %v, warnings %q", r.Missing, r.Warnings)
	}
}
