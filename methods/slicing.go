package methods

// slicing returns the methods that take parts of tensors from different models.
func slicing() []*Method {
	return []*Method{
		crossover(),
		slice("tensor_sum", 0.5, "a, with a range of its rows (the first axis) taken from b."),
		slice("top_k_tensor_sum", 1, "a, with its values in a range of magnitudes put in the order of b."),
	}
}

func crossover() *Method {
	same := sameSpace()
	return &Method{
		ID: "crossover", Family: "slicing", Status: Known,
		Doc: "Low frequencies of one model with the high frequencies of the other, by a filter in the discrete Fourier transform over all axes. " +
			"alpha says where the filter cuts, tilt how steeply: 0 is a step, 1 is linear interpolation, 2 to 4 is the same with the roles exchanged.",
		Source: reference,
		Params: []Param{
			Input("a", "model of the low frequencies").Tied(same),
			Input("b", "model of the high frequencies").Tied(same),
			Option("alpha", FloatOf(0.5), "0 to 1: share of the frequencies that come from b"),
			Option("tilt", FloatOf(0), "slope of the filter, with period 4"),
		},
		Return: Return{Symbol: same},
	}
}

// slice makes the rows that take a range [offset, offset+width) from b.
func slice(id string, width float64, doc string) *Method {
	same := sameSpace()
	return &Method{
		ID: id, Family: "slicing", Status: Known,
		Doc:    doc + " The range starts at offset and is width long, both as fractions; it wraps around.",
		Source: reference,
		Params: []Param{
			Input("a", "model").Tied(same),
			Input("b", "model that the range comes from").Tied(same),
			Option("width", FloatOf(width), "length of the range, 0 to 1"),
			Option("offset", FloatOf(0), "start of the range, with period 1"),
		},
		Return: Return{Symbol: same},
	}
}
