package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// size is a flag for a number of bytes, such as 512MiB, 1.5G or 65536. The letters K, M, G
// and T are powers of 1024, with or without "iB".
type size int64

// units are the suffixes of sizes in lower case, longest first where one ends another.
var units = []struct {
	suffix string
	shift  uint
}{
	{"kib", 10}, {"mib", 20}, {"gib", 30}, {"tib", 40},
	{"k", 10}, {"m", 20}, {"g", 30}, {"t", 40}, {"b", 0}, {"", 0},
}

// Set parses a size; pflag calls it.
func (s *size) Set(text string) error {
	n, err := parseSize(text)
	*s = size(n)
	return err
}

// Type names the value in the help.
func (s *size) Type() string { return "SIZE" }

// String returns the default in the help: nothing for 0.
func (s *size) String() string {
	if *s == 0 {
		return ""
	}
	return tensor.Bytes(int64(*s))
}

// parseSize parses a positive number of bytes.
func parseSize(text string) (int64, error) {
	low := lowerASCII(strings.TrimSpace(text))
	if decimal := strings.TrimSuffix(low, "b"); decimal != low && strings.ContainsAny(decimal[max(0, len(decimal)-1):], "kmgt") {
		return 0, fmt.Errorf("%q: write %siB; sizes are powers of 1024", text, strings.TrimSpace(text)[:len(decimal)])
	}
	for _, u := range units {
		if number, ok := strings.CutSuffix(low, u.suffix); ok {
			return scaled(text, strings.TrimSpace(number), u.shift)
		}
	}
	return 0, fmt.Errorf("%q is not a size", text)
}

// lowerASCII is strings.ToLower for A to Z. Other letters keep their bytes: there is one
// whose lower case is an ASCII k (found by fuzzing).
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// scaled returns number times 2^shift, rounded down. Whole numbers are exact.
func scaled(text, number string, shift uint) (int64, error) {
	bad := fmt.Errorf("%q is not a size: expected a positive number with K, M, G or T (powers of 1024), such as 512MiB, 2G or 1.5GiB", text)
	if number == "" || strings.Trim(number, "0123456789.") != "" {
		return 0, bad
	}
	big := fmt.Errorf("%q is larger than 8 EiB", text)
	if n, err := strconv.ParseInt(number, 10, 64); err == nil {
		if n == 0 {
			return 0, bad
		}
		if n > math.MaxInt64>>shift {
			return 0, big
		}
		return n << shift, nil
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return 0, bad
	}
	x *= float64(uint64(1) << shift)
	if x >= math.MaxInt64 {
		return 0, big
	}
	if x < 1 {
		return 0, bad
	}
	return int64(x), nil
}
