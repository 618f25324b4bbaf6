package kernels

// Op is an operation of a Program.
type Op uint8

// Operations. Arithmetic is IEEE 754 in the compute type of the Program, rounded to
// nearest even, one rounding an operation, subnormals kept. x, y, z are the arguments.
const (
	OpInvalid Op = iota

	// Sources of values.

	OpLoad  // element of operand Imm, converted to the compute type in one rounding
	OpConst // launch constant Imm, rounded from float64 to the compute type
	OpImm   // the value whose bits are Imm (its low 32 bits if the compute type is F32)

	// Arithmetic.

	OpAdd  // x + y
	OpSub  // x - y
	OpMul  // x * y
	OpDiv  // x / y
	OpFMA  // x*y + z with one rounding
	OpNeg  // x with its sign bit flipped
	OpAbs  // x with its sign bit cleared
	OpSqrt // square root, correctly rounded
	OpSign // 1 if x > 0, -1 if x < 0, else +0 (also for NaN)
	OpMin  // x if x is NaN, else x if x < y, else y (so NaN propagates, and min(+0, -0) = y)
	OpMax  // x if x is NaN, else x if x > y, else y
	OpRint // x rounded to an integral value, ties to even

	// Comparisons and masks. A comparison with NaN is false.

	OpLT     // x < y
	OpLE     // x <= y
	OpEQ     // x == y
	OpIsNaN  // x is NaN
	OpAndM   // both masks
	OpOrM    // either mask
	OpNotM   // not the mask
	OpSelect // y where mask x is set, else z

	// Conversions within the compute type.

	OpNaNToNum // NaN to +0, +-Inf to the largest finite value of the compute type with that sign
	OpRound    // x rounded to DType (saturating truncation for integers) and back

	// Bits of values; integers have the width of the compute type and wrap.

	OpAndB // bitwise and
	OpOrB  // bitwise or
	OpXorB // bitwise exclusive or
	OpIAdd // integer sum
	OpISub // integer difference
	OpShl  // bits of x shifted left by Imm
	OpShr  // bits of x shifted right by Imm, zeros shifted in

	numOps
)

// class of an argument or a value: a number (or its bits), or a mask.
type class uint8

const (
	none class = iota
	num
	mask
)

type opInfo struct {
	name string
	args [3]class
	out  class
}

// ops is the one table of operations; devices, validation, tests and the exam range
// over it.
var ops = [numOps]opInfo{
	OpInvalid:  {"invalid", [3]class{}, none},
	OpLoad:     {"load", [3]class{}, num},
	OpConst:    {"const", [3]class{}, num},
	OpImm:      {"imm", [3]class{}, num},
	OpAdd:      {"add", [3]class{num, num}, num},
	OpSub:      {"sub", [3]class{num, num}, num},
	OpMul:      {"mul", [3]class{num, num}, num},
	OpDiv:      {"div", [3]class{num, num}, num},
	OpFMA:      {"fma", [3]class{num, num, num}, num},
	OpNeg:      {"neg", [3]class{num}, num},
	OpAbs:      {"abs", [3]class{num}, num},
	OpSqrt:     {"sqrt", [3]class{num}, num},
	OpSign:     {"sign", [3]class{num}, num},
	OpMin:      {"min", [3]class{num, num}, num},
	OpMax:      {"max", [3]class{num, num}, num},
	OpRint:     {"rint", [3]class{num}, num},
	OpLT:       {"lt", [3]class{num, num}, mask},
	OpLE:       {"le", [3]class{num, num}, mask},
	OpEQ:       {"eq", [3]class{num, num}, mask},
	OpIsNaN:    {"isnan", [3]class{num}, mask},
	OpAndM:     {"and", [3]class{mask, mask}, mask},
	OpOrM:      {"or", [3]class{mask, mask}, mask},
	OpNotM:     {"not", [3]class{mask}, mask},
	OpSelect:   {"select", [3]class{mask, num, num}, num},
	OpNaNToNum: {"nan_to_num", [3]class{num}, num},
	OpRound:    {"round", [3]class{num}, num},
	OpAndB:     {"andb", [3]class{num, num}, num},
	OpOrB:      {"orb", [3]class{num, num}, num},
	OpXorB:     {"xorb", [3]class{num, num}, num},
	OpIAdd:     {"iadd", [3]class{num, num}, num},
	OpISub:     {"isub", [3]class{num, num}, num},
	OpShl:      {"shl", [3]class{num}, num},
	OpShr:      {"shr", [3]class{num}, num},
}

// Ops lists all operations.
func Ops() []Op {
	all := make([]Op, 0, numOps-1)
	for op := OpInvalid + 1; op < numOps; op++ {
		all = append(all, op)
	}
	return all
}

// String returns the short name of the operation.
func (op Op) String() string {
	if op >= numOps {
		return "invalid"
	}
	return ops[op].name
}

// Arity returns the number of arguments that are values.
func (op Op) Arity() int {
	n := 0
	for n < 3 && ops[op].args[n] != none {
		n++
	}
	return n
}

// TakesMask reports whether argument i of the operation is a mask.
func (op Op) TakesMask(i int) bool { return ops[op].args[i] == mask }

// GivesMask reports whether the value of the operation is a mask.
func (op Op) GivesMask() bool { return ops[op].out == mask }
