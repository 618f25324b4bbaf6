package script

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// blockSuffix ends the identifiers of the configs whose keys are the blocks of a UNet.
const blockSuffix = "-supermerger_blocks"

// blockWeights is blocks(weights, config=None): a literal with a value for each block (BASE,
// IN00, M00, OUT00, ...), converted to a config if one is named. Without, it is converted where
// it is used beside a model.
func (m *machine) blockWeights(args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var weights, to starlark.Value = nil, starlark.None
	if err := starlark.UnpackArgs("blocks", args, kwargs, "weights", &weights, "config?", &to); err != nil {
		return nil, err
	}
	d, ok := weights.(*starlark.Dict)
	if !ok {
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("blocks: got %s, want dict from blocks to weights, such as {\"IN00\": 0.2, \"M00\": 0.5}", weights.Type()),
			Hint: "presets, ranges and lists of numbers are for a parameter: --blocks NAME=WEIGHTS"}
	}
	entries, err := m.entries(d)
	if err != nil {
		return nil, fmt.Errorf("blocks: %w", err)
	}
	families, err := m.families(entries)
	if err != nil {
		return nil, fmt.Errorf("blocks: %w", err)
	}
	var h recipe.Hints
	if len(families) == 1 && to == starlark.None {
		h.Config = families[0]
	}
	e, err := m.here().Literal(entries, h)
	if err != nil || to == starlark.None || m.listing {
		return m.made(e, err)
	}
	targets, err := m.targets(to)
	if err == nil {
		e, err = m.converted(e, families, targets)
	}
	if err != nil {
		return nil, fmt.Errorf("blocks: %w", err)
	}
	return m.made(e, nil)
}

// families returns the configs of block weights that know all keys.
func (m *machine) families(entries []recipe.Entry) ([]string, error) {
	if len(entries) == 0 {
		return nil, errors.New("there is no block")
	}
	var ids, known []string
	for _, row := range m.env.Configs.All() {
		if !strings.HasSuffix(row.ID, blockSuffix) || row.Make == nil {
			continue
		}
		c := row.Make()
		fits := true
		for i := range c.Len() {
			known = append(known, c.Name(i))
		}
		for i := range entries {
			fits = fits && slices.Contains(known[len(known)-c.Len():], entries[i].Key)
		}
		if fits {
			ids = append(ids, row.ID)
		}
	}
	if len(ids) > 0 {
		return ids, nil
	}
	for i := range entries {
		if !slices.Contains(known, entries[i].Key) {
			return nil, &tensor.Error{Class: tensor.ClassRecipe, Key: entries[i].Key, Err: errors.New("there is no such block"),
				Want: "BASE, IN00 to IN11, M00, OUT00 to OUT11, VAE", Hint: near(entries[i].Key, known)}
		}
	}
	return nil, errors.New("no model has all of these blocks: IN09 to IN11 and OUT09 to OUT11 are those of SD1, VAE is that of SDXL")
}

// noBlock is the error about weights of a block that no model of the targets has; nil if the
// literal is of no blocks, or there are none for the targets.
func (m *machine) noBlock(e *recipe.Expr, targets []string) error {
	if len(m.blocksOf(e)) == 0 {
		return nil
	}
	for _, row := range m.env.Methods.All() {
		if !row.Conversion || !slices.Contains(targets, row.Return.Config) || !strings.HasSuffix(row.Params[0].Config, blockSuffix) {
			continue
		}
		names := m.blockNames(row.Params[0].Config)
		for _, x := range e.Entries() {
			if !slices.Contains(names, x.Key) {
				return &tensor.Error{Class: tensor.ClassRecipe, Key: x.Key, Err: fmt.Errorf("models of %s have no such block", row.Return.Config),
					Want: strings.Join(names, ", "), Hint: near(x.Key, names)}
			}
		}
	}
	return nil
}

// perBlock converts the block weights among the arguments of a call to the config of the first
// model beside them. Alone, or beside other block weights, they stay what they are.
func (m *machine) perBlock(pos []any, kw []methods.KW[any]) error {
	var found []*any
	var other *recipe.Expr
	var outside *weights
	each := func(x *any) {
		if w, ok := (*x).(*weights); ok {
			found, outside = append(found, x), w
		} else if e, ok := (*x).(*recipe.Expr); len(m.blocksOf(*x)) > 0 {
			found = append(found, x)
		} else if ok && other == nil && !broadcast(e) {
			other = e
		}
	}
	for i := range pos {
		each(&pos[i])
	}
	for i := range kw {
		each(&kw[i].Value)
	}
	switch {
	case other == nil && outside != nil:
		_, err := m.value(outside)
		return err
	case other == nil || len(found) == 0 || m.listing:
		return nil
	}
	targets, err := m.candidates(other)
	for _, x := range found {
		if err == nil {
			*x, err = m.convertBlocks(*x, targets)
		}
	}
	return err
}

// convertBlocks converts block weights. If the config of the model is not known, it is the one
// that the conversion of the blocks gives.
func (m *machine) convertBlocks(x any, targets []string) (*recipe.Expr, error) {
	if w, ok := x.(*weights); ok {
		return w.convert(targets)
	}
	families := m.blocksOf(x)
	e, err := m.here().Convert(x)
	if err != nil {
		return nil, err
	}
	if len(targets) == 0 {
		if len(families) > 1 {
			return nil, &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("these may be weights of %s", strings.Join(families, " or of ")),
				Hint: `say for which model config: blocks({...}, "sdxl-sgm")`}
		}
		targets = m.blockTargets(families)
	}
	return m.converted(e, families, targets)
}

// blockTargets are the configs that block weights are made for.
func (m *machine) blockTargets(families []string) (targets []string) {
	for _, row := range m.env.Methods.All() {
		if row.Conversion && slices.Contains(families, row.Params[0].Config) {
			targets = append(targets, row.Return.Config)
		}
	}
	return targets
}

// blocksOf returns the configs of block weights that an argument may have: a dict or a literal
// all of whose keys are blocks, or a method applied to such only.
func (m *machine) blocksOf(x any) []string {
	switch x := x.(type) {
	case []recipe.Entry:
		return m.blockEntries(x)
	case *recipe.Expr:
		list, ok := m.blocks[x.Digest()]
		if !ok {
			list = m.blockNode(x)
			m.blocks[x.Digest()] = list
		}
		return list
	}
	return nil
}

func (m *machine) blockEntries(entries []recipe.Entry) []string {
	if len(entries) == 0 || !blockName(entries[0].Key) {
		return nil
	}
	families, _ := m.families(entries) // keys of a model
	return families
}

// blockName is a quick test that spares looking at dicts of thousands of keys.
func blockName(key string) bool { return len(key) <= len("OUT00") }

func (m *machine) blockNode(e *recipe.Expr) []string {
	switch e.Kind() {
	case recipe.ModelNode:
		return nil
	case recipe.LiteralNode:
		if id := e.Hints().Config; id != "" {
			return slices.DeleteFunc([]string{id}, func(id string) bool { return !strings.HasSuffix(id, blockSuffix) })
		}
		return m.blockEntries(e.Entries())
	}
	if e.Method().Return.Config != "" || broadcast(e) {
		return nil
	}
	var found []string
	for _, list := range e.Args() {
		for _, a := range list {
			if broadcast(a) {
				continue
			}
			if found = m.blocksOf(a); len(found) == 0 {
				return nil
			}
		}
	}
	return found
}
