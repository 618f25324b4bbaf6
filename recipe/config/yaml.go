package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// MaxYAML is the size of the longest config file that is read. The largest config of the
// reference takes 1.3 MB.
const MaxYAML = 8 << 20

// maxNodes bounds how many nodes of a file of n bytes are looked at, aliases of YAML counted as
// often as they are used: a few lines of them can stand for billions. A file without aliases
// has less than a node a byte.
func maxNodes(n int) int { return 4*n + 1000 }

// ReadYAML reads a config file in the format of the reference:
//
//	identifier: sdxl-mine
//	components:
//	  diffuser:
//	    conv_in.weight: {shape: [320, 4, 3, 3], dtype: float32, aliases: [in.weight], optional: true}
//
// Attributes that are left out or null are not known. Files that PyYAML reads are read alike:
// block and flow style, quotes, comments, anchors and merge keys, yes and on for true, 1_000.
// Only plain data is: a tag that names a type of Python is an error. So is what the reference
// would only find out later: an element type that there is none, a name that is there twice.
//
// The identifier of the config is the name of the file without its suffix, if that is of the
// form of identifiers; the one in the file is another name of it then. Errors are of class
// recipe and name file, line and key.
func ReadYAML(file string, text []byte) (Row, error) {
	if len(text) > MaxYAML {
		return Row{}, &tensor.Error{Class: tensor.ClassRecipe, Path: file, Err: fmt.Errorf("a model config of %d bytes is too long", len(text)),
			Want: fmt.Sprintf("at most %d bytes", MaxYAML)}
	}
	r := &yamlReader{file: file, left: maxNodes(len(text))}
	root, err := r.document(text)
	if err != nil {
		return Row{}, err
	}
	inner, parts, err := r.config(root)
	if err != nil {
		return Row{}, err
	}
	id := stemOf(file)
	if !identifier.MatchString(id) {
		id = inner
	}
	c, err := New(id, parts...)
	if err == nil && !identifier.MatchString(inner) {
		_, err = New(inner)
	}
	if err != nil {
		return Row{}, inFile(file, err)
	}
	row := Row{ID: id, file: inner, path: file, Make: func() *Config { return c }}
	if inner != id {
		row.Inner = inner
	}
	return row, nil
}

// stemOf returns the name of a file without folder and suffix.
func stemOf(file string) string {
	base := path.Base(filepath.ToSlash(file))
	return strings.TrimSuffix(strings.TrimSuffix(base, ".yaml"), ".yml")
}

// inFile adds the file to an error about a config as a whole.
func inFile(file string, err error) error {
	var e *tensor.Error
	if errors.As(err, &e) && e.Path == "" {
		c := *e
		c.Path = file
		return &c
	}
	return err
}

// yamlReader turns the nodes of a file into a config.
type yamlReader struct {
	file string
	left int // nodes that may still be looked at
}

// document parses the text, which has to be one document.
func (r *yamlReader) document(text []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc, next yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return nil, r.wrong(nil, "", "the file is empty", "identifier and components")
	}
	if err == nil {
		if err = dec.Decode(&next); errors.Is(err, io.EOF) {
			return doc.Content[0], nil
		}
		if err == nil {
			return nil, r.wrong(&next, "", "the file holds several documents", "one")
		}
	}
	return nil, &tensor.Error{Class: tensor.ClassRecipe, Path: r.file, Err: fmt.Errorf("not well-formed YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))}
}

// config reads the top level.
func (r *yamlReader) config(root *yaml.Node) (id string, parts []Component, err error) {
	top, err := r.mapping(root, "", "the file")
	if err != nil {
		return "", nil, err
	}
	for _, e := range top {
		switch e.name {
		case "identifier":
			id, err = r.text(e.value, "")
		case "components":
			parts, err = r.components(e.value)
		default:
			err = r.wrong(e.key, "", fmt.Sprintf("%q is no entry of a model config", e.name), "identifier, components")
		}
		if err != nil {
			return "", nil, err
		}
	}
	if len(top) < 2 {
		return "", nil, r.wrong(root, "", "an entry of the model config is missing", "identifier, components")
	}
	return id, parts, nil
}

func (r *yamlReader) components(n *yaml.Node) ([]Component, error) {
	list, err := r.mapping(n, "", "components")
	if err != nil {
		return nil, err
	}
	parts := make([]Component, len(list))
	for i, e := range list {
		parts[i].Name = e.name
		keys, err := r.mapping(e.value, "", "component "+e.name)
		if err != nil {
			return nil, err
		}
		parts[i].Keys = make([]Key, len(keys))
		for k, entry := range keys {
			if parts[i].Keys[k], err = r.key(entry); err != nil {
				return nil, err
			}
		}
	}
	return parts, nil
}

// key reads the attributes of a key. No value at all is as good as no attributes.
func (r *yamlReader) key(e yamlEntry) (Key, error) {
	k := Key{Name: e.name}
	if r.null(e.value) {
		return k, nil
	}
	attributes, err := r.mapping(e.value, k.Name, "a key")
	if err != nil {
		return k, err
	}
	for _, a := range attributes {
		null := r.null(a.value)
		switch a.name {
		case "shape":
			if !null {
				k.Shape, err = r.shape(a.value, k.Name)
			}
		case "dtype":
			if !null {
				k.DType, err = r.dtype(a.value, k.Name)
			}
		case "aliases":
			if !null {
				k.Aliases, err = r.texts(a.value, k.Name)
			}
		case "optional":
			k.Optional, err = r.boolean(a.value, k.Name)
		default:
			err = r.wrong(a.key, k.Name, fmt.Sprintf("%q is no attribute of a key", a.name), "shape, dtype, aliases, optional")
		}
		if err != nil {
			return k, err
		}
	}
	return k, nil
}

// wrong is an error at a node.
func (r *yamlReader) wrong(n *yaml.Node, key, what, want string) error {
	e := &tensor.Error{Class: tensor.ClassRecipe, Path: r.file, Key: key, Err: errors.New(what), Want: want}
	if n != nil && n.Line > 0 {
		e.Path = fmt.Sprintf("%s:%d", r.file, n.Line)
	}
	return e
}
