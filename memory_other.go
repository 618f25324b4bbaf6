//go:build !linux && !darwin && !windows

package mecha

func machineMemory() (int64, bool) { return 0, false }
