package script

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Limits of a program, far above what recipes need: a factor for each of 3,000 keys, used in 100
// merges, takes a half of the work and less of the others.
const (
	maxSource  = 64 << 10  // bytes, not counting entries and flat lines; the compiler recurses into expressions
	maxFlat    = 2 << 20   // bytes of flat lines
	maxSigns   = 256 << 10 // of them, what is not part of a name or number: each may take 600 bytes of memory
	maxText    = 8 << 20   // bytes with the entries of dicts that have a line of their own
	maxNesting = 100       // brackets; data inside data
	maxSteps   = 2_000_000 // instructions of the interpreter
	maxWork    = 4_000_000 // entries that are walked through or made, unless Env.Limits.Entries says otherwise
	maxBits    = 1024      // of an integer
	maxNodes   = 100_000   // unless Env.Limits.Instructions says otherwise
)

// lineEnds are the ends of lines that Starlark knows.
var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// sourceName is the name of the text inside the interpreter. Built-ins have another.
const sourceName = "recipe"

// machine is one run of a program.
type machine struct {
	env     recipe.Env
	file    string
	src     []string // lines
	thread  *starlark.Thread
	names   starlark.StringDict // what the program finds defined
	work    int64               // left
	nodes   int                 // that may still be made
	spaces  map[recipe.Digest]methods.Space
	listing bool // the parameters are asked for: undefined names are models, and conversions may be left out

	keys    func(path string) (config.Keys, error) // of a model; nil: no file is read
	configs map[recipe.Digest][]string             // that nodes may have
	blocks  map[recipe.Digest][]string             // configs of block weights that nodes may have
	long    bool                                   // there were too many steps

	line  int    // of which runes are the characters; 0 is none
	runes []rune // of a line: programs of one long line ask for them often
}

