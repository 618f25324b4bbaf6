package main

// fold writes the function that folds 64 lanes by halves and clears them.
func (e *emitter) fold() {
	e.raw("// func fold(lanes *[64]float64) float64")
	e.raw("TEXT ·fold(SB), NOSPLIT, $0-16")
	e.ins("MOVQ lanes+0(FP), AX")
	e.ins("VXORPS Y15, Y15, Y15")
	for i := range 8 {
		e.ins("VMOVUPD %d(AX), Y%d", 32*i, i)
		e.ins("VADDPD %d(AX), Y%d, Y%d", 256+32*i, i, i)
	}
	for i := range 16 {
		e.ins("VMOVUPS Y15, %d(AX)", 32*i)
	}
	for n := 4; n >= 1; n /= 2 {
		for i := range n {
			e.ins("VADDPD Y%d, Y%d, Y%d", i+n, i, i)
		}
	}
	e.ins("VEXTRACTF128 $1, Y0, X1")
	e.ins("VADDPD X1, X0, X0")
	e.ins("VUNPCKHPD X0, X0, X1")
	e.ins("VADDSD X1, X0, X0")
	e.ins("VMOVSD X0, ret+8(FP)")
	e.ins("VZEROUPPER")
	e.ins("RET")
	e.raw("")
}
