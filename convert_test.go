package mecha_test

import (
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/memory"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// TestModelsInMemoryAreConverted finds the config of a state dict, and takes it there and back.
func TestModelsInMemoryAreConverted(t *testing.T) {
	const ldm, kohya = "model.diffusion_model.input_blocks.3.0.op.bias", "unet.down_blocks.0.downsamplers.0.conv.bias"
	src, err := memory.NewSource("sd1", memory.Dict{ldm: {DType: tensor.U8, Shape: tensor.Shape{2}, Data: []byte{1, 2}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := mecha.Options{Sources: map[string]tensor.Source{"sd1": src}, MergeSpace: "any", NonFinite: mecha.KeepNonFinite}
	for to, key := range map[string]string{"sd1-kohya": kohya, "sd1-ldm": ldm} {
		r, err := mecha.ConvertRecipe(ctx, "sd1", "", to, o)
		if err != nil {
			t.Fatal(err)
		}
		sink := memory.NewSink("out", nil)
		if _, err := mecha.MergeInto(ctx, r, sink, o); err != nil {
			t.Fatal(err)
		}
		if got := sink.Dict(); len(got) != 1 || string(got[key].Data) != "\x01\x02" {
			t.Errorf("%s: %v", to, got)
		}
	}
	// Both layouts have a key of this name, but SDXL has the other as well.
	xl, err := memory.NewSource("xl", memory.Dict{ldm: {DType: tensor.U8, Shape: tensor.Shape{2}, Data: []byte{1, 2}}, "v_pred": {DType: tensor.I64, Shape: tensor.Shape{0}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Sources["xl"] = xl
	if _, err := mecha.ConvertRecipe(ctx, "xl", "", "sd1-ldm", o); tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "no conversion leads from sdxl-sgm") {
		t.Errorf("SDXL is no SD1: %v", err)
	}
	if _, err := mecha.ConvertRecipe(ctx, "nowhere", "", "sd1-ldm", o); tensor.ClassOf(err) != tensor.ClassInput || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("a model that is not there: %v", err)
	}
}
