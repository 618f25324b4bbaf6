package cuda

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Kind is the name of this kind of device.
const Kind = "cuda"

// minCapability is the oldest compute capability that the kernels are built for: 7.0
// (Volta, 2017), because the kernels are PTX for sm_70.
const minCapability = 70

// Options choose the driver.
type Options struct {
	// Library is the path of libcuda; "" means where the system finds it.
	Library string

	// Driver is used instead of a library, if it is not nil.
	Driver driver.API

	// Poison fills memory that is freed with a pattern, so that a test sees what is read
	// too late.
	Poison bool
}

// open returns the driver.
func (o *Options) open() (driver.API, error) {
	if o.Driver != nil {
		return o.Driver, nil
	}
	return driver.Open(o.Library)
}

// Opener returns the opener of CUDA devices. Where there is no usable driver or no usable
// device it opens nothing and says why; asking for a device that is not there (Indices) is
// an error of class usage.
func Opener(o Options) device.Opener {
	return device.Opener{Kind: Kind, Open: func(ctx context.Context, d device.Options) ([]device.Device, string, error) {
		list, reason, err := Open(ctx, o, d)
		all := make([]device.Device, len(list))
		for i := range list {
			all[i] = list[i]
		}
		return all, reason, err
	}}
}

// Open opens the devices that d asks for. If there is none, reason says why.
func Open(ctx context.Context, o Options, d device.Options) (list []*Device, reason string, err error) {
	found, err := List(o)
	switch {
	case err != nil:
		return nil, "", err
	case found.Reason != "":
		return nil, found.Reason, nil
	}
	chosen, reason, err := found.choose(d.Indices)
	if err != nil || len(chosen) == 0 {
		return nil, reason, err
	}
	defer func() {
		if err != nil {
			for _, dev := range list {
				err = errors.Join(err, dev.Close())
			}
			list = nil
		}
	}()
	for _, g := range chosen {
		if err := ctx.Err(); err != nil {
			return list, "", err
		}
		dev, err := newDevice(found.api, g, o, d)
		if err != nil {
			return list, "", err
		}
		list = append(list, dev)
	}
	return list, "", nil
}

// choose returns the devices with the given indices, or all that can be used.
func (f *Found) choose(indices []int) (list []GPU, reason string, err error) {
	if indices == nil {
		var why []string
		for _, g := range f.GPUs {
			if g.Unusable == "" {
				list = append(list, g)
			} else {
				why = append(why, fmt.Sprintf("%s (%s): %s", g.Label(), g.Name, g.Unusable))
			}
		}
		if len(list) == 0 {
			reason = strings.Join(why, "; ")
		}
		return list, reason, nil
	}
	for k, i := range indices {
		if slices.Contains(indices[:k], i) {
			return nil, "", tensor.Errorf(tensor.ClassUsage, "device %s:%d is named twice", Kind, i)
		}
		if i < 0 || i >= len(f.GPUs) {
			return nil, "", &tensor.Error{Class: tensor.ClassUsage, Err: fmt.Errorf("there is no device %s:%d", Kind, i),
				Want: fmt.Sprintf("an index below %d", len(f.GPUs)), Hint: "the command devices lists what there is"}
		}
		g := f.GPUs[i]
		if g.Unusable != "" {
			return nil, "", &tensor.Error{Class: tensor.ClassDevice, Path: g.Label(), Err: fmt.Errorf("%s: %s", g.Name, g.Unusable)}
		}
		list = append(list, g)
	}
	return list, "", nil
}
