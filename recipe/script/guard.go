package script

import (
	"errors"

	"go.starlark.net/syntax"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// guard replaces what may cost more than one step of the interpreter by calls of built-ins that
// count the cost first: x + y becomes "+"(x, y), a name that no program can write.
type guard struct {
	m   *machine
	err error // the first construct that is refused
}

// Names of guards. The others are called as their operators are.
const (
	passGuard = "()" // returns its argument
	dotGuard  = "."  // x.name
)

func (g *guard) refuse(pos syntax.Position, err error) {
	if g.err == nil {
		g.err = g.m.fail(pos, err)
	}
}

// call makes a call of a guard. Errors point to pos.
func call(name string, pos syntax.Position, args ...syntax.Expr) syntax.Expr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: pos, Name: name}, Lparen: pos, Args: args, Rparen: pos}
}

// counted wraps an operand whose size counts.
func (g *guard) counted(e syntax.Expr) syntax.Expr {
	e = g.expr(e)
	if _, constant := e.(*syntax.Literal); constant || e == nil {
		return e
	}
	pos, _ := e.Span()
	return call(passGuard, pos, e)
}

func (g *guard) stmts(list []syntax.Stmt) {
	for _, s := range list {
		g.stmt(s)
	}
}

func (g *guard) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		g.assign(s)
	case *syntax.DefStmt:
		g.params(s.Params)
		g.stmts(s.Body)
	case *syntax.ExprStmt:
		s.X = g.expr(s.X)
	case *syntax.IfStmt:
		s.Cond = g.expr(s.Cond)
		g.stmts(s.True)
		g.stmts(s.False)
	case *syntax.ForStmt:
		s.Vars, s.X = g.target(s.Vars), g.expr(s.X)
		g.stmts(s.Body)
	case *syntax.ReturnStmt:
		s.Result = g.expr(s.Result)
	case *syntax.LoadStmt:
		g.refuse(s.Load, errors.New("a recipe reads no other files: there is no load"))
	}
}

// assign counts x += y, which may change x in place and is not x = x + y then.
func (g *guard) assign(s *syntax.AssignStmt) {
	s.LHS, s.RHS = g.target(s.LHS), g.expr(s.RHS)
	if s.Op == syntax.EQ {
		return
	}
	x, ok := s.LHS.(*syntax.Ident)
	if !ok {
		g.refuse(s.OpPos, &tensor.Error{Class: tensor.ClassRecipe, Err: errors.New("only a name may stand before " + s.Op.String()),
			Hint: "write x[k] = x[k] " + s.Op.String()[:len(s.Op.String())-1] + " y"})
		return
	}
	s.RHS = call(s.Op.String(), s.OpPos, &syntax.Ident{NamePos: x.NamePos, Name: x.Name}, s.RHS)
}

// target is an expression that is assigned to.
func (g *guard) target(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.IndexExpr:
		e.X, e.Y = g.expr(e.X), g.counted(e.Y)
	case *syntax.ParenExpr:
		e.X = g.target(e.X)
	case *syntax.TupleExpr:
		for i := range e.List {
			e.List[i] = g.target(e.List[i])
		}
	case *syntax.ListExpr:
		for i := range e.List {
			e.List[i] = g.target(e.List[i])
		}
	}
	return e
}

// params guards the defaults of parameters.
func (g *guard) params(list []syntax.Expr) {
	for _, p := range list {
		if b, ok := p.(*syntax.BinaryExpr); ok {
			b.Y = g.expr(b.Y)
		}
	}
}

func (g *guard) exprs(list []syntax.Expr) {
	for i := range list {
		list[i] = g.expr(list[i])
	}
}

func (g *guard) expr(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.BinaryExpr:
		e.X, e.Y = g.expr(e.X), g.expr(e.Y)
		if e.Op != syntax.AND && e.Op != syntax.OR {
			return call(e.Op.String(), e.OpPos, e.X, e.Y)
		}
	case *syntax.CallExpr:
		e.Fn = g.expr(e.Fn)
		g.args(e.Args)
	case *syntax.Comprehension:
		g.comprehension(e)
	case *syntax.CondExpr:
		e.Cond, e.True, e.False = g.expr(e.Cond), g.expr(e.True), g.expr(e.False)
	case *syntax.DictEntry:
		e.Key, e.Value = g.counted(e.Key), g.expr(e.Value)
	case *syntax.DictExpr:
		g.exprs(e.List)
	case *syntax.DotExpr:
		name := &syntax.Literal{Token: syntax.STRING, TokenPos: e.Name.NamePos, Raw: e.Name.Name, Value: e.Name.Name}
		return call(dotGuard, e.Name.NamePos, g.expr(e.X), name)
	case *syntax.IndexExpr:
		e.X, e.Y = g.expr(e.X), g.counted(e.Y)
	case *syntax.LambdaExpr:
		g.params(e.Params)
		e.Body = g.expr(e.Body)
	case *syntax.ListExpr:
		g.exprs(e.List)
	case *syntax.ParenExpr:
		e.X = g.expr(e.X)
	case *syntax.SliceExpr:
		e.X, e.Lo, e.Hi, e.Step = g.counted(e.X), g.expr(e.Lo), g.expr(e.Hi), g.expr(e.Step)
	case *syntax.TupleExpr:
		g.exprs(e.List)
	case *syntax.UnaryExpr:
		e.X = g.counted(e.X)
	}
	return e
}

// args guards arguments: x, name=x, *x and **x. Names may follow *x, as in Python; Starlark
// wants them before it.
func (g *guard) args(list []syntax.Expr) {
	star := -1 // the first *x or **x
	for i, a := range list {
		b, ok := a.(*syntax.BinaryExpr)
		if !ok || b.Op != syntax.EQ {
			if list[i] = g.expr(a); star < 0 && isStar(list[i]) {
				star = i
			}
			continue
		}
		b.Y = g.expr(b.Y)
		if star >= 0 {
			copy(list[star+1:i+1], list[star:i])
			list[star] = a
			star++
		}
	}
}

func isStar(e syntax.Expr) bool {
	u, ok := e.(*syntax.UnaryExpr)
	return ok && (u.Op == syntax.STAR || u.Op == syntax.STARSTAR)
}

func (g *guard) comprehension(e *syntax.Comprehension) {
	e.Body = g.expr(e.Body)
	for _, c := range e.Clauses {
		switch c := c.(type) {
		case *syntax.ForClause:
			c.Vars, c.X = g.target(c.Vars), g.expr(c.X)
		case *syntax.IfClause:
			c.Cond = g.expr(c.Cond)
		}
	}
}
