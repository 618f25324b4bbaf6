package mecha

import (
	"encoding/json"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// CompatReference is the value of Options.Compat that asks for the reference's behaviour.
const CompatReference = "sd-mecha-1.1.5"

// check refuses options that do not exist and fills in defaults.
func (o *Options) check() error {
	usage := func(format string, args ...any) error { return tensor.Errorf(tensor.ClassUsage, format, args...) }
	switch o.MergeDType {
	case tensor.InvalidDType, tensor.F32, tensor.F64, tensor.F16, tensor.BF16:
	default:
		return usage("merge dtype %v: expected float32, float64, float16 or bfloat16", o.MergeDType)
	}
	switch {
	case o.OutputDType != tensor.InvalidDType && !o.OutputDType.IsFloat():
		return usage("output dtype %v: expected a floating-point type", o.OutputDType)
	case o.Compat != "" && o.Compat != CompatReference:
		return usage("compat %q: expected %q", o.Compat, CompatReference)
	case o.MaxRAM < 0 || o.ProgramRAM < 0 || o.MaxVRAM < 0 || o.Threads < 0 || o.UnitBytes < 0:
		return usage("sizes and counts must not be negative")
	case o.NonFinite > RefuseNonFinite || o.ExtraKeys > RefuseExtra || o.OnShapeMismatch > FirstShape || o.OnDeviceError > StopOnDeviceError:
		return usage("a policy is not one of its constants")
	}
	if o.MaxRAM == 0 {
		o.MaxRAM = defaultMaxRAM()
	}
	if o.Compat != "" && !o.OutputDType.Valid() {
		o.OutputDType = tensor.F16 // the reference's default
	}
	return nil
}

// effective returns the recipe with its fallback model.
func (o *Options) effective(r *Recipe) (*recipe.Graph, error) {
	if o.Fallback == "" {
		return r.graph, nil
	}
	return r.graph.WithFallback(o.Fallback)
}

func (o *Options) solving() recipe.Options {
	return recipe.Options{MergeSpace: methods.Space(o.MergeSpace), ExtraKeys: recipe.ExtraKeys(o.ExtraKeys), StrictKeys: o.StrictKeys, Compat: o.Compat != ""}
}

func (o *Options) planning() plan.Options {
	return plan.Options{MergeDType: o.MergeDType, OutputDType: o.OutputDType, Guard: o.NonFinite != KeepNonFinite,
		FirstShape: o.OnShapeMismatch == FirstShape, StrictKeys: o.StrictKeys, Compat: o.Compat != "",
		MaxRAM: o.MaxRAM, Program: o.ProgramRAM, Workers: o.Threads, UnitBytes: o.UnitBytes}
}

// droppedMetadata are prefixes of metadata that says something about the bytes of the
// input which is not true of the output.
var droppedMetadata = []string{"modelspec.hash_", "sshs_"}

// metadata is what the output carries: that of the first model without hashes, the recipe,
// and the options that decide its bytes. Nothing about device, threads or time, so that
// equal merges have equal bytes.
func (s *session) metadata(t plan.Target) map[string]string {
	m := map[string]string{}
	if len(t.Sources) > 0 {
		maps.Copy(m, s.models.sources[t.Sources[0]].Header().Metadata)
	}
	dropped := droppedMetadata
	if slices.ContainsFunc(t.Solved.Nodes, func(n recipe.Node) bool { return expands(&n) }) {
		dropped = append(slices.Clone(droppedMetadata), trainingMetadata)
	}
	for k := range m {
		for _, prefix := range dropped {
			if strings.HasPrefix(k, prefix) {
				delete(m, k)
			}
		}
	}
	delete(m, RecipeKey)
	m["format"] = "pt"
	if text, err := t.Solved.Format(); err == nil {
		m[RecipeKey] = string(text)
	} else {
		s.warnings = append(s.warnings, fmt.Sprintf("the recipe cannot be stored in the output: %v", err))
	}
	o := s.o
	if t.DType.Valid() {
		o.OutputDType = t.DType
	}
	m["mecha_gpu"] = o.describe()
	return m
}

// describe returns the options that decide the output's bytes, as JSON.
func (o *Options) describe() string {
	merge := o.MergeDType
	if !merge.Valid() {
		merge = tensor.F32
	}
	output := "keep"
	if o.OutputDType.Valid() {
		output = o.OutputDType.RecipeName()
	}
	b, err := json.Marshal(struct {
		Version     string `json:"version"`
		MergeDType  string `json:"merge_dtype"`
		OutputDType string `json:"output_dtype"`
		NonFinite   string `json:"non_finite"`
		ExtraKeys   string `json:"extra_keys,omitempty"`
		Mismatch    string `json:"on_shape_mismatch,omitempty"`
		Fallback    string `json:"fallback,omitempty"`
		Compat      string `json:"compat,omitempty"`
	}{Version(), merge.RecipeName(), output, o.NonFinite.String(), [...]string{"", "drop", "error"}[o.ExtraKeys],
		[...]string{"", "first"}[o.OnShapeMismatch], o.Fallback, o.Compat})
	if err != nil {
		return "{}" // a struct of strings always marshals
	}
	return string(b)
}

// String returns the name of the policy on the command line.
func (n NonFinite) String() string { return [...]string{"omit", "keep", "error"}[n] }

// guards returns what the run does about guards. If non-finite inputs are kept, the plan has
// none but those that the recipe asks for (omit_non_finite), and they hold.
func (n NonFinite) guards() run.NonFinite {
	if n == RefuseNonFinite {
		return run.Refuse
	}
	return run.Omit
}

// Version returns the version of this module as the program was built with it, or
// "devel".
func Version() string {
	const path = "github.com/mecha-gpu/mecha-gpu"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "devel"
	}
	v := info.Main.Version
	if info.Main.Path != path {
		v = ""
		for _, d := range info.Deps {
			if d.Path == path {
				v = d.Version
			}
		}
	}
	if v == "" || v == "(devel)" {
		return "devel"
	}
	return v
}
