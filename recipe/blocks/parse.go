package blocks

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// MaxText is the size of the longest text that is read, in bytes.
const MaxText = 64 << 10

// order is all blocks: those of Stable Diffusion 1, and the VAE of SDXL. SDXL has no IN09 to
// IN11 and no OUT09 to OUT11.
var order = config.BlockNames(12, "VAE")

// lists are the blocks that a list of numbers is for, by its length. Those of SDXL are as
// supermerger has them.
var lists = map[int][]string{
	26: config.BlockNames(12), 25: config.BlockNames(12)[1:], // SD1
	21: config.BlockNames(9, "VAE"), 20: config.BlockNames(9), 19: config.BlockNames(9)[1:], // SDXL
}

// Parse reads weights from a text: BLOCK=WEIGHT pairs, a list of numbers, or the name of a
// preset. Errors are of class usage.
func Parse(text string) (Weights, error) {
	if len(text) > MaxText {
		return Weights{}, wrong(text, fmt.Errorf("it has %d bytes, at most %d are read", len(text), MaxText))
	}
	w := Weights{source: strconv.Quote(clip(strings.TrimSpace(text)))}
	items := split(text)
	var err error
	switch {
	case len(items) == 0:
		err = errEmpty
	case strings.Contains(text, "="):
		err = w.pairs(items)
	case len(items) > 1 || isNumber(items[0]):
		err = w.numbers(items)
	default:
		var ok bool
		if w, ok = Preset(items[0]); !ok {
			err = noPreset(items[0])
		}
	}
	if err != nil {
		return Weights{}, wrong(text, err)
	}
	return w, nil
}

// wrong says which text cannot be read.
func wrong(text string, err error) error {
	return &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("block weights %q: %w", clip(strings.TrimSpace(text)), err)}
}

// split cuts a text at commas and line ends; a comma at the end is of no account.
func split(text string) (items []string) {
	for _, line := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' || r == ';' }) {
		for item := range strings.SplitSeq(strings.TrimSuffix(strings.TrimSpace(line), ","), ",") {
			items = append(items, strings.TrimSpace(item))
		}
	}
	if len(items) == 1 && items[0] == "" {
		return nil
	}
	return items
}

func isNumber(text string) bool {
	_, err := number(text)
	return err == nil
}

// number reads a decimal number.
func number(text string) (float64, error) {
	if strings.ContainsAny(text, "xXpP_iInN") {
		return 0, errors.New("no decimal number")
	}
	return strconv.ParseFloat(text, 64)
}

// pairs reads BLOCK=WEIGHT.
func (w *Weights) pairs(items []string) error {
	for _, item := range items {
		block, text, ok := strings.Cut(item, "=")
		if !ok {
			return &tensor.Error{Class: tensor.ClassUsage, Err: errors.New("a weight has no block"), Got: strconv.Quote(clip(item)), Want: "BLOCK=WEIGHT, or FIRST-LAST=WEIGHT"}
		}
		x, err := number(strings.TrimSpace(text))
		if err != nil {
			return &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("the weight of %s", clip(block)), Got: strconv.Quote(clip(text)), Want: "a number"}
		}
		if err := w.add(block, x); err != nil {
			return err
		}
	}
	return nil
}

// numbers reads a list of numbers, whose length says which model it is for.
func (w *Weights) numbers(items []string) error {
	names, ok := lists[len(items)]
	if !ok {
		return &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("a list of %d numbers", len(items)),
			Want: "25 or 26 (SD1), 19, 20 or 21 (SDXL)"}
	}
	for i, item := range items {
		x, err := number(item)
		if err != nil {
			return &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("number %d, the weight of %s", i+1, names[i]), Got: strconv.Quote(clip(item)), Want: "a number"}
		}
		if err := w.add(names[i], x); err != nil {
			return err
		}
	}
	return nil
}

// noPreset is the error for a name that is no preset.
func noPreset(name string) error {
	e := &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("there is no preset %q", clip(name)), Want: "BLOCK=WEIGHT pairs, a list of numbers, the name of a preset, or a file that ends in .yaml"}
	var names []string
	for _, p := range Presets() {
		names = append(names, p.Name)
	}
	if near := tensor.Nearest(name, names, 3); len(near) > 0 && len(name) < 40 {
		e.Hint = "did you mean " + strings.Join(near, " or ") + "?"
	} else if slices.Contains(order, canonical(name)) {
		e.Hint = "write " + canonical(name) + "=0.5"
	}
	return e
}
