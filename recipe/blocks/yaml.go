package blocks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// ParseYAML reads weights from a file: a mapping from blocks, or ranges of them, to weights, a
// list of numbers, or a text as Parse reads it.
//
//	BASE: 0.3
//	IN00-IN05: 0.2
//
// name is that of the file, for messages. Errors are of class usage and name file and line.
func ParseYAML(src []byte, name string) (Weights, error) {
	w, at, err := parseYAML(src)
	if err != nil {
		if at > 0 {
			name = fmt.Sprintf("%s:%d", name, at)
		}
		return Weights{}, &tensor.Error{Class: tensor.ClassUsage, Path: name, Err: err}
	}
	w.source = name
	return w, nil
}

// parseYAML returns the weights, or an error and its line.
func parseYAML(src []byte) (w Weights, line int, err error) {
	if len(src) > MaxText {
		return w, 0, fmt.Errorf("block weights of %d bytes, at most %d are read", len(src), MaxText)
	}
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(src))
	switch err := d.Decode(&doc); {
	case err == io.EOF:
		return w, 0, errEmpty
	case err != nil:
		return w, 0, fmt.Errorf("block weights: %w", err)
	case d.Decode(&more) != io.EOF:
		return w, more.Line, errors.New("the file holds several documents, expected one")
	}
	root := doc.Content[0]
	switch root.Kind {
	case yaml.ScalarNode:
		w, err = Parse(root.Value)
		return w, root.Line, err
	case yaml.SequenceNode:
		var items []string
		for _, x := range root.Content {
			if x.Kind != yaml.ScalarNode {
				return w, x.Line, errors.New("a list of block weights holds numbers")
			}
			items = append(items, x.Value)
		}
		return w, root.Line, w.numbers(items)
	case yaml.MappingNode:
		return w.mapping(root)
	}
	return w, root.Line, errors.New("expected blocks and their weights")
}

// mapping reads BLOCK: WEIGHT rows.
func (w Weights) mapping(root *yaml.Node) (Weights, int, error) {
	for i := 0; i+1 < len(root.Content); i += 2 {
		k, v := root.Content[i], root.Content[i+1]
		if v.Kind == yaml.AliasNode {
			v = v.Alias
		}
		x, err := number(strings.TrimSpace(v.Value))
		switch {
		case k.Kind != yaml.ScalarNode:
			return w, k.Line, errors.New("the name of a block is a text")
		case v.Kind == yaml.MappingNode || v.Kind == yaml.SequenceNode:
			return w, k.Line, &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("the weight of %s is a list or a mapping", clip(k.Value)), Want: "rows of BLOCK: WEIGHT, and nothing around them"}
		case v.Kind != yaml.ScalarNode || err != nil:
			return w, v.Line, &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("the weight of %s", clip(k.Value)), Got: fmt.Sprintf("%q", clip(v.Value)), Want: "a number"}
		}
		if err := w.add(k.Value, x); err != nil {
			return w, k.Line, err
		}
	}
	if len(w.list) == 0 {
		return w, root.Line, errEmpty
	}
	return w, 0, nil
}
