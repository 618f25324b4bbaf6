package vfs

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"slices"
)

// sector is the unit in which a disk writes: a sector has its old or its new bytes.
const sector = 512

// PowerCut does what a loss of power may do to a disk, and leaves the file system as
// it is found after the restart. Open files are dead, and locks are gone.
//
// With seed 0 nothing survives that was not synced. With another seed, chance decides:
// of each folder a prefix of the changes since its last SyncDir survives, and of each
// file any of the sectors that were written since its last Sync, and the old or the
// new size. The same seed makes the same choices.
func (m *Mem) PowerCut(seed uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cuts++
	c := cut{seen: map[*node]bool{}}
	if seed != 0 {
		c.random = rand.New(rand.NewPCG(seed, 0))
	}
	c.visit(m.root)
}

type cut struct {
	random *rand.Rand // nil: what is not durable is lost
	seen   map[*node]bool
}

// visit takes from n what is not durable. Nodes are visited in the order of their
// names, so that the same seed makes the same choices.
func (c *cut) visit(n *node) {
	if c.seen[n] {
		return
	}
	c.seen[n] = true
	n.locked = nil
	if !n.mode.IsDir() {
		n.data = c.tear(n.durable, n.data)
		n.durable = append([]byte(nil), n.data...)
		return
	}
	names := maps.Clone(n.durableNames)
	for _, changes := range n.pending[:c.upTo(len(n.pending))] {
		apply(names, changes)
	}
	n.names, n.durableNames, n.pending = names, maps.Clone(names), nil
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c.visit(names[name])
	}
}

// upTo returns a number from 0 to n.
func (c *cut) upTo(n int) int {
	if c.random == nil {
		return 0
	}
	return c.random.IntN(n + 1)
}

// tear returns the durable bytes with some of the sectors of the new ones.
func (c *cut) tear(durable, written []byte) []byte {
	data := bytes.Clone(durable)
	if c.random == nil || bytes.Equal(durable, written) {
		return data
	}
	if c.upTo(1) == 1 {
		data = append(data[:min(len(data), len(written))], make([]byte, max(0, len(written)-len(data)))...)
	}
	for at := 0; at < min(len(data), len(written)); at += sector {
		if c.upTo(1) == 1 {
			copy(data[at:min(at+sector, len(data))], written[at:])
		}
	}
	return data
}
