package recipe

import (
	"bufio"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/methods"
)

// TestFloatsAreWrittenAsPythonDoes compares with repr of CPython 3.11: bits and text.
func TestFloatsAreWrittenAsPythonDoes(t *testing.T) {
	path := "testdata/float-repr.txt"
	if more := os.Getenv("MECHA_FLOAT_REPR"); more != "" {
		path = more // a longer table of the same form
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	for sc := bufio.NewScanner(f); sc.Scan(); n++ {
		bits, want, _ := strings.Cut(sc.Text(), " ")
		u, err := strconv.ParseUint(bits, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		if got := FormatFloat(math.Float64frombits(u)); got != want {
			t.Errorf("%s: got %s, want %s", bits, got, want)
		}
	}
	if n < 500 {
		t.Errorf("%d lines in the table", n)
	}
}

func TestFloatsReadBackAsTheyWere(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		x := math.Float64frombits(rng.Uint64())
		if x != x || math.IsInf(x, 0) {
			continue
		}
		s := FormatFloat(x)
		if !strings.ContainsAny(s, ".e") {
			t.Fatalf("%s would be read as an integer", s)
		}
		if y, ok := parseFloat(s); !ok || math.Float64bits(x) != math.Float64bits(y) {
			t.Fatalf("%x is written as %s and read as %x", x, s, y)
		}
	}
}

func TestIntegersAreReadAsPythonDoes(t *testing.T) {
	for s, want := range map[string]string{
		"0": "0", "-0": "0", "007": "7", "+5": "5", "1_000": "1000", "٣٤": "34", "१_२": "12", "𝟗𝟘": "90",
		"9223372036854775807": "9223372036854775807", "-9223372036854775808": "-9223372036854775808",
		"9223372036854775808": "big 9223372036854775808", "-0009223372036854775809": "big -9223372036854775809",
	} {
		v, ok := parseInteger(s)
		got := v.S
		if v.Kind == methods.IntValue {
			got = strconv.FormatInt(v.I, 10)
		} else {
			got = "big " + got
		}
		if !ok || got != want {
			t.Errorf("%s: %s, want %s", s, got, want)
		}
	}
	for _, s := range []string{"", "-", "+-1", "_1", "1_", "1__0", "0x10", "1 ", "²", "1e5", "١x"} {
		if v, ok := parseInteger(s); ok {
			t.Errorf("%q is read as %v", s, v)
		}
	}
}

func TestFloatsAreReadAsPythonDoes(t *testing.T) {
	for s, want := range map[string]float64{
		"1.": 1, ".5": .5, "1E5": 1e5, "-0.0": math.Copysign(0, -1), "1_0.5": 10.5, "1_0e1_0": 1e11, "1e999": math.Inf(1),
		"-1e999": math.Inf(-1), "٣.٥": 3.5, "1e-400": 0, "+.5e+1": 5,
	} {
		if x, ok := parseFloat(s); !ok || math.Float64bits(x) != math.Float64bits(want) {
			t.Errorf("%s: %v, want %v", s, x, want)
		}
	}
	for _, s := range []string{".", "e5", ".e5", "1e", "1e+", "1_.5", "1._5", "1.5_", "0x1p3", "1.2.3", "1e5e5", "--1.0", "inf.", "1.e_1"} {
		if x, ok := parseFloat(s); ok {
			t.Errorf("%q is read as %v", s, x)
		}
	}
}
