package main

import "fmt"

// A tile of a product is up to productRows rows of 16 elements, two registers each: with two for
// the values of Y, one for a value of X and one for what is odd, they fill the 16 registers.
const productRows = 6

// product writes the functions that pack columns of Y and compute tiles of a product.
func (e *emitter) product() {
	f32 := machine{emitter: e}
	for _, k := range []struct {
		kind byte
		name string
	}{{'h', "F16"}, {'b', "BF16"}, {'m', "F32"}} {
		f32.pack(k.kind, "pack"+k.name)
	}
	for rows := 1; rows <= productRows; rows++ {
		e.tiles(rows)
	}
}

// pack: for range rows { dst[:16] = src[:16], converted; dst += 64; src += pitch }, in bytes.
func (m machine) pack(kind byte, name string) {
	m.raw("// func %s(dst *float32, src *byte, pitch, rows int)", name)
	m.raw("TEXT ·%s(SB), NOSPLIT, $0-32", name)
	m.ins("MOVQ dst+0(FP), DI")
	m.ins("MOVQ src+8(FP), AX")
	m.ins("MOVQ pitch+16(FP), R8")
	m.ins("MOVQ rows+24(FP), CX")
	m.raw("row:")
	for u := range 2 {
		m.load(kind, "AX", u, u)
		m.ins("VMOVUPS Y%d, %d(DI)", u, 32*u)
	}
	m.ins("ADDQ R8, AX")
	m.ins("ADDQ $64, DI")
	m.ins("DECQ CX")
	m.ins("JNZ row")
	m.ins("VZEROUPPER")
	m.ins("RET")
	m.raw("")
}

// tiles: tiles of rows rows, one below the other. The sums start from +0, or are added to what is
// there. Y15 collects x - x of all elements: +0 where they are finite.
func (e *emitter) tiles(rows int) {
	name := fmt.Sprintf("tiles%d", rows)
	e.raw("// func %s(dst *float32, pitch int, x *float32, xPitch int, y *float32, n, count int, add bool) (odd bool)", name)
	e.raw("TEXT ·%s(SB), NOSPLIT, $0-65", name)
	for _, arg := range []string{"dst+0(FP), DI", "pitch+8(FP), R8", "x+16(FP), SI", "xPitch+24(FP), R10", "y+32(FP), R11", "n+40(FP), R9", "count+48(FP), R12"} {
		e.ins("MOVQ %s", arg)
	}
	e.ins("MOVBLZX add+56(FP), R13")
	e.ins("VXORPS Y15, Y15, Y15")
	e.raw("tile:")
	e.tileSums(rows)
	e.ins("TESTL R13, R13")
	e.ins("JZ store")
	e.eachRow(rows, func(acc int, at string) { e.ins("VADDPS %s, Y%d, Y%d", at, acc, acc) })
	e.raw("store:")
	e.eachRow(rows, func(acc int, at string) {
		e.ins("VMOVUPS Y%d, %s", acc, at)
		e.ins("VSUBPS Y%d, Y%d, Y%d", acc, acc, acc)
		e.ins("VORPS Y%d, Y15, Y15", acc)
	})
	e.ins("MOVQ AX, DI")
	e.ins("IMUL3Q $%d, R10, AX", rows)
	e.ins("ADDQ AX, SI")
	e.ins("DECQ R12")
	e.ins("JNZ tile")
	e.ins("VPTEST Y15, Y15")
	e.ins("SETNE odd+64(FP)")
	e.ins("VZEROUPPER")
	e.ins("RET")
	e.raw("")
}

// tileSums computes the sums of a tile: of row i in registers 2i and 2i+1. The rows of X are at AX, from
// the fourth one on at BX.
func (e *emitter) tileSums(rows int) {
	for i := range 2 * rows {
		e.ins("VXORPS Y%d, Y%d, Y%d", i, i, i)
	}
	e.ins("MOVQ SI, AX")
	e.ins("LEAQ (SI)(R10*2), BX")
	e.ins("ADDQ R10, BX")
	e.ins("MOVQ R11, DX")
	e.ins("MOVQ R9, CX")
	e.raw("products:")
	e.ins("VMOVUPS (DX), Y12")
	e.ins("VMOVUPS 32(DX), Y13")
	for i := range rows {
		at := [productRows]string{"(AX)", "(AX)(R10*1)", "(AX)(R10*2)", "(BX)", "(BX)(R10*1)", "(BX)(R10*2)"}[i]
		e.ins("VBROADCASTSS %s, Y14", at)
		e.ins("VFMADD231PS Y12, Y14, Y%d", 2*i)
		e.ins("VFMADD231PS Y13, Y14, Y%d", 2*i+1)
	}
	e.ins("ADDQ $4, AX")
	e.ins("ADDQ $4, BX")
	e.ins("ADDQ $64, DX")
	e.ins("DECQ CX")
	e.ins("JNZ products")
}

// eachRow calls f for the registers of a tile and where their elements are; AX ends below the tile.
func (e *emitter) eachRow(rows int, f func(acc int, at string)) {
	e.ins("MOVQ DI, AX")
	for i := range rows {
		f(2*i, "(AX)")
		f(2*i+1, "32(AX)")
		e.ins("ADDQ R8, AX")
	}
}
