package main

import (
	"path/filepath"

	"github.com/spf13/cobra"
)

const convertLong = `Take models to another model config: their keys renamed, tensors joined, cut, transposed or
reshaped where the layouts differ, byte for byte. The config of a model is found from its keys
(see configs detect) if --from does not name it; the way is the one with the fewest conversions.
Keys that have another name in the model, as of FLUX without model.diffusion_model, get that of
the config.

Keys that the other config has no place for are left behind, and the report names them; --strict
exits with 8 if there are any, and --strict-keys refuses a result that lacks required keys. Tensors
with NaN or infinite elements are converted like all others. Several models are converted in
one pass, with --out-dir; all of them are complete before the first one appears.

A LoRA or LoKr becomes the difference that it makes to a model, which recipes read as
model("delta.safetensors", merge_space="delta"). To add it to a model, no such file is needed:
merge -e 'a + 0.8 * convert(l, a) | a' -m a=MODEL -m l=LORA -o OUT`

// conversion is a recipe that converts a model.
type conversion struct{ path, from, to string }

// convertOptions are the flags of convert.
type convertOptions struct {
	mergeOptions
	from, to, outDir string
}

// newConvertCommand makes the command convert.
func newConvertCommand(a *app) *cobra.Command {
	var o convertOptions
	cmd := &cobra.Command{
		Use:   "convert IN... --to CONFIG -o OUT",
		Short: "Take models to another model config",
		Long:  convertLong,
		Example: "  mecha-gpu convert kohya.safetensors --to sdxl-sgm -o sgm.safetensors\n" +
			"  mecha-gpu convert *.safetensors --to sd1-kohya --out-dir converted\n" +
			"  mecha-gpu convert lora.safetensors --to sdxl-sgm -o delta.safetensors --output-dtype float32",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return exactly("IN")(cmd, args)
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return runConvert(a, cmd, &o, args) },
	}
	fs := cmd.Flags()
	fs.StringVar(&o.to, "to", "", "`CONFIG` that the outputs have (required)")
	fs.StringVar(&o.from, "from", "", "`CONFIG` that the models have; found from their keys if it is not given")
	fs.StringVarP(&o.output, "output", "o", "", "`FILE` to write, of one model")
	fs.StringVar(&o.outDir, "out-dir", "", "`DIR` to write to, under the names of the models")
	o.addOptions(fs)
	o.addFinish(a, fs)
	for flag, value := range map[string]string{"merge-space": "any", "non-finite": "keep"} {
		f := fs.Lookup(flag)
		_ = f.Value.Set(value) // both are among the values
		f.DefValue = value
	}
	return cmd
}

// runConvert converts what the arguments name.
func runConvert(a *app, cmd *cobra.Command, o *convertOptions, args []string) error {
	if o.to == "" {
		return usage("convert needs --to CONFIG, such as sdxl-sgm")
	}
	paths, err := o.outputPaths(cmd, args)
	if err != nil {
		return err
	}
	options, err := o.options(a, cmd)
	if err != nil {
		return err
	}
	ins := make([]input, len(args))
	for i, path := range args {
		ins[i].convert = &conversion{path, o.from, o.to}
	}
	return o.run(a, cmd, ins, paths, options)
}

// outputPaths returns the files to write: OUT, or one in DIR for each model.
func (o *convertOptions) outputPaths(cmd *cobra.Command, models []string) ([]string, error) {
	switch {
	case o.outDir == "" && len(models) > 1:
		return nil, usage("%d models need --out-dir DIR, the folder to write to", len(models))
	case o.outDir == "":
		return []string{o.output}, o.checkOutput(cmd)
	case o.output != "":
		return nil, usage("-o and --out-dir: expected one of them")
	}
	paths := make([]string, len(models))
	seen := map[string]string{}
	for i, model := range models {
		whole, err := filepath.Abs(model) // "." has the name of its folder
		if err != nil {
			return nil, err
		}
		name := filepath.Base(whole)
		if filepath.Ext(name) != ".safetensors" {
			name += ".safetensors"
		}
		if other, twice := seen[name]; twice {
			return nil, usage("%s and %s would both be written to %s", other, model, filepath.Join(o.outDir, name))
		}
		seen[name] = model
		paths[i] = filepath.Join(o.outDir, name)
	}
	return paths, nil
}
