package recipe

// WithPaths returns the recipe with the path of every model replaced by what f makes of it. Text
// of a recipe that is stored elsewhere needs paths from there. f is called once for each model.
func (g *Graph) WithPaths(f func(path string) string) *Graph {
	made := make(map[Digest]*Expr, len(g.nodes))
	for _, n := range g.nodes { // children first
		c := *n
		switch n.kind {
		case ModelNode:
			c.path = f(n.path)
		case LiteralNode:
			c.entries = n.Entries()
			for i := range c.entries {
				if x := c.entries[i].Node; x != nil {
					c.entries[i].Node = made[x.digest]
				}
			}
		case MergeNode:
			c.args = n.Args()
			for _, list := range c.args {
				for i := range list {
					list[i] = made[list[i].digest]
				}
			}
		}
		made[n.digest] = c.seal()
	}
	r := g.env.graph(made[g.Root().digest], g.name)
	r.warnings = g.Warnings()
	return r
}
