package device

import (
	"context"
	"fmt"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Budget is an amount of memory that must not be exceeded, given out as leases. Memory is
// leased before it is allocated. Leases are granted whole, in the order in which they
// were asked for, and never grow, so that waiting for one cannot deadlock as long as
// holders make progress without asking for more. A Budget may be used from any goroutine.
type Budget struct {
	name  string
	total int64

	mu      sync.Mutex
	used    int64
	peak    int64
	byUse   map[string]int64
	waiters []*waiter
}

type waiter struct {
	n     int64
	use   string
	ready chan struct{}
}

// NewBudget returns a budget of total bytes; name is used in messages ("host memory").
func NewBudget(name string, total int64) *Budget {
	return &Budget{name: name, total: total, byUse: map[string]int64{}}
}

// Lease is a granted part of a Budget.
type Lease struct {
	b     *Budget
	n     int64
	use   string
	freed bool
}

// Bytes returns the size of the lease.
func (l *Lease) Bytes() int64 { return l.n }

// Release gives the lease back. Releasing twice is a programming error.
func (l *Lease) Release() {
	b := l.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if l.freed {
		panic("device: lease released twice")
	}
	l.freed = true
	b.used -= l.n
	b.byUse[l.use] -= l.n
	b.grant()
}

// Take leases n bytes for a use ("ring", "resident tensors"), waiting until they are
// free. It fails at once if n can never be free, and when ctx ends.
func (b *Budget) Take(ctx context.Context, use string, n int64) (*Lease, error) {
	b.mu.Lock()
	if n > b.total {
		defer b.mu.Unlock()
		return nil, b.tooSmall(use, n)
	}
	w := &waiter{n, use, make(chan struct{})}
	b.waiters = append(b.waiters, w)
	b.grant()
	b.mu.Unlock()
	select {
	case <-w.ready:
		return &Lease{b: b, n: n, use: use}, nil
	case <-ctx.Done():
		b.withdraw(w)
		return nil, ctx.Err()
	}
}

// TryTake leases n bytes if they are free now and nobody waits.
func (b *Budget) TryTake(use string, n int64) (*Lease, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiters) > 0 || b.used+n > b.total {
		return nil, false
	}
	b.account(use, n)
	return &Lease{b: b, n: n, use: use}, true
}

// grant gives free memory to waiters in order. The caller holds mu.
func (b *Budget) grant() {
	for len(b.waiters) > 0 && b.used+b.waiters[0].n <= b.total {
		w := b.waiters[0]
		b.waiters = b.waiters[1:]
		b.account(w.use, w.n)
		close(w.ready)
	}
}

// withdraw removes a waiter that gave up; if it was granted meanwhile, the memory is
// given back.
func (b *Budget) withdraw(w *waiter) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.waiters {
		if b.waiters[i] == w {
			b.waiters = append(b.waiters[:i], b.waiters[i+1:]...)
			b.grant()
			return
		}
	}
	b.used -= w.n
	b.byUse[w.use] -= w.n
	b.grant()
}

func (b *Budget) account(use string, n int64) {
	b.used += n
	b.byUse[use] += n
	b.peak = max(b.peak, b.used)
}

func (b *Budget) tooSmall(use string, n int64) error {
	return &tensor.Error{Class: tensor.ClassFit, Err: fmt.Errorf("%s is too small for %s", b.name, use),
		Want: fmt.Sprintf("at least %d bytes", n), Got: fmt.Sprintf("%d bytes", b.total)}
}

// Total returns the size of the budget in bytes.
func (b *Budget) Total() int64 { return b.total }

// Peak returns the largest number of bytes that were leased at once.
func (b *Budget) Peak() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.peak
}

// Used returns the number of bytes that are leased now; 0 after a run that returned all.
func (b *Budget) Used() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used
}
