package blocks

import (
	_ "embed"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

// presetFile names 38 presets; see its head.
//
//go:embed presets.yaml
var presetFile []byte

// NamedWeights is a preset. It is for models of SD1 and SDXL.
type NamedWeights struct {
	Name string
	Weights
}

// Presets lists the presets in the order of the file.
func Presets() []NamedWeights { return presets() }

var presets = sync.OnceValue(func() []NamedWeights {
	all, err := readPresets(presetFile)
	if err != nil {
		panic("blocks: the table of presets is not well-formed") // a test reads it
	}
	return all
})

func readPresets(text []byte) ([]NamedWeights, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, err
	}
	rows := doc.Content[0].Content
	all := make([]NamedWeights, len(rows)/2)
	for i := range all {
		p := &all[i]
		p.Name = rows[2*i].Value
		p.source, p.any = p.Name, true
		var numbers []string
		for _, x := range rows[2*i+1].Content {
			numbers = append(numbers, x.Value)
		}
		if err := p.numbers(numbers); err != nil {
			return nil, err
		}
		p.whole = nil
		if err := p.add("VAE", 0); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// Preset returns a preset by its name; case, - and _ do not matter, and x is the same as *, which
// shells take for themselves.
func Preset(name string) (Weights, bool) {
	for _, p := range Presets() {
		if plainName(p.Name) == plainName(name) {
			return p.Weights, true
		}
	}
	return Weights{}, false
}

var plainer = strings.NewReplacer("-", "", "_", "", " ", "", "*", "X")

func plainName(name string) string { return plainer.Replace(strings.ToUpper(name)) }
