package config

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// WriteYAML writes a config in the form of the config files of the reference, with an
// identifier that may be another one than its own. What is not known is left out. It fails
// if YAML cannot hold a name.
func WriteYAML(id string, c *Config) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "identifier: %s\ncomponents:\n", scalar(id))
	for _, part := range c.Components() {
		fmt.Fprintf(&b, "  %s:\n", scalar(part.Name))
		for _, k := range part.Keys {
			fmt.Fprintf(&b, "    %s: {%s}\n", scalar(k.Name), strings.Join(attributes(k), ", "))
		}
	}
	return b.Bytes(), checkWritten(id, c, b.Bytes())
}

func attributes(k Key) (list []string) {
	if k.Shape != nil {
		lengths := make([]string, len(k.Shape))
		for i, n := range k.Shape {
			lengths[i] = strconv.FormatInt(n, 10)
		}
		list = append(list, "shape: ["+strings.Join(lengths, ", ")+"]")
	}
	if name := k.DType.RecipeName(); name != "" {
		list = append(list, "dtype: "+name)
	}
	if len(k.Aliases) > 0 {
		names := make([]string, len(k.Aliases))
		for i, a := range k.Aliases {
			names[i] = scalar(a)
		}
		list = append(list, "aliases: ["+strings.Join(names, ", ")+"]")
	}
	if k.Optional {
		list = append(list, "optional: true")
	}
	return list
}

// plain are strings that mean themselves without quotes, unless they are words.
var plain = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.+/-]*$`)

// words are read as something else than strings by YAML 1.1.
var words = []string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}

// scalar writes a string. What Go writes between double quotes, YAML reads, as long as the
// string is UTF-8.
func scalar(s string) string {
	if plain.MatchString(s) && !slices.Contains(words, strings.ToLower(s)) {
		return s
	}
	return strconv.Quote(s)
}

// checkWritten reads what was written, so that no file comes out that does not mean the
// config: YAML has limits, such as 1,024 characters for a key.
func checkWritten(id string, c *Config, text []byte) error {
	row, err := ReadYAML(id+".yaml", text)
	if err == nil {
		got := row.Make()
		for i := range c.Len() {
			if i >= got.Len() || !sameKey(got.Key(i), c.Key(i)) {
				err = fmt.Errorf("key %q", c.Name(i))
				break
			}
		}
	}
	if err != nil {
		return &tensor.Error{Class: tensor.ClassRecipe, Err: fmt.Errorf("model config %s cannot be written as YAML: %w", id, err)}
	}
	return nil
}

func sameKey(a, b Key) bool {
	dtype := a.DType == b.DType || b.DType.RecipeName() == ""
	return a.Name == b.Name && dtype && a.Optional == b.Optional && slices.Equal(a.Aliases, b.Aliases) &&
		(a.Shape == nil) == (b.Shape == nil) && slices.Equal(a.Shape, b.Shape)
}

// FromHeader makes a config of what a checkpoint holds: one component "model" with all keys in
// byte order, none of them optional.
func FromHeader(id string, h *tensor.Header) (*Config, error) {
	keys := make([]Key, h.Len())
	for i := range keys {
		e := h.At(i)
		keys[i] = Key{Name: e.Key, Shape: append(tensor.Shape{}, e.Shape...), DType: e.DType}
	}
	return New(id, sorted("model", keys))
}
