package safetensors

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Open opens a model: a safetensors file (of any name), an index file, or a folder
// with an index or with safetensors files, which are taken together. All headers are
// read and validated. Errors are of ClassInput, or of ClassIO if the system cannot
// read.
func Open(ctx context.Context, fsys vfs.FS, path string) (*Source, error) {
	return OpenWithin(ctx, fsys, path, math.MaxInt64)
}

// OpenWithin is Open for a header that may take room bytes of memory (room may be negative).
// It takes no more: what is left of a larger one is only counted, and the error is a *RoomError.
func OpenWithin(ctx context.Context, fsys vfs.FS, path string, room int64) (*Source, error) {
	info, err := fsys.Stat(path)
	if err != nil {
		return nil, readError(path, err)
	}
	s := &Source{name: path, fs: fsys, header: tensor.NewHeader(0), count: counter{room: room}}
	if info.Mode.IsDir() {
		err = s.openFolder(ctx, path)
	} else {
		err = s.openFile(ctx, path)
	}
	if err == nil && s.count.over {
		err = &RoomError{Path: path, Need: s.count.need(), Room: room}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// openFile opens a path that is not a folder. Its content says what it is.
func (s *Source) openFile(ctx context.Context, path string) error {
	sh, err := openRegular(s.fs, path)
	if err != nil {
		return err
	}
	head, err := readHead(sh.file, path, sh.info.Size)
	if err == nil && isJSONText(head) && isIndexName(path) {
		if err := sh.file.Close(); err != nil {
			return readError(path, err)
		}
		return s.openIndex(ctx, path)
	}
	s.shards = append(s.shards, sh) // Close closes it, also after a failure
	if err != nil {
		return err
	}
	return s.load(ctx, len(s.shards)-1)
}

// openRegular opens a file; devices and pipes are refused, because a pipe waits for a
// writer.
func openRegular(fsys vfs.FS, path string) (shard, error) {
	info, err := fsys.Stat(path)
	if err != nil {
		return shard{}, readError(path, err)
	}
	if !info.Mode.IsRegular() {
		return shard{}, invalid(path, "", "not a regular file")
	}
	f, err := fsys.Open(path)
	if err != nil {
		return shard{}, readError(path, err)
	}
	if info, err = f.Stat(); err != nil {
		return shard{}, errors.Join(readError(path, err), f.Close())
	}
	return shard{path: path, file: f, info: info}, nil
}

// load reads the header of shard i, which is the last one so far.
func (s *Source) load(ctx context.Context, i int) error {
	sh := &s.shards[i]
	if i > 0 {
		sh.base = s.shards[i-1].base + s.shards[i-1].size
	}
	sh.first = s.header.Len()
	n, err := loadHeader(ctx, sh.file, sh.path, sh.info.Size, sh.base, s.header, &s.count)
	if err != nil {
		return s.explainDuplicate(sh, err)
	}
	sh.data = prefixLen + n
	sh.size = sh.info.Size - sh.data
	return nil
}

// explainDuplicate names the other file, if a key was in an earlier shard.
func (s *Source) explainDuplicate(sh *shard, err error) error {
	var e *tensor.Error
	if !errors.Is(err, tensor.ErrDuplicateKey) || !errors.As(err, &e) {
		return err
	}
	if i, found := s.header.Lookup(e.Key); found && i < sh.first {
		e.Err = fmt.Errorf("%w: it is also in %s", tensor.ErrDuplicateKey, s.shardOf(i).path)
		e.Hint = "the files of a folder are taken as one model; name one file to open just that"
	}
	return err
}

// openFiles opens the named files of a folder as one model, in the order given.
func (s *Source) openFiles(ctx context.Context, paths []string) error {
	for _, p := range paths {
		if err := cancelled(ctx); err != nil {
			return err
		}
		sh, err := openRegular(s.fs, p)
		if err != nil {
			return err
		}
		s.shards = append(s.shards, sh)
		if err := s.load(ctx, len(s.shards)-1); err != nil {
			return err
		}
	}
	return nil
}

// Names by which models are found in folders (Hugging Face transformers,
// utils/__init__.py: SAFE_WEIGHTS_INDEX_NAME; diffusers uses another stem).
const (
	indexName   = "model.safetensors.index.json"
	indexSuffix = ".safetensors.index.json"
	fileSuffix  = ".safetensors"
)

func isIndexName(path string) bool { return strings.HasSuffix(strings.ToLower(path), ".json") }

// openFolder opens the model in a folder.
func (s *Source) openFolder(ctx context.Context, dir string) error {
	names, err := s.fs.List(dir)
	if err != nil {
		return readError(dir, err)
	}
	indexes := withSuffix(names, indexSuffix)
	if slices.Contains(indexes, indexName) {
		indexes = []string{indexName}
	}
	switch len(indexes) {
	case 0:
	case 1:
		return s.openIndex(ctx, join(dir, indexes[0]))
	default:
		e := invalid(dir, "", "the folder has several indexes")
		e.Got, e.Hint = strings.Join(indexes, ", "), "name one of them"
		return e
	}
	files := withSuffix(names, fileSuffix)
	if len(files) == 0 {
		return noModel(dir, names)
	}
	for i := range files {
		files[i] = join(dir, files[i])
	}
	return s.openFiles(ctx, files)
}

// withSuffix returns the names with the suffix, in any case, that are not hidden.
func withSuffix(names []string, suffix string) []string {
	var found []string
	for _, n := range names {
		if strings.HasSuffix(strings.ToLower(n), suffix) && !strings.HasPrefix(n, ".") {
			found = append(found, n)
		}
	}
	return found
}

// noModel says what was looked for in a folder, and what is there instead.
func noModel(dir string, names []string) error {
	e := invalid(dir, "", "the folder holds no model")
	e.Want = "*" + indexSuffix + " or *" + fileSuffix
	for _, suffix := range []string{".bin", ".pt", ".pth", ".ckpt"} {
		if found := withSuffix(names, suffix); len(found) > 0 {
			e.Got, e.Hint = found[0], convertHint
			return e
		}
	}
	if slices.Contains(names, "model_index.json") {
		e.Got, e.Hint = "a pipeline in parts (model_index.json)", "name the folder of a part, such as unet or transformer"
	}
	return e
}
