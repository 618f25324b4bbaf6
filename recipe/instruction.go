package recipe

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// dictInstruction reads: dict [&earlier] name=value ...
func (p *parser) dictInstruction(r *result, at int, args []arg) {
	d := &dict{at: p.at}
	seen := make(map[string]bool, len(args)) // names given in this line
	copied := false
	for i := range args {
		a := &args[i]
		switch {
		case a.name == "":
			p.copyDict(d, args, i, copied)
			copied = true
		case seen[a.name]:
			p.fail(a.at, i, fmt.Errorf("the key %q is given twice", a.name))
		default:
			seen[a.name] = true
		}
	}
	index := make(map[string]int, len(d.entries))
	for i := range d.entries {
		index[d.entries[i].key] = i
	}
	for i := range args {
		a := &args[i]
		if a.name == "" {
			continue
		}
		if k, ok := index[a.name]; ok {
			d.entries[k].value = a.operand
			continue
		}
		index[a.name] = len(d.entries)
		d.entries = append(d.entries, dictEntry{a.name, a.operand})
	}
	if p.count(at, len(d.entries)) {
		r.dict = d
	}
}

// count adds entries to those that are read already, and fails if they are too many.
func (p *parser) count(at, n int) bool {
	if p.entries += n; p.entries <= p.limits.Entries {
		return true
	}
	p.fail(at, -1, fmt.Errorf("the dicts of the recipe have more than %d entries", p.limits.Entries))
	return false
}

// copyDict starts a dict with the entries of an earlier one.
func (p *parser) copyDict(d *dict, args []arg, i int, copied bool) {
	a := &args[i]
	switch {
	case copied:
		p.fail(a.at, i, errors.New("a dict copies at most one earlier dict; entries are written name=value"))
	case a.dict == nil:
		p.fail(a.at, i, &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New("only a dict can be copied; entries are written name=value"),
			Got: a.kind(), Want: "a reference to a dict"})
	case len(a.dict.entries)+p.entries > p.limits.Entries:
		p.fail(a.at, i, fmt.Errorf("the dicts of the recipe have more than %d entries", p.limits.Entries))
	default:
		d.entries = slices.Clone(a.dict.entries)
	}
}

// slots binds arguments to the fixed parameters of an instruction: result i is the argument
// for names[i], nil if there is none.
func (p *parser) slots(args []arg, names ...string) []*arg {
	bound := make([]*arg, len(names))
	next := 0
	for i := range args {
		a, slot := &args[i], next
		if a.name != "" {
			slot = slices.Index(names, a.name)
		} else {
			next++
		}
		switch {
		case slot < 0:
			e := &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("%s has no parameter %s", p.command, a.name), Want: strings.Join(names, ", ")}
			p.fail(a.at, i, e)
		case slot >= len(names):
			p.fail(a.at, i, fmt.Errorf("%s takes at most %d arguments", p.command, len(names)))
		case bound[slot] != nil:
			p.fail(a.at, i, fmt.Errorf("%s is given twice", names[slot]))
		default:
			bound[slot] = a
		}
	}
	return bound
}

// number returns the number of an argument, for messages.
func number(args []arg, a *arg) int {
	for i := range args {
		if &args[i] == a {
			return i
		}
	}
	return -1
}

// modelInstruction reads: model "path" [model_config] [merge_space]
func (p *parser) modelInstruction(r *result, at int, args []arg) {
	s := p.slots(args, "path", configHint, spaceHint)
	h := p.hints(args, s[1], s[2])
	path := s[0]
	switch {
	case path == nil:
		p.fail(at, -1, errors.New(`the path of the model is missing: model "file.safetensors"`))
	case !path.isString():
		p.fail(path.valueAt, number(args, path), wrongKind("the path of a model", path, "a string in quotes"))
	default:
		r.node = p.env.model(path.value.S, h, p.at)
	}
}

