package tests

import (
	"context"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// What a shell or an editor makes of a recipe is named for what it is: UTF-16 is not a
// checkpoint, and a pipe is not an empty text.
func TestRecipesThatAreNotFilesOfTextAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.put("/in/wide", []byte("\xff\xfev\x00e\x00r\x00s\x00i\x00o\x00n\x00 \x000\x00"))
	_, err := mecha.LoadRecipe(context.Background(), "/in/wide", mecha.Options{FS: w.Mem})
	if tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), "UTF-16") {
		t.Errorf("UTF-16: %v (class %v)", err, tensor.ClassOf(err))
	}
	if runtime.GOOS == "windows" {
		return
	}
	opens := 0
	_, err = mecha.LoadRecipe(context.Background(), os.DevNull, mecha.Options{FS: countOpens{vfs.OS{}, &opens}})
	if opens > 0 {
		t.Error("it was opened: a pipe that nobody writes to would wait for ever")
	}
	if tensor.ClassOf(err) != tensor.ClassRecipe || !strings.Contains(err.Error(), "regular file") {
		t.Errorf("%s: %v (class %v)", os.DevNull, err, tensor.ClassOf(err))
	}
}

// countOpens counts the files that are opened.
type countOpens struct {
	vfs.FS
	n *int
}

func (c countOpens) Open(path string) (vfs.File, error) {
	*c.n++
	return c.FS.Open(path)
}
