package methods

import (
	"slices"
	"strings"
)

// Space is a merge space.
type Space string

// The built-in merge spaces, in order of preference.
const (
	Weight     Space = "weight"
	Delta      Space = "delta"
	ParamSpace Space = "param"
)

// Spaces lists the known merge spaces in order of preference: the built-in ones, then
// those of the user in order of registration. It is a value; With adds to a copy.
type Spaces struct{ list []Space }

// BuiltinSpaces returns weight, delta and param.
func BuiltinSpaces() Spaces { return Spaces{[]Space{Weight, Delta, ParamSpace}} }

// All returns the spaces in order of preference.
func (s Spaces) All() []Space { return slices.Clone(s.list) }

// Has reports whether the space is known.
func (s Spaces) Has(x Space) bool { return slices.Contains(s.list, x) }

// With returns the spaces with x added at the end.
func (s Spaces) With(x Space) Spaces {
	if s.Has(x) {
		return s
	}
	return Spaces{append(slices.Clone(s.list), x)}
}

// SpaceSet is a set of admissible spaces. The zero value is "any": all known spaces, also
// those that are registered later.
type SpaceSet struct{ list []Space }

// AnySpace admits every space.
var AnySpace = SpaceSet{}

// In returns the set of the given spaces.
func In(spaces ...Space) SpaceSet { return SpaceSet{spaces} }

// Any reports whether the set admits every space.
func (s SpaceSet) Any() bool { return s.list == nil }

// Has reports whether x is admissible.
func (s SpaceSet) Has(x Space) bool { return s.Any() || slices.Contains(s.list, x) }

// List returns the admissible spaces, given those that are known.
func (s SpaceSet) List(known Spaces) []Space {
	if s.Any() {
		return known.All()
	}
	return slices.Clone(s.list)
}

// String returns the set as "weight or delta"; "any" if all are admissible.
func (s SpaceSet) String() string {
	if s.Any() {
		return "any"
	}
	names := make([]string, len(s.list))
	for i, x := range s.list {
		names[i] = string(x)
	}
	return strings.Join(names, " or ")
}

// Symbol ties the parameters and the return that name it to one space. Symbols are told
// apart by their address.
type Symbol struct {
	Name string // for documentation: "any"
	Set  SpaceSet
}
