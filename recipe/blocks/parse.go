package blocks

import (
	"errors"
	"fmt"
	"maps"
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

// numberList is what a list of numbers is for.
type numberList struct {
	model  string
	blocks []string // those that have a number
	whole  []string // those of the model
}

var ofSD1, ofSDXL = config.BlockNames(12), config.BlockNames(9, "VAE")

// lists are the lists of numbers by their length. Those of SDXL are as supermerger has them.
var lists = map[int]numberList{
	26: {"SD1", ofSD1, ofSD1}, 25: {"SD1", ofSD1[1:], ofSD1},
	21: {"SDXL", ofSDXL, ofSDXL}, 20: {"SDXL", ofSDXL[:20], ofSDXL}, 19: {"SDXL", ofSDXL[1:20], ofSDXL},
}

// listLengths returns the lengths of lists, in ascending order.
func listLengths() []int { return slices.Sorted(maps.Keys(lists)) }

// Parse reads weights from a text: BLOCK=WEIGHT pairs (BLOCK:WEIGHT is the same), a list of
// numbers, or the name of a preset. Errors are of class usage.
func Parse(text string) (Weights, error) {
	if len(text) > MaxText {
		return Weights{}, wrong(text, fmt.Errorf("it has %d bytes, at most %d are read", len(text), MaxText))
	}
	w := Weights{source: strconv.Quote(clip(strings.TrimSpace(text)))}
	items := split(unbracketed(text))
	var err error
	switch {
	case len(items) == 0:
		err = errEmpty
	case strings.ContainsAny(text, "=:"):
		err = w.pairs(items)
	case len(items) > 1 || isNumber(strings.Fields(items[0])[0]):
		err = w.numbers(apart(items))
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

// unbracketed returns a list without its brackets: as Python and YAML write it.
func unbracketed(text string) string {
	text = strings.TrimSpace(text)
	if inner, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(inner, "]") {
		return strings.TrimSuffix(inner, "]")
	}
	return text
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

// apart cuts items at white space; an item with nothing in it stays, and is a mistake.
func apart(items []string) (all []string) {
	for _, item := range items {
		if item == "" {
			all = append(all, item)
		}
		all = append(all, strings.Fields(item)...)
	}
	return all
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
		at := strings.IndexAny(item, "=:")
		if at < 0 {
			return &tensor.Error{Class: tensor.ClassUsage, Err: errors.New("a weight has no block"), Got: strconv.Quote(clip(item)), Want: "BLOCK=WEIGHT, or FIRST-LAST=WEIGHT"}
		}
		block, text := item[:at], item[at+1:]
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
	list, ok := lists[len(items)]
	for i, item := range items {
		x, err := number(item)
		if err != nil {
			what := fmt.Sprintf("number %d", i+1)
			if ok {
				what += ", the weight of " + list.blocks[i]
			}
			return &tensor.Error{Class: tensor.ClassUsage, Err: errors.New(what), Got: strconv.Quote(clip(item)), Want: "a number"}
		}
		if !ok {
			continue
		}
		if err := w.add(list.blocks[i], x); err != nil {
			return err
		}
	}
	if !ok {
		e := &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("a list of %s", tensor.Count(len(items), "number")), Want: "25 or 26 (SD1), 19, 20 or 21 (SDXL)"}
		if len(items) == 1 {
			e.Hint = "one weight for all blocks is a value of the parameter itself"
		}
		return e
	}
	w.whole = list.whole
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
