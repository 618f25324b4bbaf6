package mecha

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/device/cpu"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// candidate is what one opener opened: devices of one kind, over which workers are spread.
type candidate struct {
	kind    string
	devices []device.Device
}

func (c *candidate) infos() []device.Info {
	list := make([]device.Info, len(c.devices))
	for i, d := range c.devices {
		list[i] = d.Info()
	}
	return list
}

// name is how a report calls the candidate: "cpu (avx2, 2 threads)", "cuda:0, cuda:1 (...)".
func (c *candidate) name() string {
	infos := c.infos()
	names := make([]string, len(infos))
	for i := range infos {
		names[i] = infos[i].Name
	}
	return describeDevice(strings.Join(names, ", "), infos[0].Detail)
}

// DeviceName is how Options.Rates and reports call a device: its name and its detail.
func DeviceName(i device.Info) string { return describeDevice(i.Name, i.Detail) }

// rates are the speeds of all devices of the candidate together. Reading and writing do not
// become faster with devices.
func (c *candidate) rates(measured map[string]device.Rates) device.Rates {
	var sum device.Rates
	for k, i := range c.infos() {
		r, ok := measured[DeviceName(i)]
		if !ok {
			r = i.Rates
		}
		if k == 0 {
			sum = r
			continue
		}
		sum.Upload, sum.Load, sum.Compute, sum.Ops = sum.Upload+r.Upload, sum.Load+r.Load, sum.Compute+r.Compute, sum.Ops+r.Ops
	}
	return sum
}

func (c *candidate) close() error {
	var errs []error
	for _, d := range c.devices {
		errs = append(errs, d.Close())
	}
	c.devices = nil
	return errors.Join(errs...)
}

// open opens devices: the first kind that there is, or all kinds if the plan is to choose.
func (s *session) open(ctx context.Context) error {
	openers := s.o.Devices
	if len(openers) == 0 {
		openers = []device.Opener{cpu.Opener("")}
	}
	for _, op := range openers {
		devs, reason, err := op.Open(ctx, device.Options{Threads: s.o.Threads, MaxVRAM: s.o.MaxVRAM, Indices: s.o.DeviceIndices})
		switch {
		case err != nil && (!s.o.FastestDevice || tensor.ClassOf(err) != tensor.ClassDevice):
			return err
		case err != nil: // a GPU that cannot be opened must not stop a merge that did not ask for it
			s.reasons = append(s.reasons, fmt.Errorf("%s: %w", op.Kind, err))
			continue
		case len(devs) == 0:
			s.reasons = append(s.reasons, fmt.Errorf("%s: %s", op.Kind, reason))
			continue
		}
		s.candidates = append(s.candidates, candidate{op.Kind, devs})
		if !s.o.FastestDevice {
			break
		}
	}
	if len(s.candidates) == 0 {
		return &tensor.Error{Class: tensor.ClassDevice, Err: fmt.Errorf("no device could be opened: %w", errors.Join(s.reasons...))}
	}
	return nil
}

// place plans the merge and decides which devices run it. The plan of the first candidate
// says how much work there is; the rates say how long each would take.
func (s *session) place(ctx context.Context, targets []plan.Target, o plan.Options) error {
	first := &s.candidates[0]
	p, err := plan.NewAll(ctx, targets, first.infos(), o)
	for err != nil && tensor.ClassOf(err) == tensor.ClassFit && len(s.candidates) > 1 {
		s.reasons = append(s.reasons, fmt.Errorf("%s: %w", first.kind, err))
		if err := s.leave(0); err != nil {
			return err
		}
		p, err = plan.NewAll(ctx, targets, first.infos(), o)
	}
	if err != nil {
		return err
	}
	best := s.fastest(p)
	if best != 0 {
		if p, err = plan.NewAll(ctx, targets, s.candidates[best].infos(), o); err != nil {
			return err
		}
	}
	s.plan, s.why = p, s.reason(p, best)
	for i := len(s.candidates) - 1; i >= 0; i-- {
		if i != best {
			if err := s.candidates[i].close(); err != nil {
				return err
			}
		}
	}
	s.used = best
	return s.openRescue(ctx)
}

// openRescue opens the CPU to stand in for GPUs that fail, if it may.
func (s *session) openRescue(ctx context.Context) error {
	if s.o.OnDeviceError != RescueOnCPU || s.candidates[s.used].infos()[0].InHost {
		return nil
	}
	op := cpu.Opener("")
	for _, o := range s.o.Devices {
		if o.Kind == op.Kind {
			op = o
		}
	}
	devs, _, err := op.Open(ctx, device.Options{Threads: 1})
	if err == nil && len(devs) > 0 {
		s.rescue = devs[0]
	}
	return err
}

// closeDevices closes all that are open.
func (s *session) closeDevices() error {
	var errs []error
	for i := range s.candidates {
		errs = append(errs, s.candidates[i].close())
	}
	if s.rescue != nil {
		errs = append(errs, s.rescue.Close())
		s.rescue = nil
	}
	return errors.Join(errs...)
}

// leave closes a candidate that will not be used.
func (s *session) leave(i int) error {
	err := s.candidates[i].close()
	s.candidates = append(s.candidates[:i], s.candidates[i+1:]...)
	return err
}

// fastest returns the candidate that needs least time for what is planned.
func (s *session) fastest(p *plan.Plan) int {
	best := 0
	for i := range s.candidates {
		if p.Seconds(s.candidates[i].rates(s.o.Rates)) < p.Seconds(s.candidates[best].rates(s.o.Rates)) {
			best = i
		}
	}
	return best
}

// reason says why the devices are used.
func (s *session) reason(p *plan.Plan, best int) string {
	why := make([]string, 0, 2)
	for i := range s.candidates {
		if i != best {
			why = append(why, s.compare(p, best, i))
		}
	}
	for _, r := range s.reasons {
		why = append(why, r.Error())
	}
	switch {
	case len(why) == 0 && len(s.candidates[best].devices) > 1:
		return "they are the only devices that were asked for"
	case len(why) == 0:
		return "it is the only device that was asked for"
	}
	return strings.Join(why, "; ")
}

// compare says what another candidate would take, and what copying is of it.
func (s *session) compare(p *plan.Plan, best, other int) string {
	b, o := &s.candidates[best], &s.candidates[other]
	text := fmt.Sprintf("about %s, against %s on %s", tensor.Seconds(p.Seconds(b.rates(s.o.Rates))), tensor.Seconds(p.Seconds(o.rates(s.o.Rates))), o.infos()[0].Name)
	if r := o.rates(s.o.Rates); r.Upload > 0 {
		up, down := float64(p.Totals.BytesRead)/r.Upload, float64(p.Totals.BytesWrite)/r.Load
		text += fmt.Sprintf(", where %s go over the bus in %s and %s come back in %s", tensor.Bytes(p.Totals.BytesRead), tensor.Seconds(up),
			tensor.Bytes(p.Totals.BytesWrite), tensor.Seconds(down))
	}
	return text
}
