package recipe

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// arg is an argument of an instruction. A positional argument has the name "".
type arg struct {
	operand
	name    string
	at      int // offset in the line
	valueAt int
}

// arguments reads the rest of a line. ok is false if something in it cannot be read.
func (p *parser) arguments(lex *lexer) (args []arg, ok bool) {
	ok = true
	for i := 0; ; i++ {
		t, more, err := lex.next()
		if !more {
			return args, ok
		}
		a := arg{name: t.name, at: t.at, valueAt: t.valueAt}
		if err == nil && t.named && t.name == "" {
			err = errors.New("there is no name before =")
		}
		if err != nil {
			p.fail(t.at, i, err)
			ok = false
		} else if a.operand, err = p.operand(&t); err != nil {
			p.fail(t.valueAt, i, err)
			ok = false
			if !t.named && t.value[0] == '#' {
				return args, ok // what follows was meant as a comment
			}
		}
		args = append(args, a)
	}
}

// operand reads a value.
func (p *parser) operand(t *token) (operand, error) {
	s := t.value
	switch {
	case t.quoted:
		return operand{value: methods.StringOf(s)}, nil
	case s == "":
		return operand{}, errors.New("there is no value after =")
	case s[0] == '&':
		return p.reference(s[1:])
	}
	v, err := plain(s)
	if err != nil && t.escaped && strings.Contains(s, `"`) {
		err = fmt.Errorf(`%w (an escaped quote does not begin a string)`, err)
	}
	return operand{value: v}, err
}

// constants are the words that are values. The reference does not know inf.
var constants = map[string]methods.Value{
	"null":  methods.Null(),
	"true":  methods.BoolOf(true),
	"false": methods.BoolOf(false),
	"inf":   methods.FloatOf(math.Inf(1)),
	"+inf":  methods.FloatOf(math.Inf(1)),
	"-inf":  methods.FloatOf(math.Inf(-1)),
}

// plain reads a value without quotes: a constant or a number.
func plain(s string) (methods.Value, error) {
	if v, ok := constants[s]; ok {
		return v, nil
	}
	if !strings.ContainsAny(s, ".eE") {
		if v, ok := parseInteger(s); ok {
			return v, nil
		}
	} else if x, ok := parseFloat(s); ok {
		return methods.FloatOf(x), nil
	}
	return methods.Value{}, notAValue(s)
}

func notAValue(s string) error {
	e := &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("%s is not a value", clip(s)),
		Want: "a number, a reference such as &0, a string in quotes, null, true or false"}
	lower := strings.ToLower(s)
	_, known := constants[lower]
	switch {
	case s[0] == '#':
		e.Hint = "a comment stands on a line of its own"
	case strings.TrimLeft(lower, "+-") == "nan":
		e.Hint = "nan cannot be written in a recipe"
	case strings.TrimLeft(lower, "+-") == "infinity":
		e.Hint = "infinity is written inf"
	case lower == "none":
		e.Hint = "it is written null"
	case known:
		e.Hint = "it is written in lower case"
	case s[0] > '9' || s[0] < '+':
		e.Hint = "strings, such as paths and identifiers of methods, stand in quotes"
	}
	return e
}

// clip shortens a text for a message.
func clip(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:57]) + "..."
	}
	return printable(s)
}

// reference returns the result of an earlier instruction.
func (p *parser) reference(number string) (operand, error) {
	v, ok := parseInteger(number)
	if !ok {
		return operand{}, fmt.Errorf("&%s is not a reference: the number of an earlier result must follow &", clip(number))
	}
	if v.Kind != methods.IntValue || v.I < 0 || v.I >= int64(len(p.results)) {
		have := "there are none before this line"
		if n := len(p.results); n > 0 {
			have = fmt.Sprintf("before this line there are &0 to &%d", n-1)
		}
		return operand{}, fmt.Errorf("the reference &%s is out of bounds: %s", clip(number), have)
	}
	r := &p.results[v.I]
	return operand{node: r.node, dict: r.dict, bad: r.bad}, nil
}

// kind names an argument in messages.
func (o *operand) kind() string {
	switch {
	case o.node != nil:
		return "a " + [...]string{ModelNode: "model", LiteralNode: "literal", MergeNode: "merge"}[o.node.kind]
	case o.dict != nil:
		return "a dict"
	}
	return map[methods.ValueKind]string{methods.NullValue: "null", methods.BoolValue: "a boolean", methods.IntValue: "an integer",
		methods.BigIntValue: "an integer", methods.FloatValue: "a number", methods.StringValue: "a string"}[o.value.Kind]
}
