package mecha

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/stream/safetensors"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// RecipeKey is the key of the metadata under which a merged checkpoint carries its recipe.
const RecipeKey = "mecha_recipe"

// maxRecipeBytes is the size of the longest recipe that is read from a file: a graph of
// ten thousand nodes takes about one MiB.
const maxRecipeBytes = 64 << 20

// Recipe is a graph of merge methods over models and values, not yet tied to files. It is
// immutable and may be used for any number of merges.
type Recipe struct {
	graph *recipe.Graph
	name  string // what messages call it
	dir   string // where it lies; relative models are looked for there last
	bytes int64  // about what the graph takes in memory, if that is much

	conversion bool // of one model: what is not read of it is lost, and keys have the names of the config
}

// What a graph takes in memory for each byte of its text, measured on 2026-11-26 with a
// dict of 600,000 entries (21), and the length of text from which that counts; what is less is
// part of the program's own memory.
const (
	graphFactor = 24
	smallRecipe = 128 << 10
)

// graphBytes is what a recipe takes in memory, given the length of its text.
func graphBytes(text int) int64 {
	if text <= smallRecipe {
		return 0
	}
	return graphFactor * int64(text)
}

// Name returns what messages call the recipe: its path, or the name it was parsed under.
func (r *Recipe) Name() string { return r.name }

// Text returns the recipe in the .mecha text format, which sd-mecha reads as well.
func (r *Recipe) Text() (string, error) {
	b, err := recipe.Format(r.graph)
	return string(b), err
}

// NewRecipe makes a recipe of a graph that was built with package recipe.
func NewRecipe(g *recipe.Graph, name string) *Recipe { return &Recipe{graph: g, name: name} }

// Methods returns the merge methods that a recipe may use with these options.
func Methods(o Options) (methods.Set, error) { return methods.Builtin().With(o.Methods...) }

// Env returns what recipes are parsed and built with: methods, model configs and merge
// spaces.
func Env(o Options) (recipe.Env, error) {
	set, err := Methods(o)
	if err != nil {
		return recipe.Env{}, err
	}
	configs, err := Configs(o)
	return recipe.Env{Methods: set, Configs: configs, Spaces: methods.BuiltinSpaces()}, err
}

// ParseRecipe reads a recipe in the .mecha text format. No model is opened. All errors in
// the text are reported together, with their lines.
func ParseRecipe(text []byte, name string, o Options) (*Recipe, error) {
	env, err := Env(o)
	if err != nil {
		return nil, err
	}
	need := graphBytes(len(text))
	if o.MaxRAM > 0 && need > o.MaxRAM {
		return nil, &tensor.Error{Class: tensor.ClassFit, Path: name, Err: errors.New("the memory limit is too small for this recipe"),
			Want: "at least " + tensor.BytesUp(need), Got: tensor.Bytes(o.MaxRAM), Hint: "raise --max-ram"}
	}
	g, err := recipe.Parse(text, name, env)
	if err != nil {
		return nil, err
	}
	return &Recipe{graph: g, name: name, bytes: need}, nil
}

// IsScript reports whether a file is taken as a Starlark program: by its suffix, in any case.
func IsScript(path string) bool { return strings.EqualFold(filepath.Ext(path), ScriptSuffix) }

// LoadRecipe reads a recipe from a file: text, or a merged checkpoint that carries one, which
// its content decides; or a Starlark program (see LoadScript), if it ends in ScriptSuffix.
func LoadRecipe(ctx context.Context, path string, o Options) (*Recipe, error) {
	if IsScript(path) {
		return LoadScript(ctx, path, ScriptOptions{}, o)
	}
	text, err := readRecipe(ctx, o.fs(), path)
	if err != nil {
		return nil, err
	}
	r, err := ParseRecipe(text, path, o)
	if err != nil {
		return nil, err
	}
	r.dir = filepath.Dir(path)
	return r, nil
}

// readRecipe returns the text of a recipe file.
func readRecipe(ctx context.Context, fsys vfs.FS, path string) ([]byte, error) {
	text, isText, err := readText(fsys, path, "recipe")
	if err == nil && !isText {
		return embeddedRecipe(ctx, fsys, path)
	}
	return text, err
}

// readText returns the content of a text file; isText is false if it is none, or a folder. what it
// should hold is for messages.
func readText(fsys vfs.FS, path, what string) (text []byte, isText bool, err error) {
	cannot := func(err error) error {
		return &tensor.Error{Class: tensor.ClassRecipe, Path: path, Err: fmt.Errorf("cannot read the %s: %w", what, err)}
	}
	switch info, err := fsys.Stat(path); {
	case err != nil:
		return nil, false, cannot(err)
	case info.Mode.IsDir():
		return nil, false, nil
	case !info.Mode.IsRegular(): // it has no size, and opening one may wait for ever
		return nil, true, &tensor.Error{Class: tensor.ClassRecipe, Path: path, Err: fmt.Errorf("a %s is read from a regular file", what),
			Hint: "from a pipe, give it on standard input"}
	}
	f, err := fsys.Open(path)
	if err != nil {
		return nil, false, cannot(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, false, &tensor.Error{Class: tensor.ClassIO, Path: path, Err: err}
	}
	switch head := startOf(f, info.Size); {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return nil, true, &tensor.Error{Class: tensor.ClassRecipe, Path: path, Err: fmt.Errorf("the text is UTF-16, a %s is UTF-8", what),
			Hint: "save it as UTF-8"}
	case bytes.ContainsAny(head, "\x00"):
		return nil, false, nil
	}
	if info.Size > maxRecipeBytes {
		return nil, true, &tensor.Error{Class: tensor.ClassRecipe, Path: path, Err: fmt.Errorf("a %s of %d bytes is too long", what, info.Size),
			Want: fmt.Sprintf("at most %d bytes", maxRecipeBytes)}
	}
	text = make([]byte, info.Size)
	if err := vfs.ReadFull(f, text, 0); err != nil {
		return nil, true, &tensor.Error{Class: tensor.ClassIO, Path: path, Err: err}
	}
	return text, true, nil
}

// startOf returns the first bytes of a file. Text has no zero byte there; a checkpoint starts
// with the length of its header, whose upper bytes are zero.
func startOf(f io.ReaderAt, size int64) []byte {
	head := make([]byte, min(size, 16))
	n, _ := f.ReadAt(head, 0)
	return head[:n]
}

// embeddedRecipe returns the recipe in the metadata of a checkpoint.
func embeddedRecipe(ctx context.Context, fsys vfs.FS, path string) ([]byte, error) {
	src, err := safetensors.Open(ctx, fsys, path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	text, ok := src.Header().Metadata[RecipeKey]
	if !ok {
		return nil, &tensor.Error{Class: tensor.ClassRecipe, Path: path, Err: fmt.Errorf("this checkpoint carries no recipe"),
			Hint: "its metadata has no entry " + RecipeKey}
	}
	return []byte(text), nil
}

// fs returns the file system to use.
func (o *Options) fs() vfs.FS {
	if o.FS != nil {
		return o.FS
	}
	return vfs.OS{}
}
