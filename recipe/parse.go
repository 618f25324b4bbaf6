package recipe

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// header is the first line of a recipe in text.
const header = "version 0.1.0"

// Parse reads a recipe in the text format 0.1.0 of sd-mecha. Beside what the reference
// reads, it accepts CRLF, a byte order mark, blank lines, a final line feed, tabs between
// arguments, names in quotes, "=" in strings, and inf; it refuses a name that is given twice.
// name is the name of the file, for messages. No file is opened.
//
// The error is a *ParseErrors with everything that is wrong.
func Parse(src []byte, name string, env Env) (*Graph, error) {
	p := &parser{env: env, name: name, limits: env.Limits.orDefault(), errs: &ParseErrors{}}
	p.file(src)
	if len(p.errs.List) > 0 {
		p.errs.sort()
		return nil, p.errs
	}
	g := env.graph(p.results[len(p.results)-1].node, name)
	g.warnings = p.warnings
	return g, nil
}

// parser reads instructions into a list of results.
type parser struct {
	env      Env
	name     string
	limits   Limits
	results  []result
	entries  int // of all dicts
	errs     *ParseErrors
	warnings []string

	line    int    // number of the line
	text    string // the line
	at      place  // of the instruction
	command string
}

// result is what an instruction gave.
type result struct {
	node *Expr
	dict *dict // if it is no node
	at   place
	bad  bool // the instruction was wrong; what refers to it is not wrong for that
}

// dict is a map that is not a node yet.
type dict struct {
	entries []dictEntry
	at      place
	made    []Entry // the entries for nodes, when made; nodes share them
	node    *Expr   // the node that it is as an argument, when made
}

type dictEntry struct {
	key   string
	value operand
}

// fail records an error at a byte offset of the line.
func (p *parser) fail(offset, arg int, err error) {
	if len(p.errs.List) >= p.limits.Errors {
		p.errs.More++
		return
	}
	p.errs.List = append(p.errs.List, &ParseError{File: p.name, Line: p.line, Column: column(p.text, offset),
		Command: p.command, Arg: arg, Text: p.text, Err: err})
}

func (p *parser) file(src []byte) {
	src = bytes.TrimPrefix(src, []byte(byteOrderMark))
	first, rest, more := bytes.Cut(src, []byte("\n"))
	p.line, p.text = 1, strings.TrimSuffix(string(first[:min(len(first), 200)]), "\r")
	if err := checkHeader(p.text); err != nil {
		p.fail(0, -1, err)
		return
	}
	for more && p.errs.More < maxUnlisted {
		first, rest, more = bytes.Cut(rest, []byte("\n"))
		p.line++
		if len(p.results) >= p.limits.Instructions && !isComment(first) {
			p.text, p.command = "", ""
			p.fail(0, -1, fmt.Errorf("the recipe has more than %d instructions", p.limits.Instructions))
			return
		}
		p.physical(first)
	}
	p.finish()
}

// byteOrderMark is what some editors write before text in UTF-8.
const byteOrderMark = "\ufeff"

// maxUnlisted is how many errors beyond those that are listed are counted; then the rest of
// the text is not read.
const maxUnlisted = 1000

func isComment(line []byte) bool {
	line = bytes.TrimSpace(line)
	return len(line) == 0 || line[0] == '#'
}

func checkHeader(line string) error {
	line = strings.TrimRight(line, " \t")
	switch version, found := strings.CutPrefix(line, "version "); {
	case line == header:
		return nil
	case found:
		return fmt.Errorf("the recipe has format version %q, this program reads 0.1.0 (a newer format?)", strings.TrimSpace(version))
	case strings.HasPrefix(line, "PK\x03\x04"), strings.HasPrefix(line, "\x80"), len(line) > 8 && line[8] == '{': // zip, pickle, safetensors
		return errors.New("this is a checkpoint, not a recipe")
	}
	return &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("not a recipe: the first line must be %q", header),
		Hint: "the name of a program ends in .star"}
}

