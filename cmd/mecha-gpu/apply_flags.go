package main

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
)

// methodFlags are the flags that are made from the parameters of a method.
type methodFlags struct {
	method *methods.Method
	own    *pflag.FlagSet
	values []*paramFlag // by parameter; nil for a variadic one
}

// paramFlag is the flag of a parameter.
type paramFlag struct {
	param *methods.Param
	name  string // with its dashes
	arg   argument
	given bool
}

// argument is an argument of a method: a value, or a model.
type argument struct {
	value methods.Value
	path  string // of a model; "" if it is a value
}

// call is a method and its arguments.
type call struct {
	method *methods.Method
	args   [][]argument                  // by parameter; nil: the default
	blocks map[string]mecha.BlockWeights // by parameter, of which args then has the weight of the other blocks
}

// newMethodFlags adds the flags of a method to those of its command.
func newMethodFlags(m *methods.Method, fs *pflag.FlagSet) *methodFlags {
	f := &methodFlags{method: m, own: pflag.NewFlagSet(m.ID, pflag.ContinueOnError), values: make([]*paramFlag, len(m.Params))}
	f.own.SortFlags = false
	fs.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(strings.ReplaceAll(name, "_", "-"))
	})
	for i := range m.Params {
		p := &m.Params[i]
		if p.Variadic {
			continue
		}
		name := strings.ReplaceAll(p.Name, "_", "-")
		if fs.Lookup(name) != nil || name == "help" {
			name = "p-" + name
		}
		v := &paramFlag{param: p, name: "--" + name}
		f.values[i] = v
		flag := f.own.VarPF(v, name, "", "")
		flag.Usage, flag.DefValue = v.usage(), ""
		if p.Type == methods.Bool {
			flag.NoOptDefVal = "true"
		}
		fs.AddFlag(flag)
	}
	return f
}

// usage describes the parameters of the method, and takes their flags out of the list of all
// flags.
func (f *methodFlags) usage() string {
	text := f.own.FlagUsagesWrapped(columns)
	for i := range f.method.Params {
		if p := &f.method.Params[i]; p.Variadic {
			text = fmt.Sprintf("      %s...   %s (at least %d)\n", strings.ToUpper(p.Name), p.Doc, p.MinArgs) + text
		}
	}
	f.own.VisitAll(func(flag *pflag.Flag) { flag.Hidden = true })
	return text
}

func (v *paramFlag) usage() string {
	text := v.param.Doc
	switch {
	case v.param.Default != nil:
		text += fmt.Sprintf(" (default %s)", valueText(*v.param.Default))
	case byPosition(v.param):
		text += fmt.Sprintf(" (or the argument %s)", strings.ToUpper(v.param.Name))
	default:
		text += " (required)"
	}
	return strings.TrimSpace(text)
}

// Set reads the value; pflag calls it.
func (v *paramFlag) Set(text string) (err error) {
	if v.given {
		return fmt.Errorf("it is given twice")
	}
	v.given = true
	v.arg, err = parseArgument(v.param, text)
	return err
}

// flagTypes say in the help what the flag of a type takes.
var flagTypes = map[methods.Type]string{methods.Tensor: "NUMBER|MODEL", methods.Any: "VALUE|MODEL", methods.Float: "NUMBER",
	methods.Int: "INTEGER", methods.Bool: "true|false", methods.String: "TEXT"}

// Type shows in the help what the flag takes.
func (v *paramFlag) Type() string {
	if v.param.Type == methods.Tensor && v.param.Default == nil {
		return "MODEL"
	}
	return flagTypes[v.param.Type]
}

// String returns nothing: the default is part of the description.
func (v *paramFlag) String() string { return "" }

// words are texts that stand for values.
var words = map[string]methods.Value{"null": methods.Null(), "true": methods.BoolOf(true), "false": methods.BoolOf(false)}

