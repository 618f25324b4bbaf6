package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// yamlEntry is an entry of a mapping.
type yamlEntry struct {
	name       string
	key, value *yaml.Node
}

// plainTags are the tags of plain data, in their short form.
var plainTags = []string{"!!str", "!!int", "!!float", "!!bool", "!!null", "!!map", "!!seq", "!!merge", "!!timestamp", "!!binary"}

// follow returns the node that an alias stands for. It counts nodes and refuses tags that are
// not of plain data.
func (r *yamlReader) follow(n *yaml.Node, key string) (*yaml.Node, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias // an anchor is never an alias
	}
	if r.left--; r.left < 0 {
		return nil, r.wrong(n, key, "the aliases of the file stand for more than four nodes a byte", "")
	}
	if tag := n.ShortTag(); tag != "" && !slices.Contains(plainTags, tag) {
		return nil, r.wrong(n, key, fmt.Sprintf("the tag %s is not read: a model config is plain data", tag), "")
	}
	return n, nil
}

// maxMerges is how deep mappings may be merged into one another; a mapping may even be merged
// into itself.
const maxMerges = 50

// mapping returns the entries of a mapping, those that are merged into it (<<) first.
func (r *yamlReader) mapping(n *yaml.Node, key, what string) ([]yamlEntry, error) {
	m := &yamlMapping{r: r, key: key, what: what, at: map[string]int{}}
	if err := m.add(n, 0); err != nil {
		return nil, err
	}
	return m.list, nil
}

// yamlMapping collects entries.
type yamlMapping struct {
	r         *yamlReader
	key, what string
	list      []yamlEntry
	at        map[string]int
}

func (m *yamlMapping) add(n *yaml.Node, depth int) error {
	n, err := m.r.follow(n, m.key)
	if err != nil {
		return err
	}
	if n.Kind != yaml.MappingNode {
		return m.r.wrong(n, m.key, fmt.Sprintf("found %s, but %s is a mapping", kindName(n), m.what), "")
	}
	if depth > maxMerges {
		return m.r.wrong(n, m.key, "mappings are merged too deep into each other", "")
	}
	own := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if k := n.Content[i]; isMerge(k) {
			if err := m.merge(n.Content[i+1], depth); err != nil {
				return err
			}
		}
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		if isMerge(k) {
			continue
		}
		name, err := m.r.text(k, m.key)
		if err != nil {
			return err
		}
		if own[name] {
			return m.r.wrong(k, m.key, fmt.Sprintf("%q is there twice", name), "")
		}
		own[name] = true
		m.put(yamlEntry{name, k, n.Content[i+1]})
	}
	return nil
}

// put adds an entry, or puts it in the place of one that was merged.
func (m *yamlMapping) put(e yamlEntry) {
	if i, ok := m.at[e.name]; ok {
		m.list[i] = e
		return
	}
	m.at[e.name] = len(m.list)
	m.list = append(m.list, e)
}

// merge adds what << stands for: a mapping, or several, of which earlier ones come before.
func (m *yamlMapping) merge(n *yaml.Node, depth int) error {
	n, err := m.r.follow(n, m.key)
	if err != nil {
		return err
	}
	if n.Kind != yaml.SequenceNode {
		return m.add(n, depth+1)
	}
	for _, x := range slices.Backward(n.Content) {
		if err := m.add(x, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func isMerge(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.Value == "<<" && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0
}

// quoted reports whether a scalar is a string whatever it looks like.
func quoted(n *yaml.Node) bool {
	return n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0
}

// null reports whether a node is null, or nothing.
func (r *yamlReader) null(n *yaml.Node) bool {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n.Kind == yaml.ScalarNode && !quoted(n) && slices.Contains([]string{"", "~", "null", "Null", "NULL"}, n.Value)
}

// scalar returns a scalar as it is written.
func (r *yamlReader) scalar(n *yaml.Node, key, want string) (*yaml.Node, error) {
	n, err := r.follow(n, key)
	if err == nil && n.Kind != yaml.ScalarNode {
		err = r.wrong(n, key, "found "+kindName(n), want)
	}
	return n, err
}

func (r *yamlReader) text(n *yaml.Node, key string) (string, error) {
	n, err := r.scalar(n, key, "a string")
	if err != nil {
		return "", err
	}
	return n.Value, nil
}

func (r *yamlReader) sequence(n *yaml.Node, key, want string) ([]*yaml.Node, error) {
	n, err := r.follow(n, key)
	if err != nil {
		return nil, err
	}
	if n.Kind != yaml.SequenceNode {
		return nil, r.wrong(n, key, "found "+kindName(n), want)
	}
	return n.Content, nil
}

func (r *yamlReader) texts(n *yaml.Node, key string) (list []string, err error) {
	nodes, err := r.sequence(n, key, "aliases: a list of names")
	for i := 0; i < len(nodes) && err == nil; i++ {
		var s string
		s, err = r.text(nodes[i], key)
		list = append(list, s)
	}
	return list, err
}

// shape reads a list of integers, written as YAML 1.1 has them: 1_000, 0x10, 010.
func (r *yamlReader) shape(n *yaml.Node, key string) (tensor.Shape, error) {
	nodes, err := r.sequence(n, key, "shape: a list of lengths, such as [320, 4, 3, 3]")
	if err != nil {
		return nil, err
	}
	s := make(tensor.Shape, len(nodes))
	for i, x := range nodes {
		const want = "a length: an integer, 0 or more"
		if x, err = r.scalar(x, key, want); err != nil {
			return nil, err
		}
		s[i], err = strconv.ParseInt(strings.ReplaceAll(x.Value, "_", ""), 0, 64)
		if err != nil || s[i] < 0 || quoted(x) {
			return nil, r.wrong(x, key, fmt.Sprintf("found %q in a shape", x.Value), want)
		}
	}
	if _, err := s.Numel(); err != nil {
		return nil, r.wrong(n, key, err.Error(), "")
	}
	return s, nil
}

func (r *yamlReader) dtype(n *yaml.Node, key string) (tensor.DType, error) {
	name, err := r.text(n, key)
	if err != nil {
		return tensor.InvalidDType, err
	}
	d, err := tensor.ParseRecipeDType(name)
	if err != nil {
		return d, r.wrong(n, key, err.Error(), "")
	}
	return d, nil
}

// boolean reads true and false as YAML 1.1 has them.
func (r *yamlReader) boolean(n *yaml.Node, key string) (bool, error) {
	n, err := r.scalar(n, key, "true or false")
	if err != nil || r.null(n) {
		return false, err
	}
	if !quoted(n) {
		switch strings.ToLower(n.Value) {
		case "true", "yes", "on", "1":
			return true, nil
		case "false", "no", "off", "0":
			return false, nil
		}
	}
	return false, r.wrong(n, key, fmt.Sprintf("found %q for optional", n.Value), "true or false")
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	if n.Value == "" {
		return "nothing"
	}
	return fmt.Sprintf("%q", n.Value)
}
