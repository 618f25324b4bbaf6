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
	// An autoencoder with the names that diffusers had gets those of the config, and 4 axes.
	const query = "vae.encoder.mid_block.attentions.0.query.weight"
	old, err := memory.NewSource("old", memory.Dict{query: {DType: tensor.U8, Shape: tensor.Shape{1, 2}, Data: []byte{1, 2}}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	o.Sources["old"] = old
	r, err := mecha.ConvertRecipe(ctx, "old", "", "sd1-ldm", o)
	if err != nil {
		t.Fatal(err)
	}
	sink := memory.NewSink("out", nil)
	if _, err := mecha.MergeInto(ctx, r, sink, o); err != nil {
		t.Fatal(err)
	}
	if got := sink.Dict()["first_stage_model.encoder.mid.attn_1.q.weight"]; string(got.Data) != "\x01\x02" || len(got.Shape) != 4 {
		t.Errorf("%v", sink.Dict())
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
