package cuda

import (
	"errors"
	"fmt"
	"os"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// GPU describes one visible GPU.
type GPU struct {
	Index  int    `json:"index"` // among the visible ones
	Name   string `json:"name"`
	PCI    string `json:"pci"` // "0000:65:00.0"
	UUID   string `json:"uuid"`
	Memory int64  `json:"memory"` // bytes, in use or not

	Major int `json:"capability_major"`
	Minor int `json:"capability_minor"`

	Multiprocessors int `json:"multiprocessors"`
	CopyEngines     int `json:"copy_engines"` // copies that run beside kernels

	// Unusable says why the GPU cannot be used; "" if it can.
	Unusable string `json:"unusable,omitempty"`

	handle driver.Device
}

// Label is the name by which the device is asked for: "cuda:0".
func (g *GPU) Label() string { return fmt.Sprintf("%s:%d", Kind, g.Index) }

// Capability is the compute capability, such as "8.6".
func (g *GPU) Capability() string { return fmt.Sprintf("%d.%d", g.Major, g.Minor) }

// Found is what there is.
type Found struct {
	Library string `json:"library,omitempty"` // what was opened

	// Version is the newest CUDA version that the driver supports, such as "12.4".
	Version string `json:"driver_version,omitempty"`

	GPUs []GPU `json:"gpus"`

	// Reason says why there is no GPU; "" if there are some.
	Reason string `json:"reason,omitempty"`

	api driver.API
}

// reasons are the kinds of failure that mean that there is no GPU to use, and not that
// something went wrong.
var reasons = []error{driver.ErrNoDriver, driver.ErrTooOld, driver.ErrNoDevice}

// List finds the driver and looks at all visible GPUs, without opening a context. That there
// is no driver or no GPU is not an error: Found.Reason says why.
func List(o Options) (*Found, error) {
	api, err := o.open()
	f := &Found{api: api, GPUs: []GPU{}}
	if err == nil {
		err = f.look()
	}
	for _, r := range reasons {
		if errors.Is(err, r) {
			f.Reason = fmt.Sprintf("%v: %v%s", r, err, hidden(r))
			return f, nil
		}
	}
	if err != nil {
		return nil, &tensor.Error{Class: tensor.ClassDevice, Err: fmt.Errorf("looking for GPUs: %w", err)}
	}
	if len(f.GPUs) == 0 {
		f.Reason = fmt.Sprintf("the driver (CUDA %s) sees no GPU%s", f.Version, hidden(driver.ErrNoDevice))
	}
	return f, nil
}

// visibleVariable names the devices that the driver shows; it is the driver that reads it.
const visibleVariable = "CUDA_VISIBLE_DEVICES"

// hidden says what may be the cause of there being no device: "" if there is no such cause.
func hidden(reason error) string {
	if names, set := os.LookupEnv(visibleVariable); set && reason == driver.ErrNoDevice {
		return fmt.Sprintf(": the environment has %s=%q, which may hide them", visibleVariable, names)
	}
	return ""
}

// look asks the driver.
func (f *Found) look() error {
	f.Library = f.api.Library()
	version, err := f.api.Version()
	if err != nil {
		return err
	}
	f.Version = fmt.Sprintf("%d.%d", version/1000, version%1000/10)
	n, err := f.api.DeviceCount()
	if err != nil {
		return err
	}
	for i := range n {
		g := GPU{Index: i}
		if err := g.look(f.api); err != nil {
			return err
		}
		f.GPUs = append(f.GPUs, g)
	}
	return nil
}

// look fills in what the driver says of a GPU.
func (g *GPU) look(api driver.API) (err error) {
	if g.handle, err = api.DeviceGet(g.Index); err != nil {
		return err
	}
	if g.Name, err = api.DeviceName(g.handle); err != nil {
		return err
	}
	if g.PCI, err = api.DevicePCIBusID(g.handle); err != nil {
		return err
	}
	if g.Memory, err = api.DeviceTotalMem(g.handle); err != nil {
		return err
	}
	uuid, err := api.DeviceUUID(g.handle)
	if err != nil {
		return err
	}
	g.UUID = uuid.String()
	for _, a := range []struct {
		to   *int
		attr driver.Attribute
	}{
		{&g.Major, driver.AttrComputeMajor}, {&g.Minor, driver.AttrComputeMinor},
		{&g.Multiprocessors, driver.AttrMultiprocessors}, {&g.CopyEngines, driver.AttrAsyncEngines},
	} {
		if *a.to, err = api.DeviceAttribute(g.handle, a.attr); err != nil {
			return err
		}
	}
	if 10*g.Major+g.Minor < minCapability {
		g.Unusable = fmt.Sprintf("compute capability %s, at least %d.%d is needed", g.Capability(), minCapability/10, minCapability%10)
	}
	return nil
}
