package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mecha-gpu/mecha-gpu/cuda"
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

const devicesLong = `List what the program can compute on: the CPU, and every NVIDIA GPU that the driver shows, with
its memory, its compute capability and its place. Where there is no GPU, the reason is given.
CUDA_VISIBLE_DEVICES hides GPUs from this program as from every other.`

// devicesInfo is what devices --json prints.
type devicesInfo struct {
	Type   string      `json:"type"` // "devices"
	Schema int         `json:"schema"`
	CPU    cpuInfo     `json:"cpu"`
	CUDA   *cuda.Found `json:"cuda"`
}

// cpuInfo describes the CPU.
type cpuInfo struct {
	Name   string `json:"name"`
	Detail string `json:"detail"`
}

// newDevicesCommand makes the command devices.
func newDevicesCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "devices",
		Short: "List what the program can compute on",
		Long:  devicesLong,
		Args:  exactly(),
		RunE:  func(cmd *cobra.Command, _ []string) error { return runDevices(a, cmd) },
	}
	a.addJSON(cmd.Flags(), "print the list as JSON")
	return cmd
}

// runDevices prints the devices.
func runDevices(a *app, cmd *cobra.Command) error {
	list := devicesInfo{Type: "devices", Schema: 1}
	openers, err := a.openers("cpu")
	if err != nil {
		return err
	}
	for _, o := range openers {
		ds, _, err := o.Open(cmd.Context(), device.Options{})
		if err != nil {
			return err
		}
		for _, d := range ds {
			list.CPU = cpuInfo{d.Info().Name, d.Info().Detail}
			if err := d.Close(); err != nil {
				return err
			}
		}
	}
	if list.CUDA, err = cuda.List(a.cudaOptions()); err != nil { // what fails is what the list is to show
		list.CUDA = &cuda.Found{GPUs: []cuda.GPU{}, Reason: err.Error()}
	}
	if a.json {
		return a.printJSON(list)
	}
	return a.print(devicesText(&list))
}

// devicesText is the list for people.
func devicesText(l *devicesInfo) string {
	var b strings.Builder
	t := newTable(&b)
	t.row(l.CPU.Name, l.CPU.Detail)
	for _, g := range l.CUDA.GPUs {
		t.row(g.Label(), printable(fmt.Sprintf("%s, %s, compute capability %s, %s, %s, PCI %s", g.Name, tensor.Bytes(g.Memory),
			g.Capability(), tensor.Count(g.Multiprocessors, "multiprocessor"), tensor.Count(g.CopyEngines, "copy engine"), g.PCI)))
		if g.Unusable != "" {
			t.row("", "cannot be used: "+printable(g.Unusable))
		}
	}
	if l.CUDA.Reason != "" {
		t.row(cuda.Kind, "none: "+printable(l.CUDA.Reason))
	}
	t.flush()
	if l.CUDA.Version != "" {
		fmt.Fprintf(&b, "The driver %s supports CUDA %s.\n", printable(l.CUDA.Library), l.CUDA.Version)
	}
	return b.String()
}
