package tests

import (
	"os"
	"syscall"
)

// canMeasure says that peakRSS works here.
const canMeasure = true

// peakRSS returns the most memory in bytes that a process had.
func peakRSS(p *os.ProcessState) int64 {
	if u, ok := p.SysUsage().(*syscall.Rusage); ok {
		return u.Maxrss << 10 // Linux counts in KiB
	}
	return 0
}
