package methods

// dropout returns the methods that drop elements at random.
func dropout() []*Method {
	return []*Method{{
		ID: "dropout", Family: "dropout", Status: Known,
		Doc: "Drops elements of differences at random and averages what is left, scaled by the probability of keeping to the power rescale. " +
			"An odd overlap drops independently; 0 keeps each element in one difference only.",
		Source: darePaper,
		Params: append([]Param{Input("deltas", "differences from a common ancestor").In(Delta).Many(0)}, byName(
			Option("probability", FloatOf(0.9), "probability that an element is dropped, 0 to 1"),
			Option("rescale", FloatOf(1), "exponent of the probability of keeping, by which is divided"),
			Option("overlap", FloatOf(1), "how much the kept elements of different differences coincide, with period 2"),
			Option("overlap_emphasis", FloatOf(0), "0 to 1: weight of the binomial distribution in the overlap"),
			seed(),
		)...),
		Return: Return{Space: Delta},
	}}
}

// seed is the parameter of methods that use random numbers.
func seed() Param {
	return Option("seed", Null(), "seed of the random numbers").OfType(Int).OrNull()
}
