package methods

// cosine returns the methods that weigh by cosine similarity.
func cosine() []*Method {
	return []*Method{
		addCosine("add_cosine_a", "of the columns of a and b, each scaled to length 1"),
		addCosine("add_cosine_b", "of the columns of a and b, averaged with that of the whole tensors"),
	}
}

// addCosine makes both rows; an alpha of 1, the default, always gives b (SM-53).
func addCosine(id, which string) *Method {
	return &Method{
		ID: id, Family: "cosine", Status: Known,
		Doc:    "Interpolates from a to b by 1 - clamp(s - alpha, 0, 1), where s is the cosine similarity " + which + ". An alpha of 1 gives b.",
		Source: reference + ", after the cosine modes of supermerger",
		Params: []Param{
			Input("a", "model").In(Weight),
			Input("b", "model").In(Weight),
			Factor("alpha", 1, "similarity up to which b is taken whole"),
		},
		Return: Return{Space: Weight},
	}
}
