package config

import (
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Op is what a conversion does to the tensors of a rule.
type Op uint8

const (
	Copy      Op = iota // the tensor as it is
	Reshape             // the same elements: axes of length 1 are added or taken from the end
	Transpose           // a matrix with its axes exchanged
	Stack               // several tensors joined along the first axis, in order
	Chunk               // one tensor cut along the first axis into as many parts as there are outputs, in order
)

// String returns the name of the operation, in lowercase.
func (o Op) String() string {
	return [...]string{"copy", "reshape", "transpose", "stack", "chunk"}[o]
}

// Rule makes keys of one config from keys of another.
type Rule struct {
	Out, In []string
	Op      Op
}

// Conversion takes the keys of one config to those of another. Keys that no rule makes do not
// come out; keys that no rule reads are left behind.
type Conversion struct {
	From, To string // identifiers
	Blocks   bool   // from weights of blocks: the same value for many keys; it has no inverse

	table func() *ruleTable
}

type ruleTable struct {
	rules []Rule
	at    map[string]place // by output key
}

// place is a rule and an output of it.
type place struct{ rule, part int }

// Rules returns the rules, in no particular order.
func (c *Conversion) Rules() []Rule { return c.table().rules }

// Find returns the rule that makes a key, and which of its outputs the key is.
func (c *Conversion) Find(out string) (r Rule, part int, ok bool) {
	t := c.table()
	p, ok := t.at[out]
	if !ok {
		return Rule{}, 0, false
	}
	return t.rules[p.rule], p.part, true
}

// Conversions lists the conversions between built-in models, each direction in turn, then
// those of block weights. They are made from the tables that the configs are made from.
var Conversions = sync.OnceValue(func() []*Conversion {
	var all []*Conversion
	for _, x := range []struct {
		a, b  string
		pairs func() []pair
	}{
		{"sd1-kohya", "sd1-ldm", sd1Pairs},
		{"sdxl-kohya", "sdxl-sgm", func() []pair { return sdxlPairs(schemeA) }},
		{"sdxl-kohya_but_diffusers", "sdxl-sgm", func() []pair { return sdxlPairs(schemeB) }},
		{"sdxl-diffusers_unet_only", "sdxl-sgm", func() []pair { return sdxlUNetPairs(schemeB, "") }},
	} {
		pairs := sync.OnceValue(x.pairs)
		all = append(all, convert(x.a, x.b, func() []Rule { return rules(pairs(), schemeA) }),
			convert(x.b, x.a, func() []Rule { return rules(pairs(), schemeB) }))
	}
	for _, x := range [][2]string{{"sd1-supermerger_blocks", "sd1-ldm"}, {"sdxl-supermerger_blocks", "sdxl-sgm"}} {
		c := convert(x[0], x[1], func() []Rule { return blockRules(x[0], x[1]) })
		c.Blocks = true
		all = append(all, c)
	}
	return all
})

func convert(from, to string, make func() []Rule) *Conversion {
	return &Conversion{From: from, To: to, table: sync.OnceValue(func() *ruleTable { return newRuleTable(make()) })}
}

func newRuleTable(rules []Rule) *ruleTable {
	t := &ruleTable{rules: rules, at: make(map[string]place, len(rules))}
	for i, r := range rules {
		for part, out := range r.Out {
			t.at[out] = place{i, part}
		}
	}
	return t
}

// pair is the names of a slot in two configs, and what has to be done from the first to the
// second where one name stands on either side.
type pair struct {
	names [2][]string
	op    Op
}

// pairs takes both sides of a network: scheme a with a prefix, scheme b with another.
func (n net) pairs(a scheme, prefixA string, b scheme, prefixB string) []pair {
	all := make([]pair, 0, len(n))
	for i := range n {
		s := &n[i]
		x, y := prefixed(prefixA, s.names[a]), prefixed(prefixB, s.names[b])
		if len(x) == len(y) { // cut in the same way
			op := Copy
			if !s.shapes[a].Equal(s.shapes[b]) {
				op = Reshape
			}
			for k := range x {
				all = append(all, pair{[2][]string{x[k : k+1], y[k : k+1]}, op})
			}
			continue
		}
		all = append(all, pair{names: [2][]string{x, y}})
	}
	return all
}

func prefixed(prefix string, names []string) []string {
	p := make([]string, len(names))
	for i, n := range names {
		p[i] = prefix + n
	}
	return p
}

// rules turns pairs into the rules of one direction.
func rules(pairs []pair, from scheme) []Rule {
	list := make([]Rule, len(pairs))
	for i, p := range pairs {
		r := Rule{In: p.names[from], Out: p.names[from.other()], Op: p.op}
		switch {
		case len(r.In) > 1:
			r.Op = Stack
		case len(r.Out) > 1:
			r.Op = Chunk
		}
		list[i] = r
	}
	return list
}

// sd1Pairs takes sd1-kohya to sd1-ldm.
func sd1Pairs() []pair {
	return slices.Concat(
		newUNet(sd1UNet).pairs(schemeB, kohyaUNet, schemeA, diffusionModel),
		newCLIP(clipL).pairs(schemeA, sd1KohyaText, schemeA, sd1LDMText),
		newVAE(4, true).pairs(schemeB, kohyaVAE, schemeA, firstStage))
}

// sdxlPairs takes sdxl-kohya to sdxl-sgm; unet is the scheme of its UNet. The projection of
// the text is a linear layer on one side, and a matrix that is multiplied from the right on
// the other.
func sdxlPairs(unet scheme) []pair {
	textL := net{}
	textL.put(positionIDsName, positionIDsName, 1, clipPositions)
	textG := pair{[2][]string{{sdxlKohyaTextG + "text_projection.weight"}, {sdxlSGMTextG + "text_projection"}}, Transpose}
	return slices.Concat(
		sdxlUNetPairs(unet, kohyaUNet),
		append(textL, newCLIP(clipL)...).pairs(schemeA, sdxlKohyaTextL, schemeA, sdxlSGMTextL),
		newCLIP(clipG).pairs(schemeA, sdxlKohyaTextG, schemeB, sdxlSGMTextG),
		[]pair{textG},
		newVAE(4, true).pairs(schemeA, firstStage, schemeA, firstStage))
}

func sdxlUNetPairs(unet scheme, prefix string) []pair {
	return newUNet(sdxlUNet).pairs(unet, prefix, schemeA, diffusionModel)
}

// ExchangeEMA returns the key of sd1-ldm that holds the moving average of a key, or the key
// whose moving average it is; other keys are returned as they are.
func ExchangeEMA(key string) string {
	if other, ok := emaPartners()[key]; ok {
		return other
	}
	return key
}

var emaPartners = sync.OnceValue(func() map[string]string {
	partners := map[string]string{}
	for _, k := range byID(builtin(), "sd1-ldm").Make().keys {
		if strings.HasPrefix(k.Name, diffusionModel) {
			average := emaName(k.Name)
			partners[k.Name], partners[average] = average, k.Name
		}
	}
	return partners
})

// blockRules gives every key of a model the value of its block.
func blockRules(from, to string) []Rule {
	names, model := byID(builtin(), from).Make(), byID(builtin(), to).Make()
	list := make([]Rule, len(model.keys))
	for i, k := range model.keys {
		list[i] = Rule{Out: []string{k.Name}, In: []string{blockOf(k.Name, names)}}
	}
	return list
}

// blockOf returns the block of a key: BASE for what is in none. names is the config of the
// block weights.
func blockOf(key string, names *Config) string {
	rest, inUNet := strings.CutPrefix(key, diffusionModel)
	part, rest, _ := strings.Cut(rest, ".")
	number, _, _ := strings.Cut(rest, ".")
	block := BaseBlock
	switch {
	case !inUNet && strings.HasPrefix(key, firstStage):
		block = "VAE"
	case !inUNet:
	case part == "input_blocks":
		block = "IN" + twoDigits(number)
	case part == "middle_block":
		block = "M00"
	case part == "output_blocks":
		block = "OUT" + twoDigits(number)
	case part == "out": // with the last block
		block = names.lastBlock()
	}
	if _, ok := names.index[block]; !ok {
		return BaseBlock
	}
	return block
}

func twoDigits(number string) string {
	if n, err := strconv.Atoi(number); err == nil && n < 10 {
		return "0" + number
	}
	return number
}

// lastBlock is the last OUT block of a config of block weights.
func (c *Config) lastBlock() string {
	last := ""
	for _, k := range c.keys {
		if strings.HasPrefix(k.Name, "OUT") {
			last = k.Name
		}
	}
	return last
}
