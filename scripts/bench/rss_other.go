//go:build !linux

package main

import "os"

// peakRSS returns 0: it is measured on Linux only.
func peakRSS(*os.ProcessState) int64 { return 0 }
