package config

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Key is a row of the table of a config.
type Key struct {
	Name     string
	Shape    tensor.Shape // nil: not known; empty but not nil: a scalar
	DType    tensor.DType // InvalidDType: not known
	Aliases  []string     // other names, in the order in which they are tried
	Older    []string     // names in files of former times: tried last, and not part of the YAML form
	Optional bool         // a model without it is complete
	Finite   bool         // a tensor with NaN or infinite elements is as none, whatever the policy is
}

// Component is a named part of a config.
type Component struct {
	Name string
	Keys []Key
}

// Config is a model config. It is not changed after it is made, so that any goroutine may
// read it. Two configs are the same if their identifiers are, except structural ones,
// which are the same only if they are one object.
type Config struct {
	id         string
	components []Component
	keys       []Key            // of all components, in order; nil if one of the following is not
	index      map[string]int32 // from names and aliases to keys
	union      *union           // keys of a structural config
	factors    *factors         // keys of a config of adapters
}

// identifier is the form of identifiers: architecture and implementation.
var identifier = regexp.MustCompile(`^[a-z0-9._+]+-[a-z0-9._+]+$`)

// New makes a config. It fails if the identifier is not of the form
// architecture-implementation (lowercase letters, digits, '.', '_' and '+'), or if a name
// or an alias is there twice.
func New(id string, components ...Component) (*Config, error) {
	if !identifier.MatchString(id) {
		return nil, tensor.Errorf(tensor.ClassRecipe, "model config %q: the identifier must be architecture-implementation, in a-z 0-9 . _ +", id)
	}
	n := 0
	for _, part := range components {
		n += len(part.Keys)
	}
	c := &Config{id: id, components: slices.Clone(components), keys: make([]Key, 0, n), index: make(map[string]int32, n)}
	for p, part := range components {
		for _, k := range part.Keys {
			if err := c.add(k); err != nil {
				return nil, &tensor.Error{Class: tensor.ClassRecipe, Key: k.Name, Err: fmt.Errorf("model config %s: %w", id, err)}
			}
		}
		c.components[p].Keys = c.keys[len(c.keys)-len(part.Keys) : len(c.keys) : len(c.keys)] // kept once
	}
	return c, nil
}

func (c *Config) add(k Key) error {
	i := int32(len(c.keys))
	for _, name := range slices.Concat([]string{k.Name}, k.Aliases, k.Older) {
		if _, taken := c.index[name]; taken {
			return fmt.Errorf("the name %q is there twice", name)
		}
		c.index[name] = i
	}
	c.keys = append(c.keys, k)
	return nil
}

// ID returns the identifier; "structural" for a structural config.
func (c *Config) ID() string { return c.id }

// Structural reports whether the config was made from inputs.
func (c *Config) Structural() bool { return c.union != nil }

// Components returns the components in order; a structural config has none.
func (c *Config) Components() []Component {
	if c.factors != nil {
		return c.factors.components()
	}
	return c.components
}

// Len returns the number of keys.
func (c *Config) Len() int {
	if c.union != nil {
		return c.union.len()
	}
	if c.factors != nil {
		return c.factors.len()
	}
	return len(c.keys)
}

// Name returns the canonical name of key i in the order of the config; that of a
// structural config is the order of first appearance in its sources.
func (c *Config) Name(i int) string {
	if c.union != nil {
		return c.union.name(i)
	}
	if c.factors != nil {
		return c.factors.key(i).Name
	}
	return c.keys[i].Name
}

// Key returns row i of the table. Of a structural config only the name is known.
func (c *Config) Key(i int) Key {
	if c.union != nil {
		return Key{Name: c.union.name(i)}
	}
	if c.factors != nil {
		return c.factors.key(i)
	}
	return c.keys[i]
}

// optional reports whether a model without key i is complete.
func (c *Config) optional(i int) bool { return c.factors != nil || c.keys[i].Optional }

// Find returns the row of a name or an alias. It does not find keys of structural configs,
// which have no table.
func (c *Config) Find(name string) (Key, int, bool) {
	if c.factors != nil {
		return c.factors.find(name)
	}
	i, ok := c.index[name]
	if !ok {
		return Key{}, 0, false
	}
	return c.keys[i], int(i), true
}

// Component returns the name of the component that a key belongs to, given its name or an
// alias.
func (c *Config) Component(name string) (string, bool) {
	if c.factors != nil {
		return c.factors.component(name)
	}
	i, ok := c.index[name]
	if !ok {
		return "", false
	}
	for _, part := range c.components {
		if i -= int32(len(part.Keys)); i < 0 {
			return part.Name, true
		}
	}
	return "", false
}

// Canonical returns the canonical name of a key of the config, given that name or an alias.
func (c *Config) Canonical(name string) (string, bool) {
	if c.union != nil {
		return name, c.union.has(name)
	}
	if c.factors != nil {
		_, _, ok := c.factors.find(name)
		return name, ok
	}
	i, ok := c.index[name]
	if !ok {
		return "", false
	}
	return c.keys[i].Name, true
}

// Aliases returns the other names of the key with the given canonical name.
func (c *Config) Aliases(name string) []string {
	if i, ok := c.index[name]; ok && c.keys[i].Name == name {
		k := &c.keys[i]
		if len(k.Older) == 0 {
			return k.Aliases
		}
		return slices.Concat(k.Aliases, k.Older)
	}
	return nil
}
