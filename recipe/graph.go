package recipe

import (
	"github.com/mecha-gpu/mecha-gpu/methods"
)

// Graph is a recipe: a root node and all nodes below it, each once.
type Graph struct {
	env      Env
	name     string // file, for messages; may be ""
	nodes    []*Expr
	index    map[Digest]int
	warnings []string
}

// Graph makes a graph from a root, which is anything that Convert takes.
func (e Env) Graph(root any) (*Graph, error) {
	if entries, ok := root.([]Entry); ok { // as a root, its values may be of any type
		n, err := e.Literal(entries, Hints{})
		if err != nil {
			return nil, err
		}
		root = n
	}
	n, err := e.Convert(root)
	if err != nil {
		return nil, err
	}
	return e.graph(n, ""), nil
}

// graph lists the nodes below a root, arguments before users in the order in which they
// are written. It does not recurse: recipes may be deep.
func (e Env) graph(root *Expr, name string) *Graph {
	g := &Graph{env: e, name: name, index: map[Digest]int{}}
	type frame struct {
		n    *Expr
		done bool // all nodes below it are listed
	}
	stack := []frame{{n: root}}
	for len(stack) > 0 {
		f := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if _, seen := g.index[f.n.digest]; seen {
			continue
		}
		if f.done {
			g.index[f.n.digest] = len(g.nodes)
			g.nodes = append(g.nodes, f.n)
			continue
		}
		stack = append(stack, frame{f.n, true})
		first := len(stack)
		f.n.children(func(c *Expr) { stack = append(stack, frame{n: c}) })
		for i, j := first, len(stack)-1; i < j; i, j = i+1, j-1 {
			stack[i], stack[j] = stack[j], stack[i]
		}
	}
	return g
}

// Env returns what the recipe may name.
func (g *Graph) Env() Env { return g.env }

// Name returns the name of the text that the recipe came from; "" if it came from none.
func (g *Graph) Name() string { return g.name }

// Named returns g under the name of the text that it came from, for messages.
func (g *Graph) Named(name string) *Graph {
	n := *g
	n.name = name
	return &n
}

// Root returns the node that is the result.
func (g *Graph) Root() *Expr { return g.nodes[len(g.nodes)-1] }

// Len returns the number of different nodes.
func (g *Graph) Len() int { return len(g.nodes) }

// Nodes returns all nodes, each once, arguments before users, the root last.
func (g *Graph) Nodes() []*Expr { return append([]*Expr(nil), g.nodes...) }

// Equal reports whether two graphs are the same recipe.
func (g *Graph) Equal(o *Graph) bool { return g.Root().digest == o.Root().digest }

// Warnings returns what is odd but not wrong about the text that the recipe came from.
func (g *Graph) Warnings() []string { return append([]string(nil), g.warnings...) }

// Models returns the paths of the models as written, in order of first use. Paths that are
// the same (CleanPath) are listed once.
func (g *Graph) Models() []string {
	var paths []string
	seen := map[string]bool{}
	for _, n := range g.nodes {
		if n.kind == ModelNode && !seen[CleanPath(n.path)] {
			seen[CleanPath(n.path)] = true
			paths = append(paths, n.path)
		}
	}
	return paths
}

// Methods returns the methods that are used, in order of first use.
func (g *Graph) Methods() []*methods.Method {
	var list []*methods.Method
	seen := map[*methods.Method]bool{}
	for _, n := range g.nodes {
		if n.kind == MergeNode && !seen[n.method] {
			seen[n.method] = true
			list = append(list, n.method)
		}
	}
	return list
}

// WithFallback returns the recipe fallback(g, model): keys that g cannot produce come from
// the model.
func (g *Graph) WithFallback(path string) (*Graph, error) {
	m, err := g.env.Model(path, Hints{})
	if err != nil {
		return nil, err
	}
	root, err := g.env.Merge("fallback", []any{g.Root(), m})
	if err != nil {
		return nil, err
	}
	n := g.env.graph(root, g.name)
	n.warnings = g.warnings
	return n, nil
}
