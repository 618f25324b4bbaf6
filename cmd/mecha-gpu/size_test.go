package main

import (
	"math"
	"testing"
)

func TestSizesArePowersOf1024(t *testing.T) {
	for _, c := range []struct {
		text string
		want int64
	}{
		{"1", 1}, {"65536", 65536}, {"100B", 100}, {"1K", 1024}, {"1KiB", 1024}, {"512MiB", 512 << 20}, {"512m", 512 << 20},
		{"2G", 2 << 30}, {"1.5GiB", 3 << 29}, {"0.5K", 512}, {"1T", 1 << 40}, {"1tib", 1 << 40}, {" 64 MiB ", 64 << 20},
		{"8388607TiB", 8388607 << 40}, {"9223372036854775807", math.MaxInt64},
	} {
		if got, err := parseSize(c.text); err != nil || got != c.want {
			t.Errorf("parseSize(%q) = %d, %v, want %d", c.text, got, err, c.want)
		}
	}
}

func TestWrongSizesAreRefused(t *testing.T) {
	for _, text := range []string{"", "0", "0K", "-1", "+1", "1e9", "nan", "inf", "1MB", "1kb", "M", "iB", "1.2.3G", "1 2", "0x10",
		"8388608TiB", "9223372036854775808", "99999999999999999999G", "0.0001K", "1_000", "१", "B", "1\u212aB", "7\u212a"} {
		if got, err := parseSize(text); err == nil {
			t.Errorf("parseSize(%q) = %d, want an error", text, got)
		}
	}
}

func FuzzParseSize(f *testing.F) {
	for _, s := range []string{"1", "1.5GiB", "1MB", "", "9223372036854775807", "..."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, err := parseSize(text)
		if (err == nil) != (n > 0) {
			t.Errorf("parseSize(%q) = %d, %v: a size is positive, an error gives 0", text, n, err)
		}
	})
}
