package tensor

import "context"

// Source gives the bytes of a state dict: a checkpoint file, a folder of shards, or
// tensors in memory. All methods may be called from any goroutine.
type Source interface {
	// Name is what messages call the source: a path, or a name the caller chose.
	Name() string

	// Header returns the table of contents. Entry positions address one contiguous
	// data section, also where the source consists of several files.
	Header() *Header

	// ReadAt fills dst with the data bytes at [pos, pos+len(dst)). A range may span
	// several tensors that lie next to each other. It either fills dst or fails.
	ReadAt(dst []byte, pos int64) error

	// View returns the bytes at [pos, pos+n) if they are in memory already and can be
	// read without copying, and nil otherwise. The bytes must not be written to.
	View(pos, n int64) []byte

	// Unchanged fails if the source is no longer what it was when it was opened (a
	// file that was replaced, resized or written to).
	Unchanged() error

	// Close releases what the source holds. Views must not be used after it.
	Close() error
}

// Layout fixes an output before its first byte is written: every entry with its
// final position in the data section, in file order, and the metadata.
type Layout struct {
	*Header
}

// Sink takes the bytes of a state dict. The order of calls is Begin, then any number
// of WriteAt and View from any goroutine, then Prepare if several sinks are to be committed
// together, then Commit or Abort once. Nothing is visible to others before Commit returns, and
// after Abort nothing is left.
type Sink interface {
	// Name is what messages call the sink.
	Name() string

	// Begin fixes the layout, checks that there is room for it, and allocates it.
	Begin(ctx context.Context, l Layout) error

	// WriteAt writes all of p at pos of the data section.
	WriteAt(p []byte, pos int64) error

	// View returns the memory at [pos, pos+n) if the sink is in memory, so that
	// results can be computed in place, and nil otherwise.
	View(pos, n int64) []byte

	// Prepare does all of Commit that may take long or is likely to fail, but makes nothing
	// visible. Commit is then given the same drop.
	Prepare(ctx context.Context, drop []int) error

	// Commit makes the output visible, without the entries whose indices are in drop
	// (ascending). It fails without effect if it cannot be completed.
	Commit(ctx context.Context, drop []int) error

	// Abort discards everything. It does nothing after a successful Commit, so it
	// can be deferred.
	Abort() error
}
