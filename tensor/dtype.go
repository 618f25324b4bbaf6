package tensor

import (
	"fmt"
	"slices"
	"strings"
)

// DType is an element type. Its text form is the safetensors name.
type DType uint8

// The element types of safetensors 0.8, in the order of that format.
const (
	InvalidDType DType = iota
	BOOL
	F4
	F6_E2M3
	F6_E3M2
	U8
	I8
	F8_E5M2
	F8_E4M3
	F8_E8M0
	F8_E4M3FNUZ
	F8_E5M2FNUZ
	I16
	U16
	F16
	BF16
	I32
	U32
	F32
	C64
	F64
	I64
	U64
	numDTypes
)

// Kind says which arithmetic a DType has.
type Kind uint8

const (
	KindInvalid Kind = iota
	KindBool         // one byte, 0 or 1
	KindInt          // two's complement
	KindUint
	KindFloat   // convertible to F32 or F64
	KindComplex // copied, never computed with
	KindOpaque  // sub-byte floats: copied, never computed with
)

type dtypeInfo struct {
	name    string   // in safetensors headers
	recipe  string   // in recipes and on the command line (PyTorch's name); "" if it has none
	aliases []string // other accepted names in recipes
	bits    int
	kind    Kind
}

// dtypes is the one table of element types; everything else ranges over it.
var dtypes = [numDTypes]dtypeInfo{
	InvalidDType: {name: "invalid"},
	BOOL:         {"BOOL", "bool", nil, 8, KindBool},
	F4:           {"F4", "", nil, 4, KindOpaque},
	F6_E2M3:      {"F6_E2M3", "", nil, 6, KindOpaque},
	F6_E3M2:      {"F6_E3M2", "", nil, 6, KindOpaque},
	U8:           {"U8", "uint8", []string{"u8"}, 8, KindUint},
	I8:           {"I8", "int8", []string{"i8"}, 8, KindInt},
	F8_E5M2:      {"F8_E5M2", "float8_e5m2", []string{"f8_e5m2", "fp8_e5m2"}, 8, KindFloat},
	F8_E4M3:      {"F8_E4M3", "float8_e4m3fn", []string{"f8_e4m3", "fp8_e4m3", "float8_e4m3"}, 8, KindFloat},
	F8_E8M0:      {"F8_E8M0", "float8_e8m0fnu", []string{"f8_e8m0"}, 8, KindFloat},
	F8_E4M3FNUZ:  {"F8_E4M3FNUZ", "float8_e4m3fnuz", []string{"f8_e4m3fnuz"}, 8, KindFloat},
	F8_E5M2FNUZ:  {"F8_E5M2FNUZ", "float8_e5m2fnuz", []string{"f8_e5m2fnuz"}, 8, KindFloat},
	I16:          {"I16", "int16", []string{"i16", "short"}, 16, KindInt},
	U16:          {"U16", "uint16", []string{"u16"}, 16, KindUint},
	F16:          {"F16", "float16", []string{"f16", "fp16", "half"}, 16, KindFloat},
	BF16:         {"BF16", "bfloat16", []string{"bf16"}, 16, KindFloat},
	I32:          {"I32", "int32", []string{"i32", "int"}, 32, KindInt},
	U32:          {"U32", "uint32", []string{"u32"}, 32, KindUint},
	F32:          {"F32", "float32", []string{"f32", "fp32", "float"}, 32, KindFloat},
	C64:          {"C64", "", nil, 64, KindComplex},
	F64:          {"F64", "float64", []string{"f64", "fp64", "double"}, 64, KindFloat},
	I64:          {"I64", "int64", []string{"i64", "long"}, 64, KindInt},
	U64:          {"U64", "uint64", []string{"u64"}, 64, KindUint},
}

// DTypes lists all element types in the order of the format.
func DTypes() []DType {
	all := make([]DType, 0, numDTypes-1)
	for d := InvalidDType + 1; d < numDTypes; d++ {
		all = append(all, d)
	}
	return all
}

// Valid reports whether d is one of the element types of the format.
func (d DType) Valid() bool { return d > InvalidDType && d < numDTypes }

// String returns the safetensors name of d, such as "BF16".
func (d DType) String() string {
	if d >= numDTypes {
		return fmt.Sprintf("DType(%d)", uint8(d))
	}
	return dtypes[d].name
}

// RecipeName returns the name of d in recipes, such as "bfloat16", and "" for
// element types that recipes cannot name.
func (d DType) RecipeName() string { return dtypes[d].recipe }

// Bits returns the size of an element in bits.
func (d DType) Bits() int { return dtypes[d].bits }

// Size returns the size of an element in bytes; it is 0 for the sub-byte types.
func (d DType) Size() int64 { return int64(dtypes[d].bits / 8) }

// Kind returns the kind of arithmetic that d has.
func (d DType) Kind() Kind { return dtypes[d].kind }

// IsFloat reports whether d is a floating-point type that converts to F32 or F64.
func (d DType) IsFloat() bool { return dtypes[d].kind == KindFloat }

// IsInteger reports whether d is an integer or boolean type.
func (d DType) IsInteger() bool {
	k := dtypes[d].kind
	return k == KindBool || k == KindInt || k == KindUint
}

// Computable reports whether elements of d can be operands of arithmetic.
func (d DType) Computable() bool { return d.IsFloat() || d.IsInteger() }

// ParseDType returns the DType with the given safetensors name.
func ParseDType(name string) (DType, bool) {
	for d := InvalidDType + 1; d < numDTypes; d++ {
		if dtypes[d].name == name {
			return d, true
		}
	}
	return InvalidDType, false
}

// ParseRecipeDType returns the DType with the given name in a recipe or on the
// command line: PyTorch's name or one of the short aliases. The error lists the
// accepted names.
func ParseRecipeDType(name string) (DType, error) {
	for d := InvalidDType + 1; d < numDTypes; d++ {
		if r := dtypes[d].recipe; r != "" && (r == name || slices.Contains(dtypes[d].aliases, name)) {
			return d, nil
		}
	}
	return InvalidDType, fmt.Errorf("unknown dtype %q, expected one of %s", name, strings.Join(RecipeDTypes(), ", "))
}

// RecipeDTypes lists the element-type names that recipes use.
func RecipeDTypes() []string {
	var names []string
	for d := numDTypes - 1; d > InvalidDType; d-- {
		if r := dtypes[d].recipe; r != "" {
			names = append(names, r)
		}
	}
	return names
}
