package tensor

import (
	"fmt"
	"math"
	"time"
	"unicode"
)

// Count writes how many there are of what, for messages: "0 keys", "1 key", "2 keys". The plural
// of what is made with an s.
func Count[N int | int64](n N, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Number returns the form of a verb that goes with n: one for 1, many for all else.
func Number[N int | int64](n N, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Bytes writes a number of bytes with three digits or so: "512 B", "91.0 MiB".
func Bytes(n int64) string { return inUnits(n, math.Round) }

// BytesUp is Bytes rounded up, for what is needed: whoever gives what it says gives enough.
func BytesUp(n int64) string { return inUnits(n, math.Ceil) }

func inUnits(n int64, round func(float64) float64) string {
	const names = "KMGTPE"
	if n < 1024 && n > -1024 {
		return fmt.Sprintf("%d B", n)
	}
	x, i := float64(n)/1024, 0
	for ; round(math.Abs(x)*10) >= 10240 && i < len(names)-1; i++ {
		x /= 1024
	}
	if tenths := round(x * 10); math.Abs(tenths) < 1000 {
		return fmt.Sprintf("%.1f %ciB", tenths/10, names[i])
	}
	return fmt.Sprintf("%.0f %ciB", round(x), names[i])
}

// Duration writes a time with three digits or so: "35µs", "1.5ms", "2.31s", "1m5s".
func Duration(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < time.Second:
		return d.Round(100 * time.Microsecond).String()
	case d < time.Minute:
		return d.Round(10 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// Seconds is Duration of a number of seconds, at least one microsecond: an estimate of no time at
// all would be wrong.
func Seconds(s float64) string {
	const most = float64(math.MaxInt64) / float64(time.Second) / 2
	return Duration(max(time.Microsecond, time.Duration(min(s, most)*float64(time.Second))))
}

// wide are characters that are two columns wide in monospaced fonts: East Asian scripts, their
// punctuation and full-width forms, and pictures.
var wide = []*unicode.RangeTable{unicode.Han, unicode.Hangul, unicode.Hiragana, unicode.Katakana,
	{R16: []unicode.Range16{{Lo: 0x3000, Hi: 0x303f, Stride: 1}, {Lo: 0xff01, Hi: 0xff60, Stride: 1}},
		R32: []unicode.Range32{{Lo: 0x1f300, Hi: 0x1faff, Stride: 1}}}}

// Columns is the width of a text in columns of a monospaced font: 2 for each character of an East
// Asian script, 0 for a mark that stands above another, 1 for all else.
func Columns(text string) (n int) {
	for _, r := range text {
		switch {
		case r < 0x300:
			n++
		case unicode.In(r, wide...):
			n += 2
		case !unicode.Is(unicode.Mn, r):
			n++
		}
	}
	return n
}
