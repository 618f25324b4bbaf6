package recipe

import (
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe/config"
)

// Kind is the kind of a node.
type Kind uint8

const (
	ModelNode   Kind = iota // a state dict in a file, or one that the caller supplies by name
	LiteralNode             // a state dict of values and nodes
	MergeNode               // a method applied to arguments
)

// Expr is a node of a recipe. It is immutable and may be shared by any number of graphs and
// goroutines. Nodes with equal digests are the same node.
type Expr struct {
	kind    Kind
	hints   Hints // of models and literals
	path    string
	entries []Entry
	method  *methods.Method
	args    [][]*Expr // by parameter; defaults are filled in
	at      place
	digest  Digest
}

// Entry is an entry of a literal: a value, or a node, from which the key of the entry is
// taken.
type Entry struct {
	Key   string
	Value methods.Value
	Node  *Expr // nil: the entry is the Value
}

// Kind returns the kind of the node.
func (e *Expr) Kind() Kind { return e.kind }

// Hints returns what the recipe says about a model or a literal.
func (e *Expr) Hints() Hints { return e.hints }

// Path returns the path of a model as it was written, or the name of one in memory.
func (e *Expr) Path() string { return e.path }

// Entries returns the entries of a literal in the order in which they were given.
func (e *Expr) Entries() []Entry { return slices.Clone(e.entries) }

// Method returns the method of a merge.
func (e *Expr) Method() *methods.Method { return e.method }

// Args returns the arguments of each parameter of a merge: one, or any number for a
// variadic parameter. Defaults are there.
func (e *Expr) Args() [][]*Expr {
	args := make([][]*Expr, len(e.args))
	for i, list := range e.args {
		args[i] = slices.Clone(list)
	}
	return args
}

// Digest returns the identity of the node.
func (e *Expr) Digest() Digest { return e.digest }

// children calls f for every node below e, in the order in which they are written.
func (e *Expr) children(f func(*Expr)) {
	for i := range e.entries {
		if n := e.entries[i].Node; n != nil {
			f(n)
		}
	}
	for _, list := range e.args {
		for _, a := range list {
			f(a)
		}
	}
}

// constant returns the value of a node that is one value for every key: a conversion of a
// literal with the one key "key".
func (e *Expr) constant() (methods.Value, bool) {
	if e.kind != MergeNode || !e.method.Broadcast || len(e.args) != 1 || len(e.args[0]) != 1 {
		return methods.Value{}, false
	}
	lit := e.args[0][0]
	if lit.kind != LiteralNode || len(lit.entries) != 1 || lit.entries[0].Key != config.SingletonKey || lit.entries[0].Node != nil {
		return methods.Value{}, false
	}
	return lit.entries[0].Value, true
}

// CleanPath returns the form of a path in which paths of models are compared: without "."
// elements and repeated slashes. ".." stays, because it may follow a link.
func CleanPath(p string) string {
	var parts []string
	for _, part := range strings.Split(p, "/") {
		if part != "" && part != "." {
			parts = append(parts, part)
		}
	}
	clean := strings.Join(parts, "/")
	switch {
	case strings.HasPrefix(p, "//") && !strings.HasPrefix(p, "///"):
		return "//" + clean // a network path
	case strings.HasPrefix(p, "/"):
		return "/" + clean
	case clean == "":
		return "."
	}
	return clean
}
