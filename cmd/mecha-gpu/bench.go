package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/gauge"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const benchLong = `Measure the devices: reading and writing through the page cache, copies to a GPU and back, both at
once, kernels, and how well all of that overlaps. Ratios compare with what copying alone reached
in the same run; --json has all numbers. With --save, later plans estimate with them, and
--device auto decides with them.`

// benchOptions are the flags of bench.
type benchOptions struct {
	device  deviceFlag
	maxVRAM size
	threads int
	bytes   size
	repeat  int
	save    bool
}

// benchReport is what is printed for each device with --json, or for a kind of which there is none.
type benchReport struct {
	Type   string        `json:"type"` // "bench"
	Schema int           `json:"schema"`
	Device string        `json:"device"`
	Reason string        `json:"reason,omitempty"` // why there is nothing to measure
	Result *gauge.Result `json:"result,omitempty"`
	Ratios []gauge.Ratio `json:"ratios,omitempty"`
	Saved  string        `json:"saved,omitempty"` // the file
}

// mostBenchBytes bounds --bytes: that much is written to a file and allocated several times, and
// more measures nothing else.
const mostBenchBytes = 1 << 30

// newBenchCommand makes the command bench.
func newBenchCommand(a *app) *cobra.Command {
	o := benchOptions{device: deviceFlag{kind: "auto"}, bytes: 64 << 20}
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure the devices",
		Long:  benchLong,
		Args:  exactly(),
		RunE:  func(cmd *cobra.Command, _ []string) error { return runBench(cmd.Context(), a, &o) },
	}
	fs := cmd.Flags()
	fs.Var(&o.device, "device", "what to measure; auto means all there is")
	fs.Var(&o.maxVRAM, "max-vram", "most memory to use of each GPU")
	fs.IntVar(&o.threads, "threads", 0, "`N` workers; default as many as merge takes")
	fs.Var(&o.bytes, "bytes", "size of what is copied or computed at a time")
	fs.IntVar(&o.repeat, "repeat", 5, "`N` tries of each measurement; the best counts")
	fs.BoolVar(&o.save, "save", false, "keep the speeds for later plans")
	a.addJSON(fs, "print one JSON object for each device")
	return cmd
}

// runBench measures all devices, one after the other.
func runBench(ctx context.Context, a *app, o *benchOptions) (err error) {
	switch {
	case o.repeat < 1 || o.threads < 0:
		return usage("--repeat %d, --threads %d: expected at least 1", o.repeat, o.threads)
	case o.bytes > mostBenchBytes:
		return usage("--bytes %s: expected at most %s", tensor.Bytes(int64(o.bytes)), tensor.Bytes(mostBenchBytes))
	}
	openers, err := a.openers(o.device.kind)
	if err != nil {
		return err
	}
	file, err := scratchFile(int64(o.bytes))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	for _, op := range openers {
		if err := a.benchKind(ctx, op, o, file); err != nil {
			return err
		}
	}
	return nil
}

// benchKind measures the devices that an opener opens.
func (a *app) benchKind(ctx context.Context, op device.Opener, o *benchOptions, file gauge.File) error {
	ds, reason, err := op.Open(ctx, device.Options{MaxVRAM: int64(o.maxVRAM), Threads: o.threads, Indices: o.device.indices})
	auto := o.device.kind == "auto"
	if auto && tensor.ClassOf(err) == tensor.ClassDevice { // a GPU that cannot be opened, but there are others
		reason, err = err.Error(), nil
	}
	switch {
	case err != nil:
		return err
	case len(ds) == 0 && !auto:
		return &tensor.Error{Class: tensor.ClassDevice, Err: fmt.Errorf("%s: %s", op.Kind, reason)}
	case len(ds) == 0 && a.json:
		return a.printJSON(benchReport{Type: "bench", Schema: 1, Device: op.Kind, Reason: reason})
	case len(ds) == 0:
		return a.print(fmt.Sprintf("%s\n  none: %s\n", op.Kind, printable(reason)))
	}
	for _, d := range ds {
		if err == nil {
			err = a.benchDevice(ctx, d, o, file)
		}
		err = errors.Join(err, d.Close())
	}
	return err
}

// benchDevice measures one device and prints what it found.
func (a *app) benchDevice(ctx context.Context, d device.Device, o *benchOptions, file gauge.File) error {
	info := d.Info()
	r, err := gauge.Measure(ctx, d, gauge.Options{Bytes: int64(o.bytes), Repeat: o.repeat, File: file})
	if err != nil {
		return fmt.Errorf("%s: %w", info.Name, err)
	}
	rep := benchReport{Type: "bench", Schema: 1, Device: mecha.DeviceName(info), Result: r, Ratios: r.Ratios()}
	if o.save {
		if rep.Saved, err = a.saveRates(rep.Device, r.Rates(info.Rates)); err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(rep)
	}
	return a.print(benchText(&rep))
}

// benchText is what was measured, for people.
func benchText(r *benchReport) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", printable(r.Device))
	t := newTable(&b)
	m := r.Result
	for _, x := range []struct {
		what string
		rate float64
	}{
		{"read from the page cache", m.Read}, {"write to the page cache", m.Write}, {"upload", m.Upload},
		{"download", m.Load}, {"clear memory", m.Clear}, {"lerp of float16", m.Lerp},
	} {
		if x.rate > 0 {
			t.row("  "+x.what, tensor.Bytes(int64(x.rate))+"/s")
		}
	}
	t.row("  arithmetic", fmt.Sprintf("%.3g instructions on an element per second", m.Ops))
	t.row("  small launches", fmt.Sprintf("%.3g per second", m.Small))
	for _, x := range r.Ratios {
		t.row("  "+x.What, fmt.Sprintf("%.2f", x.Value))
	}
	if r.Saved != "" {
		t.row("  saved in", printable(r.Saved))
	}
	t.flush()
	return b.String()
}

// scratchFile makes a file of n bytes that is in the page cache and has no name.
func scratchFile(n int64) (*os.File, error) {
	fail := func(err error) error {
		return &tensor.Error{Class: tensor.ClassIO, Path: os.TempDir(), Err: fmt.Errorf("a scratch file: %w", err)}
	}
	f, err := os.CreateTemp("", "mecha-gpu-bench-*")
	if err != nil {
		return nil, fail(err)
	}
	if rerr := os.Remove(f.Name()); rerr != nil && os.PathSeparator == '/' {
		err = rerr // elsewhere an open file keeps its name, in a folder that the system cleans up
	}
	page := make([]byte, 1<<20)
	for at := int64(0); at < n && err == nil; at += int64(len(page)) {
		_, err = f.WriteAt(page[:min(int64(len(page)), n-at)], at)
	}
	if err != nil {
		return nil, errors.Join(fail(err), f.Close())
	}
	return f, nil
}
