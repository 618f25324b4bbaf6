package methods

import (
	"slices"

	"github.com/mecha-gpu/mecha-gpu/recipe/config"
)

// architecture returns the methods that know the architecture of a model: interfaces, each
// with its implementations.
func architecture() []*Method {
	return slices.Concat(
		pair("rebasin", "sdxl-sgm", "rebasin_sdxl_sgm", rebasin),
		pair("randperm", "sdxl-sgm", "randperm_sdxl_sgm", randperm),
		pair("balance_attention", "sdxl-sgm", "balance_attention_sdxl_sgm", balanceAttention),
		pair("exchange_ema", "sd1-ldm", "exchange_ema_'sd1-ldm'", exchangeEMA),
	)
}

// pair returns an interface and its implementation for a model config; row makes the row
// of either.
func pair(face, config, id string, row func() *Method) []*Method {
	f, m := row(), row()
	f.ID, f.Interface, f.Formula, f.Keys = face, true, nil, nil
	m.ID, m.Implements = id, face
	m.Doc += " For " + config + "."
	for i := range m.Params {
		if m.Params[i].Default == nil {
			m.Params[i].Config = config
		}
	}
	if face == "rebasin" { // its implementation takes the default of the interface
		m.Params[2] = m.Params[2].Required()
	}
	m.Return.Config = config
	return []*Method{f, m}
}

func rebasin() *Method {
	same := sameSpace()
	return &Method{
		Family: "architecture", Status: Known,
		Doc:    "Permutes the hidden units of a so that they match those of ref, without changing what the model computes.",
		Source: `"Git Re-Basin: Merging Models modulo Permutation Symmetries", arXiv:2209.04836`,
		Params: []Param{
			Input("a", "model that is permuted").Tied(same).Lazy(),
			Input("ref", "model that it is matched to").Tied(same).Lazy(),
			Option("iters", IntOf(10), "rounds over all permutations"),
		},
		Return: Return{StateDict: true, Symbol: same},
	}
}

func randperm() *Method {
	same := sameSpace()
	return &Method{
		Family: "architecture", Status: Known,
		Doc:    "Permutes the hidden units of a at random, without changing what the model computes: a test of rebasin.",
		Source: reference,
		Params: []Param{Input("a", "model that is permuted").Tied(same).Lazy(), seed()},
		Return: Return{Symbol: same},
	}
}

func balanceAttention() *Method {
	same := sameSpace()
	return &Method{
		Family: "architecture", Status: Known,
		Doc:    "Balances the magnitudes of the query, key, value and output projections of each attention head, without changing what the model computes.",
		Source: reference,
		Params: []Param{Input("a", "model that is balanced").Tied(same).Lazy()},
		Return: Return{Symbol: same},
	}
}

func exchangeEMA() *Method {
	same := sameSpace()
	return &Method{
		Family: "architecture",
		Doc:    "Exchanges the weights of a model with their moving averages (the keys model_ema.*).",
		Source: reference,
		Params: []Param{Input("model", "model with moving averages").Tied(same).Lazy()},
		Return: Return{Symbol: same},
		Keys: func(string, []string) (KeyMap, error) {
			return func(out string) (Relation, bool) { return from(out, config.ExchangeEMA(out)), true }, nil
		},
		Control: true,
		Formula: func(c *Call) (T, error) { return c.T("model"), nil },
	}
}

// from is the relation of a method with one parameter that makes a key from others.
func from(out string, in ...string) Relation {
	return Relation{Outputs: []string{out}, Alternatives: []Clause{{Inputs: [][]string{in}}}}
}
