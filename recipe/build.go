package recipe

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Model makes a node for a model: a file or folder, or a state dict that the caller
// supplies under this name. It fails if a hint names an unknown config or space.
func (e Env) Model(path string, h Hints) (*Expr, error) {
	h, err := e.hints(h)
	if err != nil {
		return nil, err
	}
	return e.model(path, h, e.at), nil
}

func (e Env) model(path string, h Hints, at place) *Expr {
	return (&Expr{kind: ModelNode, path: path, hints: h, at: at}).seal()
}

// Literal makes a node for a state dict of values and nodes. The entries are copied. It
// fails if a key is there twice, or if a hint is unknown.
func (e Env) Literal(entries []Entry, h Hints) (*Expr, error) {
	h, err := e.hints(h)
	if err != nil {
		return nil, err
	}
	seen := make(map[string]bool, len(entries))
	for i := range entries {
		if seen[entries[i].Key] {
			return nil, &tensor.Error{Class: tensor.ClassRecipe, Key: entries[i].Key, Err: errors.New("the key is there twice")}
		}
		seen[entries[i].Key] = true
	}
	return e.literal(slices.Clone(entries), h, e.at), nil
}

func (e Env) literal(entries []Entry, h Hints, at place) *Expr {
	return (&Expr{kind: LiteralNode, entries: entries, hints: h, at: at}).seal()
}

// Value makes a node that has one value for every key, in a merge space ("" if the recipe
// does not say which).
func (e Env) Value(v methods.Value, space methods.Space) (*Expr, error) {
	if _, err := e.hints(Hints{Space: space}); err != nil {
		return nil, err
	}
	return e.value(v, space, e.at)
}

// converter is the method that makes one value from a state dict with one key.
const converter = "convert_singleton"

func (e Env) value(v methods.Value, space methods.Space, at place) (*Expr, error) {
	m, ok := e.Methods.Get(converter)
	if !ok {
		return nil, tensor.Errorf(tensor.ClassRecipe, "the method %s is needed for values, but is not defined", converter)
	}
	lit := e.literal([]Entry{{Key: config.SingletonKey, Value: v}}, Hints{config.SingletonID, space}, at)
	return (&Expr{kind: MergeNode, method: m, args: [][]*Expr{{lit}}, at: at}).seal(), nil
}

// hints checks hints and gives configs their canonical identifiers.
func (e Env) hints(h Hints) (Hints, error) {
	if h.Config == config.StructuralID {
		return h, tensor.Errorf(tensor.ClassRecipe, "model config structural cannot be named: it is made from the keys of the inputs")
	}
	if h.Config != "" && h.Config != config.InferID {
		row, ok := e.Configs.Get(h.Config)
		if !ok {
			err := unknown("model config", h.Config, e.Configs.Nearest(h.Config))
			err.Hint = cmp.Or(err.Hint, "those of files are loaded with --config")
			return h, err
		}
		h.Config = row.ID
	}
	if h.Space != "" && !e.Spaces.Has(h.Space) {
		return h, unknown("merge space", string(h.Space), e.spaceNames())
	}
	return h, nil
}

func (e Env) spaceNames() []string {
	var names []string
	for _, s := range e.Spaces.All() {
		names = append(names, string(s))
	}
	return names
}

// unknown is the error about a name that is none; near are names that may have been meant.
func unknown(what, name string, near []string) *tensor.Error {
	err := &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("unknown %s %q", what, name)}
	if len(near) > 0 {
		err.Hint = "did you mean " + strings.Join(near, ", ") + "?"
	}
	return err
}

// Convert makes a node from what programs have at hand: a node stays what it is; numbers,
// booleans, strings, nil and methods.Value become one value for every key; a []Entry or a
// map[string]any becomes a literal (a map in the order of its keys). Strings are never paths.
func (e Env) Convert(x any) (*Expr, error) {
	switch x := x.(type) {
	case *Expr:
		if x == nil {
			return nil, tensor.Errorf(tensor.ClassRecipe, "the node is nil")
		}
		return x, nil
	case []Entry:
		return e.operand(x, place{})
	case map[string]any:
		entries, err := e.entries(x)
		if err != nil {
			return nil, err
		}
		return e.operand(entries, place{})
	}
	v, err := valueOf(x)
	if err != nil {
		return nil, err
	}
	return e.value(v, "", e.at)
}

func (e Env) entries(m map[string]any) ([]Entry, error) {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	entries := make([]Entry, len(keys))
	for i, k := range keys {
		entries[i].Key = k
		if n, ok := m[k].(*Expr); ok && n != nil {
			entries[i].Node = n
			continue
		}
		v, err := valueOf(m[k])
		if err != nil {
			return nil, &tensor.Error{Class: tensor.ClassRecipe, Key: k, Err: err}
		}
		entries[i].Value = v
	}
	return entries, nil
}

// operand makes the literal for a dict that is used where a node is needed.
func (e Env) operand(entries []Entry, at place) (*Expr, error) {
	if err := uniform(entries); err != nil {
		return nil, err
	}
	if at.line == 0 {
		return e.Literal(entries, Hints{})
	}
	return e.literal(entries, Hints{}, at), nil
}

// uniform fails if a dict is not one that can be used where a node is needed: its values
// must be of one type.
func uniform(entries []Entry) error {
	if len(entries) == 0 {
		return tensor.Errorf(tensor.ClassRecipe, "an empty dict has no keys")
	}
	for i := range entries {
		if got, want := classOf(&entries[i]), classOf(&entries[0]); got != want {
			return &tensor.Error{Class: tensor.ClassRecipe, Key: entries[i].Key,
				Err: errors.New("the values of a dict must be of one type"), Got: got, Want: want + ", as the first one"}
		}
	}
	return nil
}

// classOf names the type of an entry; numbers and booleans are one type.
func classOf(x *Entry) string {
	switch {
	case x.Node != nil:
		return "a node"
	case x.Value.Kind == methods.StringValue:
		return "a string"
	case x.Value.Kind == methods.NullValue:
		return "null"
	}
	return "a number"
}

// valueOf makes a value from a Go value.
func valueOf(x any) (methods.Value, error) {
	switch x := x.(type) {
	case nil:
		return methods.Null(), nil
	case methods.Value:
		return x, nil
	case bool:
		return methods.BoolOf(x), nil
	case string:
		return methods.StringOf(x), nil
	case int:
		return methods.IntOf(int64(x)), nil
	case int32:
		return methods.IntOf(int64(x)), nil
	case int64:
		return methods.IntOf(x), nil
	case float32:
		return methods.FloatOf(float64(x)), nil
	case float64:
		return methods.FloatOf(x), nil
	case uint:
		if uint64(x) <= math.MaxInt64 {
			return methods.IntOf(int64(x)), nil
		}
	}
	return methods.Value{}, tensor.Errorf(tensor.ClassRecipe, "a value of Go type %T cannot be part of a recipe", x)
}
