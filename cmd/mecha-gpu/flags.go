package main

import (
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// recipeFlags are the flags that say what a recipe means; vet, plan and merge have them.
type recipeFlags struct {
	sourceFlags
	space  choice[string]
	compat choice[string]
}

// add adds the flags to a command.
func (f *recipeFlags) add(fs *pflag.FlagSet) {
	f.sourceFlags.add(fs)
	f.addMeaning(fs)
}

// addMeaning adds the flags that do not say where the recipe comes from.
func (f *recipeFlags) addMeaning(fs *pflag.FlagSet) {
	f.space = oneOf(named[string]{"weight", "weight"}, named[string]{"delta", "delta"},
		named[string]{"param", "param"}, named[string]{"any", "any"})
	f.compat = oneOf(named[string]{"none", ""}, named[string]{"sd-mecha-1.1.5", "sd-mecha-1.1.5"})
	f.addConfigs(fs)
	fs.Var(&f.space, "merge-space", "merge space that the result must have")
	fs.Var(&f.compat, "compat", "behave as this program where the two differ")
}

// options fills in what the flags say.
func (f *recipeFlags) options(o *mecha.Options) {
	o.MergeSpace = f.space.value()
	o.Compat = f.compat.value()
	o.Configs = f.configs
}

// mergeFlags are the flags that say how to merge; plan and merge have them.
type mergeFlags struct {
	recipeFlags
	modelDirs   []string
	device      deviceFlag
	maxVRAM     size
	onDevice    choice[mecha.DeviceErrors]
	plans       bool // nothing is computed
	mergeDType  dtypeFlag
	outputDType dtypeFlag
	maxRAM      size
	threads     int
	unitBytes   size
	fallback    string
	strictKeys  bool
	extraKeys   choice[mecha.ExtraKeys]
	nonFinite   choice[mecha.NonFinite]
	mismatch    choice[mecha.ShapePolicy]
}

// floats lists the element types that can be computed, widest first.
func floats(which func(tensor.DType) bool) []tensor.DType {
	var list []tensor.DType
	all := tensor.DTypes()
	for i := len(all) - 1; i >= 0; i-- {
		if d := all[i]; d.IsFloat() && d.RecipeName() != "" && which(d) {
			list = append(list, d)
		}
	}
	return list
}

// add adds the flags to a command.
func (f *mergeFlags) add(fs *pflag.FlagSet) {
	f.sourceFlags.add(fs)
	f.addOptions(fs)
}

// addOptions adds the flags that do not say where the recipe comes from.
func (f *mergeFlags) addOptions(fs *pflag.FlagSet) {
	f.addMeaning(fs)
	f.setChoices()
	fs.StringArrayVar(&f.modelDirs, "model-dir", nil, "`DIR` to search for models with a relative path, before the working folder and the recipe's own; may be repeated")
	fs.Var(&f.device, "device", "what computes; auto takes what the plan says is fastest")
	fs.Var(&f.maxVRAM, "max-vram", "most memory to use of each GPU, such as 4GiB; default a share of what is free")
	fs.Var(&f.onDevice, "on-device-error", "what to do if a GPU fails: cpu does its work again on the CPU, with the same bytes")
	fs.Var(&f.mergeDType, "merge-dtype", "type of arithmetic: "+strings.Join(f.mergeDType.names(), ", "))
	fs.Var(&f.outputDType, "output-dtype", "element type of the output: "+strings.Join(f.outputDType.names(), ", ")+"; keep takes that of the first input of each key; integers keep theirs")
	fs.Var(&f.maxRAM, "max-ram", "most memory to use, such as 512MiB or 2G (powers of 1024); default a quarter of what there is")
	fs.IntVar(&f.threads, "threads", 0, "`N` workers; default one for each processor")
	fs.Var(&f.unitBytes, "unit-bytes", "output bytes that a worker computes at a time (for tests)")
	_ = fs.MarkHidden("unit-bytes") // it fails only for a flag that does not exist
	fs.StringVar(&f.fallback, "fallback", "", "`PATH` of a model that supplies the keys that the recipe cannot")
	fs.BoolVar(&f.strictKeys, "strict-keys", false, "fail before reading if some key cannot be produced")
	fs.Var(&f.extraKeys, "extra-keys", "what to do with keys that the model config does not know")
	fs.Var(&f.nonFinite, "non-finite", "what to do with input tensors that hold NaN or infinite elements: omit treats them as missing from their model")
	fs.Var(&f.mismatch, "on-shape-mismatch", "what to do if models have different shapes for a key: first passes the tensor of the first model")
}

// setChoices fills the closed sets of values.
func (f *mergeFlags) setChoices() {
	f.device = deviceFlag{kind: "auto"}
	f.onDevice = oneOf(named[mecha.DeviceErrors]{"cpu", mecha.RescueOnCPU}, named[mecha.DeviceErrors]{"fail", mecha.StopOnDeviceError})
	f.mergeDType = dtypeFlag{value: tensor.F32, accepted: floats(func(d tensor.DType) bool { return d.Bits() >= 16 })}
	f.outputDType = dtypeFlag{none: "keep", accepted: floats(func(tensor.DType) bool { return true })}
	f.extraKeys = oneOf(named[mecha.ExtraKeys]{"keep", mecha.KeepExtra},
		named[mecha.ExtraKeys]{"drop", mecha.DropExtra}, named[mecha.ExtraKeys]{"error", mecha.RefuseExtra})
	f.nonFinite = oneOf(named[mecha.NonFinite]{"omit", mecha.OmitNonFinite},
		named[mecha.NonFinite]{"keep", mecha.KeepNonFinite}, named[mecha.NonFinite]{"error", mecha.RefuseNonFinite})
	f.mismatch = oneOf(named[mecha.ShapePolicy]{"error", mecha.RefuseMismatch},
		named[mecha.ShapePolicy]{"first", mecha.FirstShape})
}

// options returns what the flags of cmd say.
func (f *mergeFlags) options(a *app, cmd *cobra.Command) (mecha.Options, error) {
	if f.threads < 0 || (f.threads == 0 && cmd.Flags().Changed("threads")) {
		return mecha.Options{}, usage("--threads %d: expected at least 1", f.threads)
	}
	if f.compat.value() != "" && cmd.Flags().Changed("output-dtype") && f.outputDType.value == tensor.InvalidDType {
		return mecha.Options{}, usage("--output-dtype keep cannot be had with --compat %s, which writes float16 unless another type is named", &f.compat)
	}
	kind := f.device.kind
	if kind == "auto" && f.plans { // a plan opens no driver if it is not asked to
		kind = "cpu"
	}
	openers, err := a.openers(kind)
	if err != nil {
		return mecha.Options{}, err
	}
	o := mecha.Options{
		ModelDirs:       f.modelDirs,
		Devices:         openers,
		FastestDevice:   kind == "auto",
		DeviceIndices:   f.device.indices,
		Rates:           a.loadRates(),
		MaxVRAM:         int64(f.maxVRAM),
		OnDeviceError:   f.onDevice.value(),
		MaxRAM:          int64(f.maxRAM),
		ProgramRAM:      programBytes,
		Threads:         f.threads,
		UnitBytes:       int64(f.unitBytes),
		MergeDType:      f.mergeDType.value,
		OutputDType:     f.outputDType.value,
		Fallback:        f.fallback,
		StrictKeys:      f.strictKeys,
		ExtraKeys:       f.extraKeys.value(),
		NonFinite:       f.nonFinite.value(),
		OnShapeMismatch: f.mismatch.value(),
	}
	f.recipeFlags.options(&o)
	return o, nil
}

// addJSON adds --json. Its value is read before flags are parsed (see asksForJSON).
func (a *app) addJSON(fs *pflag.FlagSet, what string) {
	fs.BoolVar(&a.json, "json", a.json, what)
}
