package safetensors

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// RoomError says that the header of a model needs more memory than it may take.
type RoomError struct {
	Path       string
	Need, Room int64 // bytes
}

// Error names the file and both numbers.
func (e *RoomError) Error() string {
	return fmt.Sprintf("%s: the header takes %d bytes of memory, more than the %d that are left", e.Path, e.Need, max(e.Room, 0))
}

// ErrorClass returns ClassFit.
func (e *RoomError) ErrorClass() tensor.Class { return tensor.ClassFit }

// checkEvery is how many tensors are read between two looks at the memory: 1024 of them take
// about 100 KiB.
const checkEvery = 1024

// counter keeps the header of a model within its memory. What comes after that is only counted.
type counter struct {
	room     int64 // bytes
	over     bool  // the header was given up
	entries  int
	keyBytes int64
	metadata int64 // bytes of it
}

// add counts a tensor, and reports whether it is to be kept in h, which is emptied once it is
// too large.
func (c *counter) add(h *tensor.Header, key string) bool {
	c.entries++
	c.keyBytes += int64(len(key))
	if c.entries%checkEvery == 1 && !c.over && h.MemoryBytes()+c.metadata > c.room {
		c.giveUp(h)
	}
	return !c.over
}

// addText counts a member of the metadata, and reports whether it is to be kept.
func (c *counter) addText(h *tensor.Header, key, value []byte) bool {
	const perMember = 64 // as tensor.Header counts
	c.metadata += int64(len(key)+len(value)) + perMember
	if !c.over && h.MemoryBytes()+c.metadata > c.room {
		c.giveUp(h)
	}
	return !c.over
}

// end looks at the memory of the whole header of a file.
func (c *counter) end(h *tensor.Header) {
	if !c.over && h.MemoryBytes() > c.room {
		c.giveUp(h)
	}
}

func (c *counter) giveUp(h *tensor.Header) {
	c.over = true
	*h = *tensor.NewHeader(0)
}

// need returns about how much memory the header takes.
func (c *counter) need() int64 {
	return max(tensor.HeaderBytes(c.entries, c.keyBytes)+c.metadata, c.room+1)
}
