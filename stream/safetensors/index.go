package safetensors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

func join(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }

// openIndex opens the shards that an index names, and checks that index and shards
// have the same keys. The index is read twice, so that it need not be kept: first for
// the names of the shards, then to compare the keys.
func (s *Source) openIndex(ctx context.Context, path string) (err error) {
	index, err := openRegular(s.fs, path)
	if err != nil {
		return err
	}
	defer func() {
		if e := index.file.Close(); e != nil {
			err = errors.Join(err, readError(path, e))
		}
	}()
	files := map[string]string{} // shard -> a key in it
	err = s.readIndex(ctx, index, func(key, file string) error {
		if _, known := files[file]; known {
			return nil
		}
		if !filepath.IsLocal(filepath.FromSlash(file)) {
			return invalid(path, key, "the index names the file %q, which is not in its folder", file)
		}
		files[strings.Clone(file)] = strings.Clone(key)
		return nil
	})
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	var paths []string
	for _, f := range slices.Sorted(maps.Keys(files)) {
		if _, err := s.fs.Stat(join(dir, f)); errors.Is(err, fs.ErrNotExist) {
			return invalid(path, files[f], "the index names the file %q, which does not exist", f)
		}
		paths = append(paths, join(dir, f))
	}
	if err := s.openFiles(ctx, paths); err != nil || s.count.over {
		return err
	}
	return s.checkIndex(ctx, index)
}

// readIndex calls each for every member of the weight_map of an index.
func (s *Source) readIndex(ctx context.Context, index shard, each func(key, file string) error) error {
	sc := newScanner(ctx, index.file, index.path, 0, index.info.Size)
	var name, key, file []byte
	found := false
	entry := func() (err error) {
		if file, err = sc.str(file[:0], "the name of a file"); err != nil {
			return err
		}
		return each(alias(key), alias(file))
	}
	err := sc.object(&name, func() error {
		if string(name) != "weight_map" {
			return sc.value(0)
		}
		if found {
			return invalid(index.path, "", "the index has two weight_maps")
		}
		found = true
		return sc.object(&key, entry)
	})
	if err != nil {
		return err
	}
	if !found {
		return invalid(index.path, "", "the file is not an index of a model: it has no weight_map")
	}
	return sc.finish()
}

// checkIndex checks that every key of the index is in the shard it names, and that
// every key of a shard is in the index.
func (s *Source) checkIndex(ctx context.Context, index shard) error {
	dir := filepath.Dir(index.path)
	seen := make([]uint64, (s.header.Len()+63)/64)
	count := 0
	err := s.readIndex(ctx, index, func(key, file string) error {
		i, found := s.header.Lookup(key)
		if !found {
			return invalid(index.path, strings.Clone(key), "the index says the key is in %q, but it is not", file)
		}
		if sh := s.shardOf(i); sh.path != join(dir, file) {
			return invalid(index.path, strings.Clone(key), "the index says the key is in %q, but it is in %s", file, sh.path)
		}
		if seen[i/64]&(1<<(i%64)) != 0 {
			return invalid(index.path, strings.Clone(key), "duplicate key in the index")
		}
		seen[i/64] |= 1 << (i % 64)
		count++
		return nil
	})
	if err != nil || count == s.header.Len() {
		return err
	}
	for i := range s.header.Len() {
		if seen[i/64]&(1<<(i%64)) == 0 {
			e := invalid(s.shardOf(i).path, s.header.At(i).Key, "the key is not in the index %s", filepath.Base(index.path))
			e.Hint = fmt.Sprintf("%d keys of the shards are not in it", s.header.Len()-count)
			return e
		}
	}
	return nil
}
