package cuda

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Device is one GPU. It may be used from any goroutine.
type Device struct {
	api    driver.API
	gpu    GPU
	ctx    driver.Context
	pool   *pool
	codes  *codes
	budget int64
	table  int64 // bytes of each queue's table
	info   device.Info

	lost   atomic.Pointer[error] // why the context is gone; nil if it is not
	queues atomic.Int64
	closed atomic.Bool
}

// Shares of the free memory of a device: what a merge takes if it is not told, because a
// desktop, or another process, works on it too; and what it takes at most, since the
// driver's own allocations come after the question.
const (
	defaultShare = 0.80
	largestShare = 0.95
)

// newDevice opens a GPU.
func newDevice(api driver.API, g GPU, o Options, d device.Options) (dev *Device, err error) {
	if d.MaxVRAM < 0 || d.Threads < 0 {
		return nil, tensor.Errorf(tensor.ClassUsage, "%s: %d bytes of device memory, %d threads", g.Label(), d.MaxVRAM, d.Threads)
	}
	dev = &Device{api: api, gpu: g}
	if dev.ctx, err = api.PrimaryCtxRetain(g.handle); err != nil {
		return nil, dev.failed("opening the device", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, dev.release())
			dev = nil
		}
	}()
	free, _, err := api.MemGetInfo(dev.ctx)
	if err != nil {
		return dev, dev.failed("asking for free memory", err)
	}
	dev.budget = int64(defaultShare * float64(free))
	if d.MaxVRAM > 0 {
		dev.budget = min(d.MaxVRAM, int64(largestShare*float64(free)))
	}
	if dev.codes, err = newCodes(api, dev.ctx, g, dev.budget); err != nil {
		return dev, dev.failed("loading the kernels", err)
	}
	dev.pool = newPool(api, dev.ctx, dev.budget-dev.codes.size, o.Poison)
	dev.info = dev.describe(d.Threads)
	return dev, nil
}

// Workers of a GPU, if nobody says how many: three keep it busy (one reads, one waits for
// the GPU, one writes); more help only to copy between the page cache and pinned memory.
const (
	leastWorkers = 3
	mostWorkers  = 8
)

// depth is the number of slots of a worker: one is filled or written while others are
// uploaded, computed and downloaded.
const depth = 3

// unitBytes is the size of a unit: at the 24 GB/s of PCIe 4 x16 its copy takes 170 µs, so
// that the 10 µs or so that each copy and each launch take beside it do not count.
const unitBytes = 4 << 20

// rates are estimates, in bytes per second, which bench --save replaces by measured ones: a GPU
// of 2020 to 2022 on PCIe 4 x16, whose 32 GB/s in each direction give 24 GB/s for pinned memory;
// the memory bandwidth of a middle-sized card; instructions on one element at a hundredth of its
// arithmetic, which is what is left of it in an interpreter. Reading and writing are slower than
// for the CPU device, whose units stay in a cache: what is read goes through memory three times
// (into pinned memory, over the bus and out of the page cache) instead of once.
var rates = device.Rates{Read: 5e9, Write: 2.2e9, Upload: 24e9, Load: 24e9, Compute: 350e9, Ops: 300e9}

// describe makes the Info, and decides on the size of tables.
func (d *Device) describe(threads int) device.Info {
	workers := threads
	if workers == 0 {
		workers = max(leastWorkers, min(mostWorkers, runtime.GOMAXPROCS(0)))
	}
	slots := int64(workers*depth + 1)
	d.table = max(leastTable, min(tableBytes, d.pool.budget/(tableShare*slots))) &^ (slabAlign - 1)
	slack := slots * (d.table + slabAlign) // a queue for each slot
	return device.Info{Name: d.gpu.Label(), Detail: fmt.Sprintf("%s, compute capability %s", d.gpu.Name, d.gpu.Capability()),
		Depth: depth, UnitBytes: unitBytes, Workers: workers, Memory: max(d.pool.budget-slack, 1), Rates: rates}
}

// Info describes the device.
func (d *Device) Info() device.Info { return d.info }

// GPU returns what List says of the device.
func (d *Device) GPU() GPU { return d.gpu }

// NewQueue makes a queue: a stream of its own.
func (d *Device) NewQueue() (device.Queue, error) {
	if err := d.gone(); err != nil {
		return nil, err
	}
	s, err := d.api.StreamCreate(d.ctx, driver.StreamNonBlocking)
	if err != nil {
		return nil, d.failed("making a queue", err)
	}
	d.queues.Add(1)
	return &Queue{dev: d, stream: s}, nil
}

// Close gives back everything that the device holds, also what was not freed. Queues have
// to be closed before.
func (d *Device) Close() error {
	if d.closed.Swap(true) {
		return &tensor.Error{Class: tensor.ClassDevice, Path: d.gpu.Label(), Err: errors.New("closed twice")}
	}
	if n := d.queues.Load(); n != 0 {
		return errors.Join(&tensor.Error{Class: tensor.ClassDevice, Path: d.gpu.Label(), Err: fmt.Errorf("%d queues are still open", n)}, d.release())
	}
	return d.release()
}

// release undoes what newDevice did. A driver that lost the device refuses to free
// anything, but releasing the context gives all of it back: that is not a failure.
func (d *Device) release() error {
	var errs []error
	if d.pool != nil {
		errs = append(errs, d.pool.close())
	}
	if d.codes != nil {
		errs = append(errs, d.codes.close())
	}
	errs = append(errs, d.api.PrimaryCtxRelease(d.gpu.handle))
	if err := errors.Join(errs...); err != nil && d.gone() == nil {
		return d.failed("giving the device back", err)
	}
	return nil
}

// gone returns why the device is lost, or nil.
func (d *Device) gone() error {
	if e := d.lost.Load(); e != nil {
		return *e
	}
	return nil
}

// failed makes the error of a failed call, and remembers the one that lost the device.
func (d *Device) failed(what string, err error) error {
	if own := (*tensor.Error)(nil); errors.As(err, &own) && own.Path == d.gpu.Label() {
		return err
	}
	e := error(&tensor.Error{Class: tensor.ClassDevice, Path: d.gpu.Label(), Err: fmt.Errorf("%s: %w", what, err)})
	if errors.Is(err, driver.ErrDeviceLost) {
		lost := error(&tensor.Error{Class: tensor.ClassDevice, Path: d.gpu.Label(), Err: fmt.Errorf("the device is lost since %s: %w", what, err)})
		d.lost.CompareAndSwap(nil, &lost)
	}
	return e
}
