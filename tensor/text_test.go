package tensor

import (
	"fmt"
	"math"
	"testing"
)

func TestCountsHaveTheRightNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0 keys are", 1: "1 key is", 2: "2 keys are", 10: "10 keys are"} {
		if got := Count(n, "key") + " " + Number(int64(n), "is", "are"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestBytesHaveThreeDigits(t *testing.T) {
	for _, c := range []struct {
		n        int64
		want, up string
	}{
		{0, "0 B", "0 B"}, {1023, "1023 B", "1023 B"}, {1024, "1.0 KiB", "1.0 KiB"}, {1025, "1.0 KiB", "1.1 KiB"}, {1536, "1.5 KiB", "1.5 KiB"},
		{102 << 10, "102 KiB", "102 KiB"}, {102<<10 + 1, "102 KiB", "103 KiB"}, {1<<20 - 1, "1.0 MiB", "1.0 MiB"}, {1022 << 10, "1022 KiB", "1022 KiB"},
		{91 << 20, "91.0 MiB", "91.0 MiB"}, {1 << 40, "1.0 TiB", "1.0 TiB"}, {math.MaxInt64, "8.0 EiB", "8.0 EiB"}, {-1536, "-1.5 KiB", "-1.5 KiB"},
	} {
		if got, up := Bytes(c.n), BytesUp(c.n); got != c.want || up != c.up {
			t.Errorf("%d: %q and %q, want %q and %q", c.n, got, up, c.want, c.up)
		}
	}
}

func TestDurationsHaveThreeDigits(t *testing.T) {
	for s, want := range map[float64]string{0: "1µs", 35.4e-6: "35µs", 0.00152: "1.5ms", 2.314: "2.31s", 65.4: "1m5s", 1e300: "1281023h53m38s"} {
		if got := Seconds(s); got != want {
			t.Errorf("%v s: %q, want %q", s, got, want)
		}
	}
	if got := Duration(0); got != "0s" {
		t.Errorf("no time is %q", got)
	}
}

func TestWhatIsNeededIsEnough(t *testing.T) {
	for n := int64(1); n > 0 && n < 1<<50; n += 1 + n/7 {
		var x float64
		var unit string
		if _, err := fmt.Sscanf(BytesUp(n), "%f %s", &x, &unit); err != nil {
			t.Fatal(err)
		}
		size := map[string]float64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[unit]
		if got := int64(x * size); got < n || float64(got) > 1.1*float64(n)+1 {
			t.Errorf("%d bytes are %s, which is %d", n, BytesUp(n), got)
		}
	}
}