// physical reads a line: a comment, nothing, or an instruction.
func (p *parser) physical(raw []byte) {
	p.command = ""
	if len(raw) > p.limits.Line {
		p.text = ""
		p.fail(0, -1, fmt.Errorf("the line has %d bytes, at most %d are read", len(raw), p.limits.Line))
		p.results = append(p.results, result{bad: true})
		return
	}
	p.text = strings.TrimSuffix(string(raw), "\r")
	trimmed := strings.TrimSpace(p.text)
	if trimmed == "" || trimmed[0] == '#' {
		return
	}
	before := len(p.errs.List) + p.errs.More
	p.at = place{p.line, column(p.text, strings.Index(p.text, trimmed)), beginning(p.text)}
	r := result{at: p.at}
	if at := invalidUTF8(p.text); at >= 0 {
		p.fail(at, -1, errors.New("the text is not UTF-8"))
	} else {
		p.instruction(&r)
	}
	r.bad = r.bad || len(p.errs.List)+p.errs.More > before
	p.results = append(p.results, r)
}

// beginning returns as much of a line as messages show of it.
func beginning(line string) string {
	if len(line) > 4*excerptRunes {
		return strings.Clone(line[:4*excerptRunes])
	}
	return line
}

func invalidUTF8(s string) int {
	for i, r := range s {
		if r == utf8.RuneError {
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return i
			}
		}
	}
	return -1
}

// instruction reads the command and the arguments, and appends the result.
func (p *parser) instruction(r *result) {
	start := strings.Index(p.text, strings.TrimSpace(p.text))
	lex := &lexer{line: strings.TrimRightFunc(p.text, unicode.IsSpace), pos: start}
	t, _, err := lex.next()
	run, known := commands[t.value]
	if err != nil || t.named || t.quoted || !known {
		p.fail(t.at, -1, unknownCommand(&t, err))
		return
	}
	p.command = t.value
	args, ok := p.arguments(lex)
	switch {
	case ok && !poisoned(args):
		run(p, r, t.at, args)
	case ok && p.command == "merge":
		p.mergeMethod(t.at, args)
	}
	r.bad = r.bad || poisoned(args)
}

// commands is the table of instructions.
var commands = map[string]func(p *parser, r *result, at int, args []arg){
	"dict":    (*parser).dictInstruction,
	"literal": (*parser).literalInstruction,
	"model":   (*parser).modelInstruction,
	"merge":   (*parser).mergeInstruction,
}

func unknownCommand(t *token, err error) error {
	if err != nil {
		return err
	}
	word := t.value
	if t.named {
		word = t.name
	}
	e := &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("unknown command %q", word), Want: "dict, literal, model or merge"}
	if _, ok := commands[strings.ToLower(word)]; ok {
		e.Hint = "commands are written in lower case, without quotes"
	}
	return e
}

// finish checks the result of the recipe as a whole.
func (p *parser) finish() {
	p.command = ""
	if len(p.results) == 0 {
		p.fail(len(p.text), -1, errors.New("the recipe is empty: it has no instruction"))
		return
	}
	last := &p.results[len(p.results)-1]
	if last.bad || last.dict == nil {
		return
	}
	entries, err := last.dict.literal()
	if err != nil {
		p.line, p.text = last.at.line, last.at.text
		p.fail(0, -1, err)
		return
	}
	last.node = p.env.literal(entries, Hints{}, last.at)
}

// literal returns the entries of a dict for a node.
func (d *dict) literal() ([]Entry, error) {
	if d.made != nil {
		return d.made, nil
	}
	entries := make([]Entry, len(d.entries))
	for i, x := range d.entries {
		if x.value.dict != nil {
			return nil, &tensor.Error{Class: tensor.ClassRecipe, Key: x.key, Err: errors.New("a dict cannot be a value of a dict (make it a literal)")}
		}
		entries[i] = Entry{Key: x.key, Node: x.value.node}
		if x.value.node == nil {
			entries[i].Value = x.value.value
		}
	}
	d.made = entries
	return entries, nil
}

// operand is the value of an argument: a node, a dict, or a plain value.
type operand struct {
	node  *Expr
	dict  *dict
	value methods.Value
	bad   bool // it refers to an instruction that was wrong
}

func poisoned(args []arg) bool {
	for i := range args {
		if args[i].bad {
			return true
		}
	}
	return false
}