func newMachine(src []byte, file string, env recipe.Env, o Options) (*machine, error) {
	m := &machine{env: env, file: file, work: int64(env.Limits.Entries), nodes: env.Limits.Instructions, keys: o.Keys,
		spaces: map[recipe.Digest]methods.Space{}, configs: map[recipe.Digest][]string{}, blocks: map[recipe.Digest][]string{}}
	if m.nodes <= 0 {
		m.nodes = maxNodes
	}
	if m.work <= 0 {
		m.work = maxWork
	}
	m.src = strings.Split(lineEnds.Replace(string(src[:min(len(src), maxText)])), "\n")
	if err := m.checkSource(src); err != nil {
		return nil, err
	}
	m.thread = &starlark.Thread{Name: file, OnMaxSteps: func(t *starlark.Thread) {
		m.long = true
		t.Cancel("too many steps")
	}}
	m.thread.SetMaxExecutionSteps(maxSteps)
	m.names = m.builtins()
	for _, name := range slices.Sorted(maps.Keys(o.Models)) {
		if err := m.define(name, o.Models[name]); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// define gives a model a name.
func (m *machine) define(name, path string) error {
	bad := func(why string) error {
		return &tensor.Error{Class: tensor.ClassRecipe, Path: m.file, Err: fmt.Errorf("the model name %q %s", name, why)}
	}
	id, err := dialect.ParseExpr(sourceName, name, 0)
	if _, ok := id.(*syntax.Ident); err != nil || !ok || strings.TrimSpace(name) != name {
		return bad("is no name: letters, digits and _")
	}
	if m.names[name] != nil || starlark.Universe[name] != nil {
		return bad("is that of a built-in; take another")
	}
	e, err := m.env.Model(path, recipe.Hints{Space: methods.Weight})
	if err != nil {
		return err
	}
	m.names[name] = &node{m, e}
	return nil
}

// assume reports whether a name is defined, and makes it a model if it is not.
func (m *machine) assume(name string) bool {
	if !m.names.Has(name) && !starlark.Universe.Has(name) {
		if err := m.define(name, name); err != nil {
			return false
		}
	}
	return m.names.Has(name)
}

// entryLine is a line with one entry of a dict. Such lines do not nest: where one is not an entry, it
// is part of a string, or an error.
var entryLine = regexp.MustCompile(`^[ \t]*"[^"\\]{0,1000}":[ \t]*([-+]?[0-9A-Za-z_.]{1,60}([-+][0-9]{1,4})?|"[^"\\]{0,100}"),[ \t]*$`)

// flatLine is an assignment that nothing above or below is part of, if no bracket is open. (Inside
// brackets it is an argument by name, or an error; it cannot go on with an operator below it.)
var flatLine = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]* = .{1,500}$`)

// checkSource refuses a text that is too long, no text, or nested so deeply that reading it would
// take too much stack.
func (m *machine) checkSource(src []byte) error {
	if len(src) > maxText {
		return m.fail(position(1, 1), fmt.Errorf("the program has %d bytes, at most %d are read", len(src), maxText))
	}
	counted, flat, signs, depth := 0, 0, 0, 0
	for i, line := range m.src {
		if at, err := notText(line); err != nil {
			return m.fail(position(i+1, utf8.RuneCountInString(line[:at])+1), err)
		}
		switch {
		case entryLine.MatchString(line):
		case depth == 0 && flatLine.MatchString(line):
			flat += len(line) + 1
			signs += len(line) - inNames(line)
		default:
			counted += len(line) + 1
		}
		at := 0
		if depth, at = nesting(line, depth); depth > maxNesting {
			return m.fail(position(i+1, at+1), fmt.Errorf("more than %d brackets are open", maxNesting))
		}
	}
	switch {
	case counted-1 > maxSource:
		return m.fail(position(1, 1), &tensor.Error{Err: fmt.Errorf("the program has %d bytes, at most %d are read", counted-1, maxSource),
			Hint: "entries of dicts, and assignments, do not count if each has a line of its own"})
	case flat > maxFlat, signs > maxSigns:
		return m.fail(position(1, 1), fmt.Errorf("the program has %d bytes of assignments with %d signs, at most %d with %d are read", flat, signs, maxFlat, maxSigns))
	}
	return nil
}

// notText says why a line is none, and where. The interpreter would change bytes that are not UTF-8,
// and stop reading at a zero byte.
func notText(line string) (at int, err error) {
	if at = strings.IndexRune(line, utf8.RuneError); at >= 0 && !utf8.ValidString(line) {
		return at, errors.New("the text is not UTF-8")
	}
	if at = strings.IndexByte(line, 0); at >= 0 {
		return at, errors.New("the text has a zero byte")
	}
	return 0, nil
}

// nesting returns how many brackets are open after a line, and, if it goes too far, where.
func nesting(line string, depth int) (after, at int) {
	for at = range len(line) {
		switch line[at] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(0, depth-1)
		}
		if depth > maxNesting {
			break
		}
	}
	return depth, at
}

// inNames counts the bytes of a line that may be part of a name or a number.
func inNames(line string) (n int) {
	for i := range len(line) {
		if c := line[i]; c == '_' || c == '.' || '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' {
			n++
		}
	}
	return n
}

// made counts a node, and gives it to the program.
func (m *machine) made(e *recipe.Expr, err error) (starlark.Value, error) {
	if err != nil {
		return nil, err
	}
	if m.nodes--; m.nodes < 0 {
		return nil, errors.New("the recipe has too many nodes")
	}
	return &node{m, e}, nil
}

// here returns the environment for nodes made at the current line.
func (m *machine) here() recipe.Env {
	for i := 0; i < m.thread.CallStackDepth(); i++ {
		if pos := m.thread.CallFrame(i).Pos; pos.Filename() == sourceName {
			line := ""
			if int(pos.Line) <= len(m.src) {
				line = m.src[pos.Line-1]
			}
			return m.env.At(int(pos.Line), m.callee(pos), line)
		}
	}
	return m.env
}

// space returns the merge space of a node if it is known before the recipe is solved: from a
// hint, or from the method; "" if not.
func (m *machine) space(e *recipe.Expr) methods.Space {
	if e.Kind() != recipe.MergeNode {
		return e.Hints().Space
	}
	ret := e.Method().Return
	if ret.Symbol == nil {
		return ret.Space
	}
	if s, ok := m.spaces[e.Digest()]; ok {
		return s
	}
	var found methods.Space
	for p, list := range e.Args() {
		for _, a := range list {
			if found == "" && e.Method().Params[p].Symbol == ret.Symbol {
				found = m.space(a)
			}
		}
	}
	m.spaces[e.Digest()] = found
	return found
}
