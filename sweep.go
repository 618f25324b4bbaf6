package mecha

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Sweep is a parameter of a recipe and the values that it takes in turn, as text. Grid makes
// one set of values for each output of MergeAll.
type Sweep struct {
	Name   string
	Values []string
}

// maxSweep is how many values a range, and how many combinations a grid, may have: each is a file.
const maxSweep = 10_000

// ParseSweep reads "alpha=0.1,0.2,0.3". A value start:end:step stands for all numbers from start
// to end, which is one of them if the steps reach it: 0.1:0.5:0.1 is 0.1,0.2,0.3,0.4,0.5.
func ParseSweep(text string) (Sweep, error) {
	name, list, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return Sweep{}, tensor.Errorf(tensor.ClassUsage, "sweep %q: expected NAME=VALUE,VALUE,... or NAME=START:END:STEP", text)
	}
	s := Sweep{Name: name}
	for _, part := range strings.Split(list, ",") {
		values, err := expandRange(part)
		if err != nil {
			return Sweep{}, fmt.Errorf("sweep %s: %w", name, err)
		}
		s.Values = append(s.Values, values...)
	}
	seen := map[string]bool{}
	for _, v := range s.Values {
		switch {
		case v == "":
			return Sweep{}, tensor.Errorf(tensor.ClassUsage, "sweep %s: a value is empty", name)
		case seen[v]:
			return Sweep{}, tensor.Errorf(tensor.ClassUsage, "sweep %s: the value %s is given twice", name, v)
		}
		seen[v] = true
	}
	return s, nil
}

// expandRange returns the numbers of a range, in decimal and without rounding, or the text if it
// is none: if its parts are not three numbers.
func expandRange(text string) ([]string, error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return []string{text}, nil
	}
	for _, p := range parts {
		if _, err := strconv.ParseFloat(p, 64); errors.Is(err, strconv.ErrSyntax) {
			return []string{text}, nil
		}
	}
	var x [3]*big.Rat // start, end, step
	digits := 0
	for i, p := range parts {
		r, n, ok := decimal(p)
		if !ok {
			return nil, tensor.Errorf(tensor.ClassUsage, "the range %s: %s is not a finite decimal number of at most %d characters with an exponent up to %d", text, p, maxLength, maxExponent)
		}
		if x[i] = r; i != 1 {
			digits = max(digits, n)
		}
	}
	return steps(text, x[0], x[1], x[2], digits)
}

// maxExponent and maxDigits bound the numbers of a range, which are computed exactly.
const (
	maxExponent = 99
	maxLength   = 40 // of the text
)

// decimal reads a number such as -0.25 or 1e-3, exactly, and says how many digits it has after
// the point.
func decimal(text string) (r *big.Rat, digits int, ok bool) {
	r, ok = new(big.Rat), len(text) <= maxLength && !strings.ContainsAny(text, "xX_nN")
	mantissa, power, has := strings.Cut(strings.ToLower(text), "e")
	exponent, err := strconv.Atoi(power)
	if has && (err != nil || exponent < -maxExponent || exponent > maxExponent) {
		return nil, 0, false
	}
	if ok {
		_, ok = r.SetString(text)
	}
	_, fraction, _ := strings.Cut(mantissa, ".")
	return r, max(0, len(fraction)-exponent), ok
}

// steps lists the numbers from start to end.
func steps(text string, start, end, step *big.Rat, digits int) ([]string, error) {
	way := new(big.Rat).Sub(end, start)
	switch {
	case step.Sign() == 0:
		return nil, tensor.Errorf(tensor.ClassUsage, "the range %s does not reach its end: its step is 0", text)
	case way.Sign()*step.Sign() < 0:
		return nil, tensor.Errorf(tensor.ClassUsage, "the range %s does not reach its end: its step leads away from it", text)
	}
	way.Quo(way, step)
	n := new(big.Int).Quo(way.Num(), way.Denom())
	if n.Add(n, big.NewInt(1)).Cmp(big.NewInt(maxSweep)) > 0 {
		return nil, tensor.Errorf(tensor.ClassUsage, "the range %s has more than %d values: %v", text, maxSweep, n)
	}
	list := make([]string, n.Int64())
	for i := range list {
		v := new(big.Rat).SetInt64(int64(i))
		list[i] = v.Add(start, v.Mul(v, step)).FloatString(digits)
	}
	return list, nil
}

// Grid returns every combination of the values of sweeps, by name; those of the last sweep
// change first. Without sweeps there is one combination, which is empty.
func Grid(sweeps []Sweep) ([]map[string]string, error) {
	grid := []map[string]string{{}}
	for _, s := range sweeps {
		if _, twice := grid[0][s.Name]; twice {
			return nil, tensor.Errorf(tensor.ClassUsage, "there are two sweeps of %s", s.Name)
		}
		if len(grid)*len(s.Values) > maxSweep {
			return nil, tensor.Errorf(tensor.ClassUsage, "the sweeps have more than %d combinations", maxSweep)
		}
		var next []map[string]string
		for _, m := range grid {
			for _, v := range s.Values {
				c := maps.Clone(m)
				c[s.Name] = v
				next = append(next, c)
			}
		}
		grid = next
	}
	return grid, nil
}

// FillPath puts values in the place of their names in braces: out-{alpha}.safetensors. A name
// in braces that has no value is an error, and so is a value that would lead into another folder.
func FillPath(pattern string, values map[string]string) (string, error) {
	var b strings.Builder
	for rest := pattern; ; {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			return b.String(), nil
		}
		name, end, ok := strings.Cut(after, "}")
		v, known := values[name]
		switch {
		case !ok || !known:
			return "", &tensor.Error{Class: tensor.ClassUsage, Path: pattern, Err: fmt.Errorf("nothing is called {%s}", name),
				Want: "{" + strings.Join(slices.Sorted(maps.Keys(values)), "}, {") + "}"}
		case strings.ContainsAny(v, `/\`) || v == ".." || strings.Contains(v, "\x00"):
			return "", tensor.Errorf(tensor.ClassUsage, "the value %q of {%s} cannot be part of a file name", v, name)
		}
		b.WriteString(v)
		rest = end
	}
}
