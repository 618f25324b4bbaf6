package safetensors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sort"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/stream/internal/extent"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Options says how a file is written.
type Options struct {
	// MkdirAll makes the folder of the file if it is missing. Otherwise that is an
	// error.
	MkdirAll bool
}

// Sink writes one safetensors file: into a temp file beside it, which takes its name
// in Commit. Until then the path is what it was, whatever fails.
//
// WriteAt may be called from any goroutine, in any order, and again for bytes that
// were written before (a tensor that is computed again): the sink keeps track of which
// bytes were written, and Commit fails if a byte of a tensor that is kept was not.
type Sink struct {
	fs   vfs.FS
	path string
	opts Options

	mu    sync.RWMutex // held for reading during a WriteAt
	state sinkState

	target  string // path with symbolic links resolved
	dir     string // the folder of target
	old     *vfs.Info
	made    []string // folders that Begin made, outermost first
	temp    string
	file    vfs.File
	header  *tensor.Header
	n       int64 // length of the header
	size    int64 // bytes of data
	written extent.Set

	// closeFirst: the system cannot rename an open file.
	closeFirst bool
}

type sinkState uint8

const (
	sinkNew sinkState = iota
	sinkOpen
	sinkReady  // prepared
	sinkFailed // Prepare or Commit broke off: only Abort is left to do
	sinkDone
)

var _ tensor.Sink = (*Sink)(nil)

// Create returns a sink for the file at path. Nothing is touched before Begin. The
// path may be that of an input: the old file stays readable through open handles, and
// its name is given to the new one in Commit. (On Windows an open input keeps the
// system from replacing it.)
func Create(fsys vfs.FS, path string, opts Options) *Sink {
	return &Sink{fs: fsys, path: path, opts: opts, closeFirst: vfs.CloseBeforeRename}
}

// Name returns the path that the sink was made for.
func (s *Sink) Name() string { return s.path }

// View returns nil: files are not in memory.
func (s *Sink) View(pos, n int64) []byte { return nil }

// Begin checks the target, removes temp files that killed runs left behind, checks
// that there is room (ClassFit), makes the temp file and writes the header. If it
// fails, nothing is left.
func (s *Sink) Begin(ctx context.Context, l tensor.Layout) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sinkNew {
		return s.misused("Begin")
	}
	s.state = sinkOpen
	if err := s.begin(ctx, l.Header); err != nil {
		return errors.Join(err, s.discard())
	}
	return nil
}

func (s *Sink) begin(ctx context.Context, h *tensor.Header) (err error) {
	if err := cancelled(ctx); err != nil {
		return err
	}
	s.header = h
	if s.n, s.size, err = checkLayout(s.path, h); err != nil {
		return err
	}
	if err := s.findTarget(); err != nil {
		return err
	}
	if err := s.sweep(); err != nil {
		return err
	}
	if err := s.checkSpace(); err != nil {
		return err
	}
	if err := s.createTemp(); err != nil {
		return err
	}
	if err := s.file.Allocate(s.dataStart() + s.size); err != nil {
		return s.noRoom(err)
	}
	return s.writeHeader(ctx, nil)
}

// dataStart returns the position of the data section in the file.
func (s *Sink) dataStart() int64 { return prefixLen + s.n }

func (s *Sink) writeHeader(ctx context.Context, drop []int) error {
	return writeHeader(s.header, drop, s.n, func(p []byte, at int64) error {
		if err := cancelled(ctx); err != nil {
			return err
		}
		if err := vfs.WriteFull(s.file, p, at); err != nil {
			return writeError(s.path, "writing the header", err)
		}
		return nil
	})
}

// WriteAt writes all of p at pos of the data section.
func (s *Sink) WriteAt(p []byte, pos int64) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.state != sinkOpen {
		return s.misused("WriteAt")
	}
	if pos < 0 || pos > s.size || int64(len(p)) > s.size-pos {
		return layoutError(s.path, "", "write of %d bytes at %d leaves the %d bytes of data", len(p), pos, s.size)
	}
	if err := vfs.WriteFull(s.file, p, s.dataStart()+pos); err != nil {
		return writeError(s.path, "writing", err)
	}
	s.written.Add(pos, pos+int64(len(p)))
	return nil
}

func (s *Sink) misused(call string) error {
	return layoutError(s.path, "", "%s is out of order: want Begin, then WriteAt, then Commit or Abort once", call)
}

