package device_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func take(t *testing.T, b *device.Budget, n int64) *device.Lease {
	t.Helper()
	l, err := b.Take(context.Background(), "test", n)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestWhatCanNeverFitIsRefusedAtOnce(t *testing.T) {
	b := device.NewBudget("host memory", 100)
	hold := take(t, b, 100)
	if _, err := b.Take(context.Background(), "rings", 101); tensor.ClassOf(err) != tensor.ClassFit {
		t.Errorf("error %v", err)
	}
	hold.Release()
	if b.Used() != 0 || b.Peak() != 100 || b.Total() != 100 {
		t.Errorf("used %d, peak %d of %d", b.Used(), b.Peak(), b.Total())
	}
}

// TestLeasesAreGrantedInOrder lets a large request wait: a small one that came later must not
// overtake it, or the large one could wait for ever.
func TestLeasesAreGrantedInOrder(t *testing.T) {
	b := device.NewBudget("host memory", 100)
	hold := take(t, b, 60)
	waiting := make(chan struct{})
	var order []int64
	var mu sync.Mutex
	var wg sync.WaitGroup
	ask := func(n int64) {
		wg.Go(func() {
			l := take(t, b, n)
			mu.Lock()
			order = append(order, n)
			mu.Unlock()
			l.Release()
		})
	}
	ask(90)
	go func() { // the large request waits once nothing can be taken without waiting
		for {
			if l, ok := b.TryTake("probe", 1); ok {
				l.Release()
				continue
			}
			close(waiting)
			return
		}
	}()
	<-waiting
	if _, ok := b.TryTake("test", 10); ok {
		t.Error("a request overtook one that waits")
	}
	ask(30)
	hold.Release()
	wg.Wait()
	if b.Used() != 0 || len(order) != 2 || !slices.Contains(order, 90) || b.Peak() > 100 {
		t.Errorf("order %v, used %d, peak %d", order, b.Used(), b.Peak())
	}
}

func TestWaitingEndsWithItsContext(t *testing.T) {
	b := device.NewBudget("host memory", 10)
	hold := take(t, b, 10)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := b.Take(ctx, "test", 5); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	hold.Release()
	take(t, b, 10).Release() // nothing of the one who gave up is left
	if b.Used() != 0 {
		t.Errorf("%d bytes are still leased", b.Used())
	}
}

func TestReleasingTwiceIsAFault(t *testing.T) {
	l := take(t, device.NewBudget("host memory", 10), 1)
	l.Release()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	l.Release()
}

// TestManyHoldersNeverExceedTheBudget is for the race detector as well.
func TestManyHoldersNeverExceedTheBudget(t *testing.T) {
	b := device.NewBudget("host memory", 1000)
	var wg sync.WaitGroup
	for i := range int64(16) {
		wg.Go(func() {
			for k := range int64(50) {
				take(t, b, 1+(i*37+k*101)%700).Release()
			}
		})
	}
	wg.Wait()
	if b.Used() != 0 || b.Peak() > b.Total() {
		t.Errorf("used %d, peak %d", b.Used(), b.Peak())
	}
}
