package safetensors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// invalid is the failure of an input that is not what it should be.
func invalid(path, key, format string, args ...any) *tensor.Error {
	return &tensor.Error{Class: tensor.ClassInput, Path: path, Key: key, Err: fmt.Errorf(format, args...)}
}

// readError is the failure of an operation on an input. A file that does not exist is
// a wrong input; anything else is a failure of the system.
func readError(path string, err error) error {
	var known *tensor.Error
	if errors.As(err, &known) || isCancelled(err) {
		return err
	}
	class := tensor.ClassIO
	if errors.Is(err, fs.ErrNotExist) {
		class = tensor.ClassInput
	}
	return &tensor.Error{Class: class, Path: path, Err: cause(err)}
}

// writeError is the failure of an operation on an output.
func writeError(path, doing string, err error) error {
	var known *tensor.Error
	if errors.As(err, &known) || isCancelled(err) {
		return err
	}
	class := tensor.ClassIO
	if vfs.IsNoSpace(err) {
		class = tensor.ClassFit
	}
	return &tensor.Error{Class: class, Path: path, Err: fmt.Errorf("%s: %w", doing, cause(err))}
}

// cause drops the path of a PathError, which the message has already.
func cause(err error) error {
	if p, ok := err.(*fs.PathError); ok { // only the outermost
		return fmt.Errorf("%s: %w", p.Op, p.Err)
	}
	return err
}

func isCancelled(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// cancelled returns an error if ctx is done.
func cancelled(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}
