//go:build !amd64

package simd

import (
	"errors"

	"github.com/mecha-gpu/mecha-gpu/kernels"
)

// Available reports whether this processor has what the package needs.
func Available() bool { return false }

var errUnavailable = errors.New("simd: there is no assembly for this processor")

// Code is a compiled Program. There is none on this processor.
type Code struct{}

// Compile fails on this processor.
func Compile(*kernels.Program) (*Code, error) { return nil, errUnavailable }

// Native reports whether the Program runs in assembly rather than in portable Go.
func (*Code) Native() bool { return false }

// Machine runs Code.
type Machine struct{}

// NewMachine returns a Machine.
func NewMachine() *Machine { return &Machine{} }

// Product fails on this processor.
func (*Machine) Product(*kernels.Product) error { return errUnavailable }

// Run fails on this processor.
func (*Machine) Run(*Code, *kernels.Launch) error { return errUnavailable }
