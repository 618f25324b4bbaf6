package kernels

// macros is the one table of macros; those of one argument ignore y.
var macros = [numMacros]struct {
	name string
	args int
	emit func(b *Builder, x, y Val) Val
}{
	MacroExp:   {"exp", 1, func(b *Builder, x, _ Val) Val { return b.Exp(x) }},
	MacroLn:    {"ln", 1, func(b *Builder, x, _ Val) Val { return b.Ln(x) }},
	MacroPow:   {"pow", 2, (*Builder).Pow},
	MacroSin:   {"sin", 1, func(b *Builder, x, _ Val) Val { return b.Sin(x) }},
	MacroCos:   {"cos", 1, func(b *Builder, x, _ Val) Val { return b.Cos(x) }},
	MacroCosPi: {"cospi", 1, func(b *Builder, x, _ Val) Val { return b.CosPi(x) }},
	MacroAcos:  {"acos", 1, func(b *Builder, x, _ Val) Val { return b.Acos(x) }},
}

// Macros lists all macros.
func Macros() []Macro {
	all := make([]Macro, numMacros)
	for i := range all {
		all[i] = Macro(i)
	}
	return all
}

// String returns the name of the macro, such as "exp".
func (f Macro) String() string {
	if f >= numMacros {
		return "invalid"
	}
	return macros[f].name
}

// Arity returns the number of arguments of the macro.
func (f Macro) Arity() int { return macros[f].args }

// Macro emits a macro of x and, if it has two arguments, y.
func (b *Builder) Macro(f Macro, x, y Val) Val { return macros[f].emit(b, x, y) }

// macroProgram computes a macro of two dense operands of the compute type.
func macroProgram(f Macro, c Compute) *Program {
	b := &Builder{Compute: c}
	v := b.Macro(f, b.Load(0), b.Load(1))
	o := Operand{DType: c.DType()}
	return &Program{Compute: c, Operands: []Operand{o, o}, Code: b.Code, Results: []Result{{Kind: Store, V: v, DType: c.DType()}}}
}