// Prepare completes the temp file: without the entries in drop, synced and validated. If it
// fails after it has begun to change the file, only Abort is left to do.
func (s *Sink) Prepare(ctx context.Context, drop []int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state != sinkOpen {
		return s.misused("Prepare")
	}
	return s.prepare(ctx, drop)
}

func (s *Sink) prepare(ctx context.Context, drop []int) error {
	if err := checkDrop(s.path, s.header, drop); err != nil {
		return err
	}
	if err := s.checkComplete(drop); err != nil {
		return err
	}
	s.state = sinkFailed // until it is ready
	if len(drop) > 0 {
		if err := s.compact(ctx, drop); err != nil {
			return err
		}
	}
	if err := s.file.Sync(); err != nil {
		return writeError(s.path, "syncing the file", err)
	}
	if err := s.verify(ctx, drop); err != nil {
		return err
	}
	if err := cancelled(ctx); err != nil {
		return err
	}
	s.state = sinkReady
	return nil
}

// Commit checks that every byte was written, removes the dropped entries, makes the
// file durable, reads its header back, and gives it its name. If it fails, the target
// is what it was, and Abort removes the temp file. The one exception is a failure
// after the renaming, which says so: then the new file is in place, complete, but it
// may be lost with the power. Commit can be called again only if it failed because of
// bytes that were not written.
func (s *Sink) Commit(ctx context.Context, drop []int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.state {
	case sinkOpen:
		if err := s.prepare(ctx, drop); err != nil {
			return err
		}
	case sinkReady:
		if err := cancelled(ctx); err != nil {
			return err
		}
	default:
		return s.misused("Commit")
	}
	s.state = sinkFailed // until it is published
	return s.publish()
}

// checkComplete finds bytes of kept tensors that were never written.
func (s *Sink) checkComplete(drop []int) error {
	for _, gap := range s.written.Gaps(s.size) {
		// The first entry that ends behind the start of the gap.
		i := sort.Search(s.header.Len(), func(i int) bool {
			e := s.header.At(i)
			return e.Pos+e.Size > gap.Start
		})
		for ; i < s.header.Len(); i++ {
			e := s.header.At(i)
			if e.Pos >= gap.End {
				break
			}
			if _, dropped := slices.BinarySearch(drop, i); !dropped && e.Size > 0 {
				return layoutError(s.path, e.Key, "the bytes from %d to %d of the data were never written",
					max(gap.Start, e.Pos), min(gap.End, e.Pos+e.Size))
			}
		}
	}
	return nil
}

// publish gives the temp file its name. Where the system can, the lock is held until
// the file has it: an unlocked temp file would be taken for one that was left behind.
func (s *Sink) publish() error {
	if s.closeFirst {
		if err := s.close(); err != nil {
			return writeError(s.path, "closing the file", err)
		}
	}
	if err := s.fs.Rename(s.temp, s.target); err != nil {
		return writeError(s.path, "giving the finished file its name", err)
	}
	s.state = sinkDone
	if err := errors.Join(s.close(), s.fs.SyncDir(s.dir)); err != nil {
		return writeError(s.path, "the file is complete and in place, but syncing its folder failed", err)
	}
	return nil
}

// close closes the temp file, once.
func (s *Sink) close() error {
	if s.file == nil {
		return nil
	}
	f := s.file
	s.file = nil
	return f.Close()
}

// Abort removes the temp file, and the folders that Begin made. It does nothing before
// Begin, after a successful Commit and after an Abort. It waits for writes that are
// being done; later ones fail.
func (s *Sink) Abort() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state == sinkNew || s.state == sinkDone {
		s.state = sinkDone
		return nil
	}
	return s.discard()
}

// discard removes what the sink has made. The temp file is removed while it is locked
// where the system can do that, so that nobody else takes it for left behind.
func (s *Sink) discard() error {
	s.state = sinkDone
	var errs []error
	if s.closeFirst {
		errs = append(errs, s.close())
	}
	if s.temp != "" {
		if err := s.fs.Remove(s.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, fmt.Errorf("removing the temp file %s: %w", s.temp, cause(err)))
		}
	}
	errs = append(errs, s.close())
	for _, dir := range slices.Backward(s.made) {
		if err := s.fs.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
			errs = append(errs, fmt.Errorf("removing the new folder: %w", err))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return writeError(s.path, "cleaning up", err)
	}
	return nil
}
