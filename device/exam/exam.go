package exam

import (
	"fmt"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/device"
)

// Check is one subject of the exam.
type Check struct {
	Name string

	// Run examines a device. The error says what was run, and what differs where.
	Run func(d device.Device) error
}

// Checks lists the subjects. They are independent of each other and deterministic.
func Checks() []Check {
	return []Check{
		{"operations on special values", operations},
		{"shifts by every distance", shifts},
		{"loads of every element type", loads},
		{"stores of every element type", stores},
		{"rounding witnesses", witnesses},
		{"forms and periods", forms},
		{"lengths, alignments and guard bands", lengths},
		{"results and groups", results},
		{"cuts change no bit", cuts},
		{"large programs", large},
		{"macros", macros},
		{"random programs", random},
		{"queue order", order},
		{"clear", clears},
		{"products of matrices", products},
		{"calls of Go functions", calls},
		{"failures", failures},
	}
}

// Run examines the device that open returns, one subtest for each check, and closes it.
func Run(t *testing.T, open func() device.Device) {
	d := open()
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Errorf("closing %s: %v", d.Info().Name, err)
		}
	})
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Run(d); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// withQueue runs f on a new queue and closes it.
func withQueue(d device.Device, f func(q device.Queue) error) error {
	q, err := d.NewQueue()
	if err != nil {
		return fmt.Errorf("new queue: %w", err)
	}
	err = f(q)
	if cerr := q.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("closing the queue: %w", cerr)
	}
	return err
}

// finish waits for all work of the queue.
func finish(q device.Queue) error {
	e, err := q.Record()
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return e.Wait()
}
