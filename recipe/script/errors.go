package script

import (
	"errors"
	"fmt"
	"regexp"
	"sort"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func position(line, column int) syntax.Position {
	name := sourceName
	return syntax.MakePosition(&name, int32(line), int32(column))
}

// end is the position of errors about the program as a whole: its last line.
func (m *machine) end() syntax.Position {
	last := len(m.src)
	for last > 1 && strings.TrimSpace(m.src[last-1]) == "" {
		last--
	}
	return position(last, 1)
}

// fail makes the error for a position in the program.
func (m *machine) fail(pos syntax.Position, err error) error { return m.at(pos, err) }

func (m *machine) at(pos syntax.Position, err error) *recipe.ParseError {
	e := &recipe.ParseError{File: m.file, Line: max(1, int(pos.Line)), Column: max(1, int(pos.Col)), Arg: -1, Err: err}
	if e.Line <= len(m.src) {
		e.Text = m.src[e.Line-1]
	}
	return e
}

// wrap gives an error of the interpreter its place in the program.
func (m *machine) wrap(err error) error {
	var syn syntax.Error
	var names resolve.ErrorList
	var run *starlark.EvalError
	switch {
	case errors.As(err, &syn):
		return m.unexpected(syn)
	case errors.As(err, &names):
		return m.unresolved(names)
	case errors.As(err, &run):
		return m.failed(run)
	}
	return m.fail(m.end(), err)
}

// pythonOnly says what takes the place of what Python has and Starlark does not, by the token that
// the interpreter does not expect.
var pythonOnly = map[string]string{
	"import": "there are no modules: models and methods are functions here, such as model and weighted_sum",
	"from":   "there are no modules: models and methods are functions here, such as model and weighted_sum",
	"class":  "Starlark has functions, but no classes",
	"try":    "Starlark has no exceptions",
	"raise":  "Starlark has no exceptions: fail(text) stops the program",
	"assert": "Starlark has no exceptions: fail(text) stops the program",
	"with":   "a program opens nothing; a model is named by its path",
	"is":     "Starlark compares with ==",
	"'**'":   "Starlark has no power: write x*x",
	"for":    "Starlark has no generators: write a list, [x for x in y]",
}

// endString is a string at the end of a text, and what Python has before one that has expressions in it.
var endString = regexp.MustCompile(`(\b[fF])?("[^"]*"|'[^']*')$`)

// windowsPath is a hint for those who wrote a path as in C:\models.
const windowsPath = `a path of Windows is written r"C:\models" or "C:/models"`

// unexpected is the error for a token that has no place. The interpreter points at its end, this
// error at its beginning.
func (m *machine) unexpected(e syntax.Error) error {
	got, _, _ := strings.Cut(strings.TrimPrefix(e.Msg, "got "), ",")
	token, hint := strings.Trim(got, "'"), pythonOnly[got]
	line, column := int(e.Pos.Line), int(e.Pos.Col)
	if line < 1 || line > len(m.src) {
		return m.fail(e.Pos, errors.New(e.Msg))
	}
	runes := []rune(m.src[line-1])
	before := string(runes[:min(max(0, column-1), len(runes))])
	switch {
	case strings.HasPrefix(e.Msg, "invalid escape sequence"):
		hint = windowsPath
	case strings.HasPrefix(e.Msg, "unexpected input character") && strings.ContainsAny(e.Msg, "“”„‘’«»"):
		hint = `strings stand in straight quotes, " or '`
	}
	switch found := endString.FindStringSubmatch(before); {
	case got == "newline" && line > 1 && column == 1:
		e.Pos = position(line-1, len([]rune(m.src[line-2]))+1)
	case got == "string literal" && found != nil:
		if token = found[0]; found[1] != "" {
			hint = `Starlark has no f-strings: write "model-%d" % i`
		}
	case got == "identifier", got == "int literal", got == "float literal":
		token = before[len(strings.TrimRight(before, nameRunes+".")):]
	}
	if strings.HasSuffix(before, token) {
		e.Pos.Col -= int32(len([]rune(token)))
	}
	return m.fail(e.Pos, &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New(e.Msg), Hint: hint})
}

