package methods

import "github.com/mecha-gpu/mecha-gpu/recipe/config"

// Papers of the adapters.
const (
	loraPaper    = `"LoRA", arXiv:2106.09685`
	lycorisPaper = `"Navigating Text-To-Image Customization: From LyCORIS Fine-Tuning to Model Evaluation", arXiv:2309.14859`
	rangePaper   = `"Finding structure with randomness", arXiv:0909.4061`
)

// adapters returns the methods between models and LoRA or LoKr files: extraction
// (interfaces, and an implementation for each adapter config) and expansion.
func adapters() []*Method {
	var rows []*Method
	for _, kind := range []string{"kohya", "lycoris"} {
		rows = append(rows, extractLora("extract_"+kind+"_lora"), extractLokr("extract_"+kind+"_lokr"))
	}
	for _, a := range config.AdapterConfigs() {
		lora, lokr := extractLora("extract_lora_'"+a.ID()+"'"), extractLokr("extract_lokr_'"+a.ID()+"'")
		rows = append(rows, implement(lora, a, "lora"), implement(lokr, a, "lokr"), expand(a))
	}
	return rows
}

// extractLora is the interface of the methods that make LoRA factors.
func extractLora(id string) *Method {
	return &Method{
		ID: id, Family: "adapters", Interface: true,
		Doc: "Factors up and down for every matrix and convolution of a difference, whose product is the nearest one of the given rank, by singular value decomposition. " +
			"The rank is at most that of the matrix, and alpha is the rank.",
		Source: loraPaper + "; " + rangePaper,
		Params: append([]Param{Input("base", "difference").In(Delta), Option("rank", IntOf(8), "largest rank of the factors")}, basis()...),
		Return: Return{StateDict: true, Space: Weight},
	}
}

// extractLokr is the interface of the methods that make Kronecker factors.
func extractLokr(id string) *Method {
	return &Method{
		ID: id, Family: "adapters", Interface: true,
		Doc:    "Two Kronecker factors for every matrix and convolution of a difference: the nearest Kronecker product.",
		Source: lycorisPaper + "; C. F. Van Loan, N. Pitsianis, \"Approximation with Kronecker products\", 1993",
		Params: []Param{Input("base", "difference").In(Delta), kroneckerRatio()},
		Return: Return{StateDict: true, Space: Weight},
	}
}

// implement makes the implementation of an interface for an adapter config.
func implement(m *Method, a config.Adapters, form string) *Method {
	m.Interface, m.Implements = false, "extract_"+a.Kind.Name+"_"+form
	m.Doc += " For " + a.Base + ", with the keys of " + a.ID() + "."
	m.Return.Config = a.ID()
	keys := loraKeys
	m.Formula, m.Check = extractLoraFactors, checkLora
	if form == "lokr" {
		keys = lokrKeys
		m.Formula, m.Check = extractLokrFactors, checkLokr
	}
	m.Keys = func(string, []string) (KeyMap, error) { return extractionKeys(a, keys, len(m.Params)), nil }
	m.AnyShape, m.DType = true, extractedType
	for i := range m.Params { // the options too: a block may have its own rank
		m.Params[i].Config = a.Base
	}
	return m
}

// expand is the conversion of an adapter to a difference of its base config.
func expand(a config.Adapters) *Method {
	return &Method{
		ID: "convert_'" + a.ID() + "'_to_base", Family: "adapters",
		Doc:        "The difference that an adapter file stands for: the product of its factors times alpha/rank, with the keys of " + a.Base + ".",
		Source:     loraPaper + "; " + lycorisPaper,
		Params:     []Param{Input("lora", "state dict of "+a.ID()).In(Weight).Lazy().OfConfig(a.ID())},
		Return:     Return{Space: Delta, Config: a.Base},
		Conversion: true,
		AnyShape:   true,
		Keys:       func(string, []string) (KeyMap, error) { return adapterKeys(a), nil },
		Formula:    expandAdapter,
	}
}

// basis returns the parameters of the methods that decompose matrices.
func basis() []Param {
	return []Param{
		Option("use_approximate_basis", BoolOf(true), "find the basis by random projections: much faster"),
		Option("approximate_basis_iters", IntOf(2), "power iterations of the projections, 0 or more; more is more exact"),
		Option("approximate_basis_seed", Null(), "seed of the projections; null is 0").OfType(Int).OrNull(),
	}
}

func kroneckerRatio() Param {
	return Option("kronecker_ratio", FloatOf(0.5), "0 to 1: the share of the size that the first factor gets")
}
