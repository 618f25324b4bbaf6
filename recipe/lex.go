package recipe

import (
	"errors"
	"strings"
)

// token is a command or an argument as it is written.
type token struct {
	at      int    // offset in the line
	named   bool   // it is name=value
	name    string // without quotes and escapes
	valueAt int    // offset of the value
	value   string // without quotes and escapes
	quoted  bool   // the value is a string in quotes
	escaped bool   // the value has an escape outside of quotes
}

var (
	errQuotes = errors.New(`the string has no closing quote`)
	errPrefix = errors.New(`text stands directly before a quoted string`)
)

// lexer cuts a line into tokens.
//
//	a="x y" "p=q" \"b=1 "c d"=2   ->   a = "x y" | "p=q" | "b = 1 | c d = 2
//
// A backslash makes the next character an ordinary one, in quotes and outside. Spaces and
// tabs separate tokens; a closing quote ends its token too. An argument is named if a plain
// "=" stands before any quote, or directly after a quoted name.
type lexer struct {
	line string
	pos  int
}

// next returns the next token; ok is false at the end. An error is at offset token.at.
func (l *lexer) next() (t token, ok bool, err error) {
	for l.pos < len(l.line) && isBlank(l.line[l.pos]) {
		l.pos++
	}
	if l.pos == len(l.line) || l.line[l.pos:] == `\` {
		return token{}, false, nil
	}
	t = token{at: l.pos, valueAt: l.pos}
	var text strings.Builder
	for l.pos < len(l.line) && !isBlank(l.line[l.pos]) {
		c := l.line[l.pos]
		l.pos++
		switch {
		case c == '\\':
			l.escape(&text)
			t.escaped = true
		case c == '=' && !t.named:
			t.setName(text.String(), l.pos)
			text.Reset()
		case c == '"':
			done, err := l.quote(&t, &text)
			if done || err != nil {
				return t, true, err
			}
		default:
			text.WriteByte(c)
		}
	}
	t.value = text.String()
	return t, true, nil
}

func (t *token) setName(name string, valueAt int) {
	t.named, t.name, t.valueAt, t.escaped = true, name, valueAt, false
}

// escape takes the character after a backslash as it is. A backslash at the end of the
// line vanishes.
func (l *lexer) escape(text *strings.Builder) {
	if l.pos < len(l.line) {
		text.WriteByte(l.line[l.pos])
		l.pos++
	}
}

// quote reads a string after its opening quote. done is false if it was a name.
func (l *lexer) quote(t *token, text *strings.Builder) (done bool, err error) {
	open := l.pos - 1
	prefix := text.Len() > 0 || t.escaped
	for {
		if l.pos == len(l.line) {
			t.at = open
			return true, errQuotes
		}
		c := l.line[l.pos]
		l.pos++
		if c == '"' {
			break
		}
		if c == '\\' {
			l.escape(text)
		} else {
			text.WriteByte(c)
		}
	}
	if !t.named && !prefix && l.pos < len(l.line) && l.line[l.pos] == '=' {
		l.pos++
		t.setName(text.String(), l.pos)
		text.Reset()
		return false, nil
	}
	t.value, t.quoted = text.String(), true
	if prefix {
		return true, errPrefix
	}
	return true, nil
}

// isBlank reports whether a character separates tokens. The reference takes tabs as parts
// of names; recipes in files have none, and people write them to align columns.
func isBlank(c byte) bool { return c == ' ' || c == '\t' }
