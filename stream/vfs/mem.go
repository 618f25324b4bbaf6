package vfs

import (
	"errors"
	"io/fs"
	"maps"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// Mem is a file system in memory in which only what was synced survives PowerCut:
// names by SyncDir, bytes by File.Sync. It has no symbolic links. Times of
// modification are a counter, so that tests do not depend on a clock.
type Mem struct {
	mu       sync.Mutex
	root     *node
	inodes   uint64
	clock    int64
	capacity int64
	cuts     int // power cuts so far; handles of an earlier count are dead
}

// node is a file or a folder: what it is now, and what is durable of it.
type node struct {
	inode  uint64
	mode   fs.FileMode
	mtime  int64
	locked *memFile

	data, durable []byte // of a file

	names, durableNames map[string]*node // of a folder
	pending             [][]nameChange   // changes since the last SyncDir, in order
}

// nameChange binds a name to a node, or removes it (nil). Changes that happen in one
// step, as in a rename, are durable together.
type nameChange struct {
	name string
	node *node
}

var _ FS = (*Mem)(nil)

// NewMem returns an empty file system. The root folder "/" exists.
func NewMem() *Mem {
	m := &Mem{capacity: math.MaxInt64}
	m.root = m.newDir(0o777)
	return m
}

// SetCapacity limits the bytes of all files together. Writes beyond it fail with
// ErrNoSpace, and Free reports what is left.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacity = bytes
}

func (m *Mem) newNode(mode fs.FileMode) *node {
	m.inodes++
	return &node{inode: m.inodes, mode: mode, mtime: m.tick()}
}

func (m *Mem) newDir(perm fs.FileMode) *node {
	n := m.newNode(fs.ModeDir | perm)
	n.names, n.durableNames = map[string]*node{}, map[string]*node{}
	return n
}

func (m *Mem) tick() int64 { m.clock++; return m.clock }

// Open opens an existing file for reading.
func (m *Mem) Open(p string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(p)
	if err != nil {
		return nil, pathError("open", p, err)
	}
	return &memFile{fs: m, node: n, path: p, cuts: m.cuts}, nil
}

// Create makes a new file for reading and writing.
func (m *Mem) Create(p string, perm fs.FileMode) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, name, err := m.parent(p)
	if err != nil {
		return nil, pathError("create", p, err)
	}
	if dir.names[name] != nil {
		return nil, pathError("create", p, fs.ErrExist)
	}
	n := m.newNode(perm &^ 0o022)
	dir.change(nameChange{name, n})
	return &memFile{fs: m, node: n, path: p, cuts: m.cuts, writable: true}, nil
}

// Rename gives a file another name. Between folders it is durable piecewise: each
// folder has its own SyncDir.
func (m *Mem) Rename(oldpath, newpath string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	from, oldname, err := m.parent(oldpath)
	if err != nil {
		return pathError("rename", oldpath, err)
	}
	to, newname, err := m.parent(newpath)
	if err != nil {
		return pathError("rename", newpath, err)
	}
	n, old := from.names[oldname], to.names[newname]
	switch {
	case n == nil:
		return pathError("rename", oldpath, fs.ErrNotExist)
	case n == old:
		return nil
	case old != nil && old.mode.IsDir():
		return pathError("rename", newpath, fs.ErrExist)
	}
	if from == to {
		to.change(nameChange{oldname, nil}, nameChange{newname, n})
		return nil
	}
	to.change(nameChange{newname, n})
	from.change(nameChange{oldname, nil})
	return nil
}

// Remove removes a file or an empty folder.
func (m *Mem) Remove(p string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, name, err := m.parent(p)
	if err != nil {
		return pathError("remove", p, err)
	}
	switch n := dir.names[name]; {
	case n == nil:
		return pathError("remove", p, fs.ErrNotExist)
	case len(n.names) > 0:
		return pathError("remove", p, fs.ErrExist)
	}
	dir.change(nameChange{name, nil})
	return nil
}

// MkdirAll makes a folder and the folders it is in.
func (m *Mem) MkdirAll(p string, perm fs.FileMode) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir := m.root
	for _, name := range split(p) {
		next := dir.names[name]
		if next == nil {
			next = m.newDir(perm)
			dir.change(nameChange{name, next})
		}
		if !next.mode.IsDir() {
			return pathError("mkdir", p, errNotDir)
		}
		dir = next
	}
	return nil
}

// SyncDir makes the names in a folder durable.
func (m *Mem) SyncDir(p string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.findDir(p)
	if err != nil {
		return pathError("syncdir", p, err)
	}
	n.durableNames, n.pending = maps.Clone(n.names), nil
	return nil
}

// Stat describes a file or folder.
func (m *Mem) Stat(p string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.find(p)
	if err != nil {
		return Info{}, pathError("stat", p, err)
	}
	return n.info(), nil
}

// List returns the names in a folder.
func (m *Mem) List(p string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.findDir(p)
	if err != nil {
		return nil, pathError("list", p, err)
	}
	return slices.Sorted(maps.Keys(n.names)), nil
}

// Resolve returns path: there are no symbolic links.
func (m *Mem) Resolve(p string) (string, error) { return p, nil }

// Free returns what is left of the capacity.
func (m *Mem) Free(p string) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(p); err != nil {
		return 0, pathError("free", p, err)
	}
	return m.free(), nil
}

func (m *Mem) free() int64 {
	if m.capacity == math.MaxInt64 {
		return m.capacity
	}
	return max(0, m.capacity-m.root.bytes())
}

// bytes returns the sizes of all files in n together.
func (n *node) bytes() int64 {
	total := int64(len(n.data))
	for _, child := range n.names {
		total += child.bytes()
	}
	return total
}

func (n *node) info() Info {
	return Info{Device: 1, Inode: n.inode, Size: int64(len(n.data)), ModTime: n.mtime, Mode: n.mode}
}

// change applies changes of names that happen in one step.
func (n *node) change(c ...nameChange) {
	apply(n.names, c)
	n.pending = append(n.pending, c)
}

func apply(names map[string]*node, changes []nameChange) {
	for _, c := range changes {
		if c.node == nil {
			delete(names, c.name)
		} else {
			names[c.name] = c.node
		}
	}
}

var errNotDir = errors.New("not a folder")

// find returns the node at p.
func (m *Mem) find(p string) (*node, error) {
	n := m.root
	for _, name := range split(p) {
		if !n.mode.IsDir() {
			return nil, errNotDir
		}
		if n = n.names[name]; n == nil {
			return nil, fs.ErrNotExist
		}
	}
	return n, nil
}

func (m *Mem) findDir(p string) (*node, error) {
	n, err := m.find(p)
	if err == nil && !n.mode.IsDir() {
		err = errNotDir
	}
	return n, err
}

// parent returns the folder that holds p, and the name of p in it.
func (m *Mem) parent(p string) (*node, string, error) {
	names := split(p)
	if len(names) == 0 {
		return nil, "", fs.ErrInvalid
	}
	dir, err := m.findDir(path.Dir(clean(p)))
	return dir, names[len(names)-1], err
}

func clean(p string) string { return path.Clean("/" + filepath.ToSlash(p)) }

func split(p string) []string {
	return strings.FieldsFunc(clean(p), func(r rune) bool { return r == '/' })
}

func pathError(op, p string, err error) error { return &fs.PathError{Op: op, Path: p, Err: err} }
