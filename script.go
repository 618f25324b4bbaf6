package mecha

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/mecha-gpu/mecha-gpu/recipe/config"
	"github.com/mecha-gpu/mecha-gpu/recipe/script"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// ScriptSuffix is that of files that hold a recipe as a Starlark program.
const ScriptSuffix = ".star"

// ScriptOptions are what a program is given: values of its parameters, and models by name.
type ScriptOptions = script.Options

// ScriptParam is a parameter of a program.
type ScriptParam = script.Param

// ParseExpr makes a recipe of an expression, such as "a + 0.5*(b - c) | a". models are the
// paths of the models that it names. A model is opened only if it is converted and the recipe
// does not say from which model config; then its header is read.
func ParseExpr(ctx context.Context, expr string, models map[string]string, o Options) (*Recipe, error) {
	return ParseExprWith(ctx, expr, ScriptOptions{Models: models}, o)
}

// ParseExprWith is ParseExpr for an expression that has also names of values, such as alpha in
// "a + alpha*(b - c)": ScriptOptions.Set says what they are.
func ParseExprWith(ctx context.Context, expr string, s ScriptOptions, o Options) (*Recipe, error) {
	env, err := Env(o)
	if err != nil {
		return nil, err
	}
	if s.Keys == nil {
		s.Keys = o.keys(ctx, "")
	}
	g, err := script.Expr(expr, env, s)
	if err != nil {
		return nil, err
	}
	return NewRecipe(g, g.Name()), nil
}

// LoadScript runs a Starlark program that makes a recipe. What it can do is said by package
// recipe/script. Models are opened as by ParseExpr.
func LoadScript(ctx context.Context, path string, s ScriptOptions, o Options) (*Recipe, error) {
	src, err := readScript(ctx, o.fs(), path)
	if err != nil {
		return nil, err
	}
	if s.Keys == nil {
		s.Keys = o.keys(ctx, filepath.Dir(path))
	}
	r, err := ParseScript(ctx, src, path, s, o)
	if err != nil {
		return nil, err
	}
	r.dir = filepath.Dir(path)
	return r, nil
}

// ParseScript runs the text of a Starlark program. name is what messages call it.
func ParseScript(ctx context.Context, text []byte, name string, s ScriptOptions, o Options) (*Recipe, error) {
	env, err := Env(o)
	if err != nil {
		return nil, err
	}
	if s.Keys == nil {
		s.Keys = o.keys(ctx, "")
	}
	g, err := script.Run(text, name, env, s)
	if err != nil {
		return nil, err
	}
	return NewRecipe(g, name), nil
}

// keys returns the function that reads the keys of a model of a recipe in dir.
func (o *Options) keys(ctx context.Context, dir string) func(path string) (config.Keys, error) {
	return func(path string) (config.Keys, error) {
		h, err := headerOf(ctx, &Recipe{dir: dir}, path, o)
		if err != nil {
			return nil, err
		}
		return config.Header(h), nil
	}
}

// ScriptParams returns the parameters of a Starlark program.
func ScriptParams(ctx context.Context, path string, o Options) ([]ScriptParam, error) {
	src, err := readScript(ctx, o.fs(), path)
	if err != nil {
		return nil, err
	}
	env, err := Env(o)
	if err != nil {
		return nil, err
	}
	return script.Params(src, path, env)
}

// readScript reads a program; a checkpoint is none, whatever its name.
func readScript(ctx context.Context, fsys vfs.FS, path string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	src, isText, err := readText(fsys, path, "recipe")
	if err == nil && !isText {
		err = &tensor.Error{Class: tensor.ClassRecipe, Path: path, Err: fmt.Errorf("this is no program, but a folder or a file of bytes")}
	}
	return src, err
}
