package script

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
)

// Beside each example is the text that the reference wrote for the same recipe in Python
// (scripts/reference/examples.py).
func TestExamplesAreTheRecipesOfTheReference(t *testing.T) {
	paths, err := filepath.Glob("../../examples/*.star")
	if err != nil || len(paths) < 14 {
		t.Fatalf("%d examples, %v", len(paths), err)
	}
	read := func(path string) []byte {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			g, err := Run(read(path), path, recipe.Builtin(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			text := strings.TrimSuffix(path, ".star") + ".mecha"
			want, err := recipe.Parse(read(text), text, recipe.Builtin())
			if err != nil {
				t.Fatal(err)
			}
			same(t, g, want)
			if got := format(t, g); got != string(read(text)) {
				t.Errorf("got\n%s\nthe reference wrote\n%s", got, read(text))
			}
		})
	}
}
