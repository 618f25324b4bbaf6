package tensor

import "testing"

func TestCountsHaveTheRightNumber(t *testing.T) {
	for n, want := range map[int]string{0: "0 keys are", 1: "1 key is", 2: "2 keys are", 10: "10 keys are"} {
		if got := Count(n, "key") + " " + Number(int64(n), "is", "are"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