// parseArgument reads the argument of a parameter.
func parseArgument(p *methods.Param, text string) (argument, error) {
	v, ok := parseValue(text)
	switch {
	case p.Type == methods.String && (text != "null" || !p.Nullable):
		return argument{value: methods.StringOf(text)}, nil
	case ok && p.Check(v) == nil:
		return argument{value: v}, nil
	case text != "" && !ok && (p.Type == methods.Tensor || p.Type == methods.Any):
		return argument{path: text}, nil
	}
	return argument{}, usage("parameter %s: found %q, expected %s", p.Name, text, flagTypes[p.Type])
}

// parseValue reads a number or a word.
func parseValue(text string) (methods.Value, bool) {
	if v, ok := words[text]; ok {
		return v, true
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return methods.IntOf(i), true
	}
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) || strings.ContainsAny(text, "xX_") || strings.ContainsAny(text, "fF") {
		return methods.Value{}, false // inf, nan and 0x1p3 are names of files
	}
	return methods.FloatOf(x), true
}

// call gives the arguments of the command line, then the flags, to the parameters.
func (f *methodFlags) call(args []string) (*call, error) {
	c := &call{method: f.method, args: make([][]argument, len(f.method.Params))}
	for i := range f.method.Params {
		p, v := &f.method.Params[i], f.values[i]
		switch {
		case v != nil && v.given:
			c.args[i] = []argument{v.arg}
		case p.Variadic:
			if len(args) < p.MinArgs {
				return nil, usage("%s needs at least %d %s, got %d", f.method.ID, p.MinArgs, strings.ToUpper(p.Name), len(args))
			}
			for _, text := range args {
				arg, err := parseArgument(p, text)
				if err != nil {
					return nil, err
				}
				c.args[i] = append(c.args[i], arg)
			}
			args = nil
		case p.Default != nil:
		case p.Keyword:
			return nil, usage("%s needs %s", f.method.ID, v.name)
		case len(args) == 0:
			return nil, usage("%s needs %s: apply %s%s", f.method.ID, strings.ToUpper(p.Name), f.method.ID, required(f.method))
		default:
			arg, err := parseArgument(p, args[0])
			if err != nil {
				return nil, err
			}
			c.args[i], args = []argument{arg}, args[1:]
		}
	}
	if len(args) > 0 {
		return nil, usage("%s: unexpected argument %q: apply %s%s; other parameters are flags", f.method.ID, args[0], f.method.ID, required(f.method))
	}
	return c, nil
}

// with returns the call with values for more parameters.
func (c *call) with(values map[string]string) (*call, error) {
	x := &call{method: c.method, args: slices.Clone(c.args), blocks: c.blocks}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p, i, ok := c.method.Param(name)
		switch {
		case !ok:
			var names []string
			for k := range c.method.Params {
				names = append(names, c.method.Params[k].Name)
			}
			return nil, usage("--sweep %s: %s has no such parameter%s", name, c.method.ID, meant(name, names))
		case c.args[i] != nil:
			return nil, usage("--sweep %s: the parameter has an argument already", name)
		}
		arg, err := parseArgument(p, values[name])
		if err != nil {
			return nil, err
		}
		x.args[i] = []argument{arg}
	}
	return x, nil
}

// recipe makes the recipe of a call. A model is in the first merge space that its parameter
// admits.
func (c *call) recipe(ctx context.Context, o mecha.Options) (*mecha.Recipe, error) {
	if len(c.blocks) > 0 {
		return c.expression(ctx, o)
	}
	var pos []any
	named := mecha.Args{}
	for i, list := range c.args {
		p := &c.method.Params[i]
		for _, arg := range list {
			var x any = arg.value
			if arg.path != "" {
				x = mecha.Model(arg.path).In(firstSpace(p))
			}
			if p.Variadic || byPosition(p) {
				pos = append(pos, x)
			} else {
				named[p.Name] = x
			}
		}
	}
	return mecha.Build(mecha.Call(c.method.ID, append(pos, named)...), o)
}

// firstSpace is the merge space of a model that is given to a parameter.
func firstSpace(p *methods.Param) string {
	set := p.Spaces
	if p.Symbol != nil {
		set = p.Symbol.Set
	}
	return string(set.List(methods.BuiltinSpaces())[0])
}
