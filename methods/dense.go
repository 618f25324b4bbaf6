package methods

// dense returns the methods that decompose matrices.
func dense() []*Method {
	return []*Method{rotate(), truncateRank(), rankFromRatio(), truncateKronecker()}
}

// rotate's numbers of the Stiefel iteration are kept for recipes that name them (SM-22).
func rotate() *Method {
	same := sameSpace()
	return &Method{
		ID: "rotate", Family: "dense", Status: Known,
		Doc: "Turns the rows of a toward those of b by the nearest orthogonal map, or a fraction of it, and interpolates the rest. " +
			"Vectors and numbers are interpolated.",
		Source: `P. H. Schonemann, "A generalized solution of the orthogonal Procrustes problem", 1966`,
		Params: []Param{
			Input("a", "model that is turned").Tied(same).Lazy(),
			Input("b", "model that is aimed at").Tied(same).Lazy(),
			Option("alignment", FloatOf(1), "fraction of the rotation"),
			Factor("alpha", 0, "weight of b in the interpolation before the rotation"),
			Option("centralization", FloatOf(1), "0 to 1: how far the means are taken out before"),
			Option("stiefel_eps", FloatOf(1e-8), "accuracy of fractional rotations of wide matrices"),
			Option("stiefel_max_iters", IntOf(100), "most iterations of them"),
		},
		Return: Return{Symbol: same},
	}
}

func truncateRank() *Method {
	return &Method{
		ID: "truncate_rank", Family: "dense", Status: Known,
		Doc:    "The matrix of the given rank that is nearest to each matrix of a difference, by singular value decomposition.",
		Source: `C. Eckart, G. Young, "The approximation of one matrix by another of lower rank", 1936; ` + rangePaper,
		Params: append([]Param{Input("a", "difference").In(Delta), Option("rank", IntOf(8), "rank of the result")}, basis()...),
		Return: Return{Space: Delta},
	}
}

func rankFromRatio() *Method {
	return &Method{
		ID: "get_rank_from_ratio", Family: "dense", Status: Known,
		Doc:    "The rank that is the given fraction of the largest rank a tensor can have, as an argument of truncate_rank.",
		Source: reference,
		Params: []Param{Input("a", "model or difference").In(Weight, Delta), Option("ratio", FloatOf(0.5), "0 to 1")},
		Return: Return{Type: Int, Space: ParamSpace},
	}
}

func truncateKronecker() *Method {
	return &Method{
		ID: "truncate_kronecker", Family: "dense", Status: Known,
		Doc:    "The Kronecker product of two matrices that is nearest to each matrix of a difference.",
		Source: lycorisPaper,
		Params: append([]Param{Input("a", "difference").In(Delta), kroneckerRatio()}, basis()...),
		Return: Return{Space: Delta},
	}
}
