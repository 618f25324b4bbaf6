package mecha

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Configs returns the model configs that a recipe may name with these options.
func Configs(o Options) (config.Registry, error) {
	r := config.Builtin()
	var rows []config.Row
	var errs []error
	for _, path := range o.Configs {
		files, err := configFiles(o.fs(), path)
		errs = append(errs, err)
		for _, file := range files {
			row, err := readConfig(o.fs(), file)
			if errs = append(errs, err); err == nil {
				rows = append(rows, row)
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return r, err
	}
	return r.WithRows(rows...)
}

// configFiles returns the files that a path of Options.Configs stands for.
func configFiles(fsys vfs.FS, path string) ([]string, error) {
	info, err := fsys.Stat(path)
	if err != nil {
		return nil, &tensor.Error{Class: tensor.ClassUsage, Path: path, Err: fmt.Errorf("cannot read the model config: %w", err)}
	}
	switch {
	case info.Mode.IsRegular():
		return []string{path}, nil
	case !info.Mode.IsDir():
		return nil, &tensor.Error{Class: tensor.ClassUsage, Path: path, Err: errors.New("a model config is read from a regular file")}
	}
	names, err := fsys.List(path)
	if err != nil {
		return nil, &tensor.Error{Class: tensor.ClassIO, Path: path, Err: err}
	}
	var files []string
	for _, name := range names {
		if ext := filepath.Ext(name); ext == ".yaml" || ext == ".yml" {
			files = append(files, filepath.Join(path, name))
		}
	}
	if len(files) == 0 {
		return nil, &tensor.Error{Class: tensor.ClassUsage, Path: path, Err: errors.New("the folder holds no model config"), Want: "files named *.yaml"}
	}
	return files, nil
}

func readConfig(fsys vfs.FS, file string) (config.Row, error) {
	f, err := fsys.Open(file)
	if err != nil {
		return config.Row{}, &tensor.Error{Class: tensor.ClassIO, Path: file, Err: err}
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return config.Row{}, &tensor.Error{Class: tensor.ClassIO, Path: file, Err: err}
	}
	text := make([]byte, min(info.Size, config.MaxYAML+1)) // one byte too many is an error
	if err := vfs.ReadFull(f, text, 0); err != nil {
		return config.Row{}, &tensor.Error{Class: tensor.ClassIO, Path: file, Err: err}
	}
	return config.ReadYAML(file, text)
}

// What the tables of configs take, at most: those of the models of an architecture and the
// conversions between them, and what LoRAs take beside (measured with SDXL, 2026-11-26).
const (
	configBytes  = 3 << 20
	adapterBytes = 4 << 20
)

// tableBytes returns the memory of the configs that the recipes use.
func (s *session) tableBytes() (n int64) {
	for _, solved := range s.solved {
		for i := range solved.Nodes {
			if c := solved.Nodes[i].Config; !c.Structural() && c.ID() != config.SingletonID {
				n = configBytes
			}
		}
	}
	if len(s.adapters) > 0 {
		n += adapterBytes
	}
	return n
}

// Detection says which model configs fit a checkpoint. Its JSON form is that of schema 1.
type Detection struct {
	Type   string `json:"type"` // "configs-detect"
	Schema int    `json:"schema"`

	Path   string `json:"path"`
	Keys   int    `json:"keys"`
	Config string `json:"config"` // the one that is taken; "" if none fits: keys are merged as they are

	// Candidates fit, the best first.
	Candidates []ConfigMatch `json:"candidates"`

	// How the checkpoint differs from the config that is taken.
	Unknown NameList `json:"unknown_keys"` // keys of the checkpoint
	Shapes  NameList `json:"other_shapes"` // keys of the checkpoint, with the shape that was expected
	Missing NameList `json:"missing_keys"` // mandatory keys of the config
}

// ConfigMatch says how well a config fits. Candidates are in order of UnknownShare, then
// OtherShapes, then MissingShare; then those of models before those of adapters, and by name,
// adapters by that of the config that they are for.
type ConfigMatch struct {
	Config       string  `json:"config"`
	Adapter      bool    `json:"adapter"`
	Known        int     `json:"known_keys"` // of the checkpoint
	Unknown      int     `json:"unknown_keys"`
	UnknownShare float64 `json:"unknown_share"` // of the keys of the checkpoint
	Compared     int     `json:"shapes_compared"`
	OtherShapes  int     `json:"other_shapes"`
	Missing      int     `json:"missing_keys"`  // mandatory keys of the config
	MissingShare float64 `json:"missing_share"` // of all keys of the config
}

// DetectConfig reads the header of a checkpoint and ranks the model configs that fit it.
func DetectConfig(ctx context.Context, path string, o Options) (*Detection, error) {
	r, err := Configs(o)
	if err != nil {
		return nil, err
	}
	src, err := safetensors.Open(ctx, o.fs(), path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	h := src.Header()
	d := &Detection{Type: "configs-detect", Schema: 1, Path: path, Keys: h.Len(), Candidates: []ConfigMatch{}}
	found := r.Detect([]config.Keys{config.Header(h)})
	for _, m := range found {
		d.Candidates = append(d.Candidates, ConfigMatch{Config: m.Config.ID(), Adapter: m.Adapter, Known: m.Matched, Unknown: m.Keys - m.Matched,
			UnknownShare: m.Extra, Compared: m.Compared, OtherShapes: m.Mismatched, Missing: m.Absent, MissingShare: m.Missing})
	}
	if len(found) > 0 {
		d.compare(found[0].Config, h)
	}
	return d, nil
}

// compare lists how a checkpoint differs from the config that is taken.
func (d *Detection) compare(c *config.Config, h *tensor.Header) {
	d.Config = c.ID()
	there := make([]bool, c.Len())
	for i := range h.Len() {
		e := h.At(i)
		k, row, ok := c.Find(e.Key)
		switch {
		case !ok:
			d.Unknown.add(e.Key)
			continue
		case k.Shape != nil && !k.Shape.Equal(e.Shape):
			d.Shapes.add(fmt.Sprintf("%s %v, not %v", e.Key, e.Shape, k.Shape))
		}
		there[row] = true
	}
	for row := range there {
		if k := c.Key(row); !there[row] && !k.Optional {
			d.Missing.add(k.Name)
		}
	}
}

// maxListed is how many names a NameList of a Detection holds.
const maxListed = 1000

func (l *NameList) add(name string) {
	if l.Count++; len(l.Names) < maxListed {
		l.Names = append(l.Names, name)
	}
}

// NewConfig makes a model config, as YAML, of the keys, shapes and element types of a
// checkpoint. Components, aliases and which keys are optional are for its author to say.
// An identifier that is taken is refused, because the config could not be loaded.
func NewConfig(ctx context.Context, id, path string, o Options) (string, error) {
	r, err := Configs(o)
	if err != nil {
		return "", err
	}
	if _, taken := r.Get(id); taken {
		return "", &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("model config %q is defined already", id), Hint: "choose another identifier, such as " + free(r, id)}
	}
	src, err := safetensors.Open(ctx, o.fs(), path)
	if err != nil {
		return "", err
	}
	defer src.Close()
	if src.Header().Len() == 0 {
		return "", &tensor.Error{Class: tensor.ClassInput, Path: path, Err: errors.New("it has no keys")}
	}
	c, err := config.FromHeader(id, src.Header())
	if err != nil {
		return "", &tensor.Error{Class: tensor.ClassUsage, Err: err}
	}
	text, err := config.WriteYAML(id, c)
	return string(text), err
}

// free returns an identifier like id that no config has.
func free(r config.Registry, id string) string {
	for n := 2; ; n++ {
		other := fmt.Sprintf("%s.%d", id, n)
		if n == 2 {
			other = id + ".mine"
		}
		if _, taken := r.Get(other); !taken {
			return other
		}
	}
}
