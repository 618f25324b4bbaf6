package config

import "github.com/mecha-gpu/mecha-gpu/tensor"

// StructuralID is the identifier of configs that are made from inputs.
const StructuralID = "structural"

// Special says what an identifier stands for that recipes have and no config is; "" for others.
func Special(id string) string {
	return map[string]string{StructuralID: "it is made from the keys of the models of a recipe", InferID: "as a hint it asks for a config that is known"}[id]
}

// Keys is a set of keys with an order: the keys of one input.
type Keys interface {
	Len() int
	Name(i int) string
	Has(name string) bool
}

// Header returns the keys of a header.
func Header(h *tensor.Header) Keys { return headerKeys{h} }

type headerKeys struct{ h *tensor.Header }

func (k headerKeys) Len() int             { return k.h.Len() }
func (k headerKeys) Name(i int) string    { return k.h.At(i).Key }
func (k headerKeys) Has(name string) bool { _, ok := k.h.Lookup(name); return ok }

// Structural makes the config of inputs of an unknown kind: the union of their keys, those
// of the first input in its order, then those that only later ones have. It keeps the
// sources and 8 bytes for each key that the first one lacks.
func Structural(sources ...Keys) *Config {
	u := &union{sources: sources}
	for s := 1; s < len(sources); s++ {
		for i := range sources[s].Len() {
			if !hasAny(sources[:s], sources[s].Name(i)) {
				u.more = append(u.more, ref{uint32(s), uint32(i)})
			}
		}
	}
	return &Config{id: StructuralID, union: u}
}

// union is the keys of several sources.
type union struct {
	sources []Keys
	more    []ref // keys that the first source does not have
}

// ref is key number key of source number source.
type ref struct{ source, key uint32 }

func (u *union) len() int {
	if len(u.sources) == 0 {
		return 0
	}
	return u.sources[0].Len() + len(u.more)
}

func (u *union) name(i int) string {
	if n := u.sources[0].Len(); i >= n {
		r := u.more[i-n]
		return u.sources[r.source].Name(int(r.key))
	}
	return u.sources[0].Name(i)
}

func (u *union) has(name string) bool { return hasAny(u.sources, name) }

func hasAny(sources []Keys, name string) bool {
	for _, s := range sources {
		if s.Has(name) {
			return true
		}
	}
	return false
}
