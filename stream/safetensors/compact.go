package safetensors

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// moveBlock is how much is moved at once when a file is compacted.
const moveBlock = 1 << 20

// compact moves the tensors that are kept together, in their order, writes the header
// anew inside its length, and shortens the file. Every tensor moves towards the start
// or stays, so that going through them in order never overwrites what is still needed.
func (s *Sink) compact(ctx context.Context, drop []int) error {
	buf := make([]byte, min(moveBlock, max(1, s.size)))
	to := int64(0)
	for from, end := range s.runs(drop) {
		if from == to {
			to = end
			continue
		}
		for from < end {
			if err := cancelled(ctx); err != nil {
				return err
			}
			block := buf[:min(int64(len(buf)), end-from)]
			if err := s.move(block, from, to); err != nil {
				return writeError(s.path, "moving tensors", err)
			}
			from, to = from+int64(len(block)), to+int64(len(block))
		}
	}
	if err := s.writeHeader(ctx, drop); err != nil {
		return err
	}
	if err := s.file.Truncate(s.dataStart() + to); err != nil {
		return writeError(s.path, "shortening the file", err)
	}
	return nil
}

// runs yields the ranges of kept tensors that lie next to each other.
func (s *Sink) runs(drop []int) iter.Seq2[int64, int64] {
	return func(yield func(from, end int64) bool) {
		from := int64(0)
		for _, i := range drop {
			e := s.header.At(i)
			if from < e.Pos && !yield(from, e.Pos) {
				return
			}
			from = e.Pos + e.Size
		}
		if from < s.size {
			yield(from, s.size)
		}
	}
}

func (s *Sink) move(block []byte, from, to int64) error {
	if err := vfs.ReadFull(s.file, block, s.dataStart()+from); err != nil {
		return err
	}
	return vfs.WriteFull(s.file, block, s.dataStart()+to)
}

// verify reads the header of the temp file back and compares it with the layout.
func (s *Sink) verify(ctx context.Context, drop []int) (err error) {
	sh, err := openRegular(s.fs, s.temp)
	if err != nil {
		return writeError(s.path, "reading the temp file back", err)
	}
	defer func() {
		if e := sh.file.Close(); e != nil {
			err = errors.Join(err, writeError(s.path, "closing the temp file", e))
		}
	}()
	n, err := readPrefix(sh.file, s.temp, sh.info.Size)
	if err != nil {
		return s.corrupt(err)
	}
	next, stop := iter.Pull(kept(s.header, drop))
	defer stop()
	end := int64(0)
	meta, err := parseHeader(ctx, sh.file, s.temp, n, func(t *rawTensor) error {
		want, ok := next()
		end = t.end
		if !ok || t.key != want.Key || t.dtype != want.DType.String() || !t.shape.Equal(want.Shape) ||
			t.begin != want.Pos || t.end != want.Pos+want.Size {
			return fmt.Errorf("the tensor %q is not what was written", t.key)
		}
		return nil
	}, nil)
	if err != nil {
		return s.corrupt(err)
	}
	if _, more := next(); more || len(meta) != len(s.header.Metadata) || prefixLen+n+end != sh.info.Size {
		return s.corrupt(errors.New("it is not complete"))
	}
	return nil
}

// corrupt is the failure of the file that was just written to be what it should be.
func (s *Sink) corrupt(err error) error {
	if isCancelled(err) {
		return err
	}
	return &tensor.Error{Class: tensor.ClassIO, Path: s.path, Err: fmt.Errorf("the finished file cannot be read back: %w", err)}
}
