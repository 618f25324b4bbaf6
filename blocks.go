package mecha

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/recipe/blocks"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// BlockWeights are weights of the blocks of a UNet, for ScriptOptions.Blocks.
type BlockWeights = blocks.Weights

// BlockPreset is block weights with a name.
type BlockPreset = blocks.NamedWeights

// BlockPresets lists the presets, such as GRAD_V.
func BlockPresets() []BlockPreset { return blocks.Presets() }

// ReadBlocks reads block weights in one of the forms of package recipe/blocks: pairs such as
// "IN00-IN05=0.2,M00=0.5", a list of numbers, the name of a preset, or the path of a file with
// any of these, which ends in .yaml or .yml. Errors are of class usage.
func ReadBlocks(ctx context.Context, text string, o Options) (BlockWeights, error) {
	switch strings.ToLower(filepath.Ext(text)) {
	case ".yaml", ".yml":
	default:
		return blocks.Parse(text)
	}
	if err := ctx.Err(); err != nil {
		return BlockWeights{}, err
	}
	src, isText, err := readText(o.fs(), text, "file of block weights")
	var e *tensor.Error
	switch {
	case errors.As(err, &e):
		usage := *e
		usage.Class = tensor.ClassUsage
		return BlockWeights{}, &usage
	case !isText:
		return BlockWeights{}, &tensor.Error{Class: tensor.ClassUsage, Path: text, Err: errors.New("this is a folder, or a file of bytes")}
	}
	return blocks.ParseYAML(src, text)
}