// pythonNames are names of Python that have no counterpart.
var pythonNames = map[string]string{
	"sd_mecha":   "its functions have no prefix here: model(...), weighted_sum(...)",
	"torch":      `types are named by strings, such as "float16"`,
	"Path":       "a path is a string",
	"pathlib":    "a path is a string",
	"sum":        "add in a loop, or with + between the terms",
	"round":      "Starlark has int(x + 0.5)",
	"math":       "Starlark has no mathematics beyond + - * / // %",
	"map":        "write a list, [f(x) for x in y]",
	"filter":     "write a list, [x for x in y if f(x)]",
	"format":     `text is put together with %, as in "model-%d" % i`,
	"open":       "a program opens nothing; a model is named by its path",
	"isinstance": "type(x) names the type of x",
}

// maxListed is how many errors of one program are listed.
const maxListed = 20

// unresolved is the error for names that are not defined and the like.
func (m *machine) unresolved(list resolve.ErrorList) error {
	all := &recipe.ParseErrors{More: max(0, len(list)-maxListed)}
	for _, e := range list[:min(len(list), maxListed)] {
		err := &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New(e.Msg)}
		if name, ok := strings.CutPrefix(e.Msg, "undefined: "); ok {
			err.Hint = m.meant(name, m.isCalled(e.Pos, name))
		}
		all.List = append(all.List, m.at(e.Pos, err))
	}
	return all
}

// isCalled reports whether a bracket follows a name.
func (m *machine) isCalled(pos syntax.Position, name string) bool {
	if int(pos.Line) > len(m.src) {
		return false
	}
	line := m.characters(int(pos.Line))
	after := int(pos.Col) - 1 + len([]rune(name))
	return after < len(line) && line[after] == '('
}

// meant says what an undefined name may have been meant to be. Short names are near to many.
func (m *machine) meant(name string, called bool) string {
	if hint := pythonNames[name]; hint != "" {
		return hint
	}
	var known []string
	for k := range m.names {
		if identifier.MatchString(k) && len(name) > 2 {
			known = append(known, k)
		}
	}
	sort.Strings(known)
	if hint := near(name, known); hint != "" || called {
		return hint
	}
	return fmt.Sprintf("a model is named with -m %s=FILE", name)
}

// failed is the error for a program that failed while it ran: where it happened, and from where
// the functions that led there were called.
func (m *machine) failed(e *starlark.EvalError) error {
	var cause error = errors.New(e.Msg)
	if inner := e.Unwrap(); inner != nil {
		cause = inner
	}
	if m.long {
		cause = fmt.Errorf("the program takes more than %d steps", maxSteps)
	}
	at, builtin, found := m.end(), false, false
	for i := len(e.CallStack) - 1; i >= 0; i-- {
		pos := e.CallStack[i].Pos
		switch {
		case pos.Filename() != sourceName:
			builtin = builtin || !found
		case !found:
			at, found = pos, true
		case pos.Line > 0:
			cause = fmt.Errorf("%w (called from line %d)", cause, pos.Line)
		}
	}
	if builtin {
		at.Col = int32(m.callee(at))
	}
	return m.fail(at, cause)
}

// characters returns those of a line, counted from 1.
func (m *machine) characters(line int) []rune {
	if m.line != line {
		m.line, m.runes = line, []rune(m.src[line-1])
	}
	return m.runes
}

// callee moves the position of a call from its bracket to the name before it.
func (m *machine) callee(pos syntax.Position) int {
	col := int(pos.Col)
	if int(pos.Line) > len(m.src) {
		return col
	}
	line := m.characters(int(pos.Line))
	if col < 1 || col > len(line) || line[col-1] != '(' {
		return col
	}
	for col > 1 && strings.ContainsRune(nameRunes, line[col-2]) {
		col--
	}
	return col
}

const nameRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"
