package methods

// Papers of the methods on several differences.
const (
	tiesPaper  = `"TIES-Merging: Resolving Interference When Merging Models", arXiv:2306.01708`
	darePaper  = `"Language Models are Super Mario", arXiv:2311.03099`
	dellaPaper = `"DELLA-Merging", arXiv:2406.11617`
	stockPaper = `"Model Stock: All we need is just a few fine-tuned models", arXiv:2403.19522`
)

// ties returns the TIES family: trim, elect a sign, average what has that sign.
func ties() []*Method { return []*Method{tiesSum(), tiesSumExtended(), tiesSumWithDropout()} }

// tiesRow is what the family shares.
func tiesRow(id, doc, source, models string, options ...Param) *Method {
	return &Method{
		ID: id, Doc: doc, Source: source, Family: "ties", Status: Known,
		Params: append([]Param{Input(models, "differences from a common ancestor").In(Delta).Many(0)}, byName(options...)...),
		Return: Return{Space: Delta},
	}
}

// Parameters of the family.
func topK(def float64) Param {
	return Option("k", FloatOf(def), "share of the elements of largest magnitude that is kept, 0 to 1")
}
func voteSgn() Param {
	return Option("vote_sgn", BoolOf(false), "elect signs by summed magnitude, as the paper does, not by count")
}
func applyStock() Param {
	return Option("apply_stock", BoolOf(false), "scale each row by the factor of model_stock")
}
func applyMedian() Param {
	return Option("apply_median", BoolOf(false), "geometric median instead of the mean")
}
func cosEps() Param {
	return Option("cos_eps", FloatOf(1e-6), "smallest length in cosine similarities")
}

func tiesSum() *Method {
	return tiesRow("ties_sum",
		"Sum of differences without interference: each keeps its share k of largest elements, a sign is elected for every element, "+
			"and the mean of the elements that have it is taken.",
		tiesPaper, "models",
		topK(1), voteSgn())
}

func tiesSumExtended() *Method {
	return tiesRow("ties_sum_extended",
		"ties_sum with the model stock factor or the geometric median of the elected elements.",
		tiesPaper+"; "+stockPaper, "models",
		append([]Param{topK(0.2), voteSgn(), applyStock(), applyMedian(), cosEps()}, weiszfeld()...)...)
}

func tiesSumWithDropout() *Method {
	options := []Param{
		Factor("probability", 0.9, "probability that an element is dropped, 0 to 1"),
		Option("della_eps", FloatOf(0), "how much more likely elements of large magnitude are kept; 0: all alike"),
		Option("rescale", BoolOf(true), "divide by the probability of keeping"),
		topK(0.2), voteSgn(), applyStock(), cosEps(), applyMedian(),
	}
	return tiesRow("ties_sum_with_dropout",
		"ties_sum_extended of differences of which random elements were dropped (DARE, DELLA).",
		darePaper+"; "+dellaPaper+"; "+tiesPaper, "deltas",
		append(append(options, weiszfeld()...), seed())...)
}
