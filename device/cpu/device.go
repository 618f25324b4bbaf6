package cpu

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/kernels"
	"github.com/mecha-gpu/mecha-gpu/kernels/simd"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Tiers, from the best to the definition.
const (
	AVX2     = "avx2"
	Portable = "portable"
)

// Options choose how the CPU is used.
type Options struct {
	Threads int    // workers; 0 means as many as GOMAXPROCS
	SIMD    string // the tier; "" means the best that this processor has
}

// Device is the CPU. It may be used from any goroutine.
type Device struct {
	tier    string
	workers int

	mu    sync.Mutex
	codes map[*kernels.Program]*simd.Code
	mem   map[*kernels.Mem]struct{}
}

// maxCodes bounds the compiled Programs that are kept. A merge has a handful; a Program
// that is asked for again after all were dropped is compiled again.
const maxCodes = 256

// Open returns the CPU. It fails with class usage if the tier is unknown or is one that
// this processor does not have.
func Open(o Options) (*Device, error) {
	d := &Device{tier: o.SIMD, workers: o.Threads, codes: map[*kernels.Program]*simd.Code{}, mem: map[*kernels.Mem]struct{}{}}
	if o.Threads < 0 {
		return nil, tensor.Errorf(tensor.ClassUsage, "cpu: %d threads", o.Threads)
	}
	if o.Threads == 0 {
		d.workers = runtime.GOMAXPROCS(0)
	}
	switch {
	case o.SIMD == "" && simd.Available():
		d.tier = AVX2
	case o.SIMD == "":
		d.tier = Portable
	case o.SIMD == AVX2 && !simd.Available():
		return nil, &tensor.Error{Class: tensor.ClassUsage, Err: errors.New("cpu: this processor does not have the instructions of tier avx2"),
			Want: "AVX2, FMA and F16C", Hint: "use tier portable, or leave the choice to the program"}
	case o.SIMD != AVX2 && o.SIMD != Portable:
		return nil, &tensor.Error{Class: tensor.ClassUsage, Err: errors.New("cpu: unknown tier"),
			Got: fmt.Sprintf("%q", o.SIMD), Want: strings.Join(Tiers(), " or ")}
	}
	return d, nil
}

// Tiers lists the names of the tiers, whether this processor has them or not.
func Tiers() []string { return []string{AVX2, Portable} }

// Opener returns the opener of the CPU device with the given tier ("" for the best).
func Opener(tier string) device.Opener {
	return device.Opener{Kind: "cpu", Open: func(_ context.Context, o device.Options) ([]device.Device, string, error) {
		d, err := Open(Options{Threads: o.Threads, SIMD: tier})
		if err != nil {
			return nil, "", err
		}
		return []device.Device{d}, "", nil
	}}
}

// Tier returns how Programs run: AVX2 or Portable.
func (d *Device) Tier() string { return d.tier }

// rates are the speeds of the tiers for estimates, in bytes per second and with two
// workers, as measured on an AMD Zen 4 server (2025). Files are in the page cache.
var rates = map[string]device.Rates{
	AVX2:     {Read: 8e9, Write: 3e9, Compute: 16e9, Ops: 40e9},
	Portable: {Read: 8e9, Write: 3e9, Compute: 0.6e9, Ops: 0.75e9},
}

// unitBytes is the size of a unit: with two sources it stays in a second-level cache of 1
// to 2 MiB.
const unitBytes = 512 << 10

// Info describes the device.
func (d *Device) Info() device.Info {
	return device.Info{Name: "cpu", Detail: fmt.Sprintf("%s, %s", d.tier, tensor.Count(d.workers, "thread")), Depth: 1, UnitBytes: unitBytes,
		Workers: d.workers, InHost: true, Rates: rates[d.tier]}
}

// NewQueue makes a queue for one worker.
func (d *Device) NewQueue() (device.Queue, error) { return &Queue{dev: d}, nil }

// Close frees all memory that is left, as after a failure.
func (d *Device) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.codes)
	var err error
	for m := range d.mem {
		err = errors.Join(err, d.release(m))
	}
	return failure(err)
}

// compiled returns the code of a Program.
func (d *Device) compiled(p *kernels.Program) (*simd.Code, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.codes[p]; c != nil {
		return c, nil
	}
	c, err := simd.Compile(p)
	if err != nil {
		return nil, err
	}
	if len(d.codes) >= maxCodes {
		clear(d.codes)
	}
	d.codes[p] = c
	return c, nil
}

// failure gives an error the class of device failures.
func failure(err error) error {
	if err == nil {
		return nil
	}
	return &tensor.Error{Class: tensor.ClassDevice, Err: err}
}
