package methods

// stock returns the methods that average several tensors by their geometry.
func stock() []*Method { return []*Method{modelStock(), geometricMedian()} }

func modelStock() *Method {
	return &Method{
		ID: "model_stock", Family: "stock", Status: Known,
		Doc: "Mean of differences, scaled row by row with N c / (1 + (N-1) c), where c is the mean cosine similarity of neighbours: " +
			"an estimate of the centre of the fine-tuned models.",
		Source: stockPaper,
		Params: []Param{Input("deltas", "differences from a common ancestor").In(Delta).Many(1), cosEps().ByName()},
		Return: Return{Space: Delta},
	}
}

func geometricMedian() *Method {
	same := sameSpace()
	return &Method{
		ID: "geometric_median", Family: "stock", Status: Known,
		Doc:    "The tensor with the least sum of distances to the models, by Weiszfeld's iteration.",
		Source: `E. Weiszfeld, "Sur le point pour lequel la somme des distances de n points donnes est minimum", 1937`,
		Params: append([]Param{Input("models", "models").Tied(same).Many(1)}, byName(weiszfeld()...)...),
		Return: Return{Symbol: same},
	}
}

// weiszfeld returns the parameters of the iteration.
func weiszfeld() []Param {
	return []Param{
		Option("eps", FloatOf(1e-6), "smallest distance that is divided by"),
		Option("maxiter", IntOf(100), "most iterations; 0 gives the mean"),
		Option("ftol", FloatOf(1e-20), "relative change of the objective at which it stops"),
	}
}