// literalInstruction reads: literal &dict [model_config] [merge_space]
func (p *parser) literalInstruction(r *result, at int, args []arg) {
	s := p.slots(args, "value_dict", configHint, spaceHint)
	h := p.hints(args, s[1], s[2])
	payload := s[0]
	switch {
	case payload == nil:
		p.fail(at, -1, errors.New("the dict is missing: literal &0"))
	case payload.dict == nil:
		p.fail(payload.valueAt, number(args, payload), wrongKind("the content of a literal", payload, "a reference to a dict"))
	default:
		entries, err := payload.dict.literal()
		if err != nil {
			p.fail(payload.valueAt, number(args, payload), err)
			return
		}
		if p.count(at, len(entries)) {
			r.node = p.env.literal(entries, h, p.at)
		}
	}
}

func (a *arg) isString() bool {
	return a.node == nil && a.dict == nil && a.value.Kind == methods.StringValue
}

func (a *arg) isNull() bool {
	return a.node == nil && a.dict == nil && a.value.Kind == methods.NullValue
}

func wrongKind(what string, a *arg, want string) error {
	return &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New(what), Got: a.kind(), Want: want}
}

// hints reads the hints of a model or a literal.
func (p *parser) hints(args []arg, cfg, space *arg) (h Hints) {
	for _, a := range []*arg{cfg, space} {
		if a == nil || a.isNull() {
			continue
		}
		if !a.isString() {
			p.fail(a.valueAt, number(args, a), wrongKind("a hint", a, "a string in quotes, or null"))
			continue
		}
		var one Hints
		if a == cfg {
			one.Config = a.value.S
		} else {
			one.Space = methods.Space(a.value.S)
		}
		if one.Config == config.StructuralID {
			p.warn("model_config=%q is read as null: a structural config is made from the keys of the inputs", config.StructuralID)
			continue
		}
		one, err := p.env.hints(one)
		if err != nil {
			p.fail(a.valueAt, number(args, a), err)
			continue
		}
		h = Hints{h.Config + one.Config, h.Space + one.Space}
	}
	return h
}

func (p *parser) warn(format string, args ...any) {
	where := fmt.Sprintf("line %d: ", p.line)
	if p.name != "" {
		where = fmt.Sprintf("%s:%d: ", p.name, p.line)
	}
	p.warnings = append(p.warnings, where+fmt.Sprintf(format, args...))
}

// mergeInstruction reads: merge "method" argument ... name=argument ...
func (p *parser) mergeInstruction(r *result, at int, args []arg) {
	m := p.mergeMethod(at, args)
	if m == nil {
		return
	}
	operands, ok := p.operands(args)
	if !ok {
		return
	}
	n, bad := p.env.apply(m, operands, p.at)
	for _, b := range bad {
		offset, number := args[0].at, -1
		if b.arg >= 0 {
			number = b.arg + 1
			offset = args[number].at
		}
		p.fail(offset, number, b.err)
	}
	r.node = n
}

// mergeMethod returns the method that the first argument names.
func (p *parser) mergeMethod(at int, args []arg) *methods.Method {
	switch {
	case len(args) == 0:
		p.fail(at, -1, errors.New(`the method is missing: merge "weighted_sum" &0 &1`))
	case args[0].name != "":
		p.fail(args[0].at, 0, errors.New("the method comes first, without a name"))
	case !args[0].isString():
		p.fail(args[0].at, 0, wrongKind("the method", &args[0], "its identifier in quotes"))
	default:
		m, err := p.env.method(args[0].value.S)
		if err != nil {
			p.fail(args[0].at, 0, err)
		}
		return m
	}
	return nil
}

// operands makes nodes of the arguments after the method.
func (p *parser) operands(args []arg) ([]argument, bool) {
	ok := true
	list := make([]argument, 0, len(args))
	for i := 1; i < len(args); i++ {
		n, err := p.node(&args[i])
		if err != nil {
			p.fail(args[i].valueAt, i, err)
			ok = false
		}
		list = append(list, argument{args[i].name, n})
	}
	return list, ok
}

// dictNode makes a node of a dict, once.
func (p *parser) dictNode(d *dict) (*Expr, error) {
	if d.node != nil {
		return d.node, nil
	}
	entries, err := d.literal()
	if err != nil {
		return nil, err
	}
	d.node, err = p.env.operand(entries, d.at)
	return d.node, err
}

func (p *parser) node(a *arg) (*Expr, error) {
	switch {
	case a.node != nil:
		return a.node, nil
	case a.dict != nil:
		return p.dictNode(a.dict)
	}
	return p.env.value(a.value, "", p.at)
}
