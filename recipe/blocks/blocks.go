package blocks

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Weight is the weight of a block.
type Weight struct {
	Block string
	X     float64 // finite
}

// Weights are weights of blocks.
type Weights struct {
	list   []Weight // in the order in which they were given
	whole  []string // a list of numbers: all blocks of the model that it is for
	any    bool     // a preset: blocks that a model does not have are of no account
	source string   // for messages
}

// Blocks lists the blocks that have a weight, in the order in which they were given.
func (w Weights) Blocks() []Weight { return slices.Clone(w.list) }

// String writes the weights as text that Parse reads.
func (w Weights) String() string {
	parts := make([]string, len(w.list))
	for i, x := range w.list {
		parts[i] = x.Block + "=" + strconv.FormatFloat(x.X, 'g', -1, 64)
	}
	return strings.Join(parts, ",")
}

// Fits reports whether a model with these blocks has all that are listed, and, of a list of
// numbers, no others than it is for.
func (w Weights) Fits(names []string) bool {
	return w.any || w.forThis(names) && !slices.ContainsFunc(w.list, func(x Weight) bool { return !slices.Contains(names, x.Block) })
}

// forThis reports whether a list of numbers is for a model with these blocks.
func (w Weights) forThis(names []string) bool { return w.whole == nil || slices.Equal(w.whole, names) }

// For returns a weight for each block of a model, in the order of names. Blocks that are not
// listed get the rest; if there is none, that is an error of class usage that names them, and so
// are blocks that the model does not have.
func (w Weights) For(names []string, rest *float64) ([]Weight, error) {
	if !w.forThis(names) {
		return nil, w.otherModel(names)
	}
	all := make([]Weight, 0, len(names))
	var lacking, alien []string
	for _, name := range names {
		i := slices.IndexFunc(w.list, func(x Weight) bool { return x.Block == name })
		switch {
		case i >= 0:
			all = append(all, w.list[i])
		case rest != nil:
			all = append(all, Weight{name, *rest})
		default:
			lacking = append(lacking, name)
		}
	}
	for _, x := range w.list {
		if !w.any && !slices.Contains(names, x.Block) {
			alien = append(alien, x.Block)
		}
	}
	switch {
	case len(alien) > 0:
		return nil, &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("block weights %s: this model has no block %s", w.source, strings.Join(alien, ", ")),
			Want: fmt.Sprintf("%d blocks, %s to %s", len(names), names[0], names[len(names)-1])}
	case len(lacking) > 0:
		return nil, &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("block weights %s: there is none for %s", w.source, strings.Join(lacking, ", ")),
			Hint: "list them, or give one weight for all blocks that are not listed"}
	}
	return all, nil
}

// otherModel is the error for a list of numbers and a model with other blocks. Only the blocks of
// both would get the weights that were meant for them.
func (w Weights) otherModel(names []string) error {
	var counts []string
	for _, n := range listLengths() {
		if slices.Equal(lists[n].whole, names) {
			counts = append(counts, strconv.Itoa(n))
		}
	}
	e := &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("block weights %s: a list of %d numbers is for %s, and this model has %d blocks, %s to %s", w.source,
		len(w.list), lists[len(w.list)].model, len(names), names[0], names[len(names)-1])}
	if len(counts) > 0 {
		e.Want = strings.Join(counts, " or ") + " numbers"
	}
	if lists[len(w.list)].model == "SD1" {
		e.Hint = "of SDXL, leave out those of IN09 to IN11 and OUT09 to OUT11, as supermerger does"
	}
	return e
}

// add enters a weight for a block, or for a range of them.
func (w *Weights) add(blocks string, x float64) error {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return fmt.Errorf("the weight of %s is %v", blocks, x)
	}
	first, last, isRange := strings.Cut(blocks, "-")
	if !isRange {
		last = first
	}
	from, to := slices.Index(order, canonical(first)), slices.Index(order, canonical(last))
	switch {
	case from < 0 || to < 0:
		bad := first
		if from >= 0 {
			bad = last
		}
		return noBlock(canonical(bad))
	case to < from:
		return fmt.Errorf("the range %s ends before it starts", blocks)
	case isRange && group(order[from]) != group(order[to]):
		return fmt.Errorf("the range %s is over several kinds of blocks: write one for each", blocks)
	}
	for _, name := range order[from : to+1] {
		if slices.ContainsFunc(w.list, func(y Weight) bool { return y.Block == name }) {
			return fmt.Errorf("block %s has two weights", name)
		}
		w.list = append(w.list, Weight{name, x})
	}
	return nil
}

// group is a name without its number.
func group(block string) string { return strings.TrimRight(block, "0123456789") }

// canonical is how the name of a block is written.
func canonical(text string) string { return strings.ToUpper(strings.TrimSpace(text)) }

func noBlock(name string) error {
	e := &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("there is no block %q", clip(name)), Want: "BASE, IN00 to IN11, M00, OUT00 to OUT11, VAE"}
	if near := tensor.Nearest(name, order, 2); len(near) > 0 && len(name) < 40 {
		e.Hint = "did you mean " + strings.Join(near, " or ") + "?"
	}
	return e
}

// errEmpty says that there is nothing to read.
var errEmpty = errors.New("there is no weight")

// clip shortens what is quoted in a message.
func clip(text string) string {
	const most = 40
	if len(text) > most {
		return text[:most] + "..."
	}
	return text
}
