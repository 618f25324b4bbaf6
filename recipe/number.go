package recipe

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mecha-gpu/mecha-gpu/methods"
)

// parseInteger reads an integer as Python's int does: a sign, digits of any script, single
// underscores between digits. ok is false if it is none.
func parseInteger(s string) (v methods.Value, ok bool) {
	sign, digits := cutSign(s)
	digits, ok = decimal(digits)
	if !ok {
		return v, false
	}
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return methods.IntOf(0), true
	}
	if sign == "-" {
		digits = "-" + digits
	}
	if len(digits) <= len("-9223372036854775808") {
		if i, err := strconv.ParseInt(digits, 10, 64); err == nil {
			return methods.IntOf(i), true
		}
	}
	return methods.Value{Kind: methods.BigIntValue, S: digits}, true
}

// parseFloat reads a number with a point or an exponent as Python's float does. Numbers
// that are too large are infinite.
func parseFloat(s string) (x float64, ok bool) {
	sign, rest := cutSign(s)
	mantissa, exponent, hasExp := cutAny(rest, "eE")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole == "" && fraction == "" {
		return 0, false
	}
	for _, part := range []*string{&whole, &fraction} {
		if *part == "" {
			continue
		}
		if *part, ok = decimal(*part); !ok {
			return 0, false
		}
	}
	text := sign + whole + "." + fraction
	if hasExp {
		esign, digits := cutSign(exponent)
		if digits, ok = decimal(digits); !ok {
			return 0, false
		}
		text += "e" + esign + digits
	}
	x, _ = strconv.ParseFloat(text, 64) // the only error left is one of range
	return x, true
}

func cutSign(s string) (sign, rest string) {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[:1], s[1:]
	}
	return "", s
}

func cutAny(s, chars string) (before, after string, found bool) {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

// decimal turns digits of any script, with single underscores between them, into ASCII
// digits.
func decimal(s string) (string, bool) {
	plain := true
	for i := 0; i < len(s); i++ {
		plain = plain && '0' <= s[i] && s[i] <= '9'
	}
	if plain {
		return s, s != ""
	}
	var b strings.Builder
	last := '_' // an underscore follows a digit only
	for _, r := range s {
		switch d := digit(r); {
		case d >= 0:
			b.WriteByte('0' + byte(d))
		case r != '_' || last == '_':
			return "", false
		}
		last = r
	}
	return b.String(), last != '_'
}

// digit returns the value of a decimal digit of any script; -1 if r is none. Digits stand in
// runs of ten in Unicode (The Unicode Standard, section 4.6), and tables join runs.
func digit(r rune) int {
	if r < utf8.RuneSelf {
		if '0' <= r && r <= '9' {
			return int(r - '0')
		}
		return -1
	}
	for _, x := range unicode.Nd.R16 {
		if rune(x.Lo) <= r && r <= rune(x.Hi) {
			return int(r-rune(x.Lo)) % 10
		}
	}
	for _, x := range unicode.Nd.R32 {
		if rune(x.Lo) <= r && r <= rune(x.Hi) {
			return int(r-rune(x.Lo)) % 10
		}
	}
	return -1
}

// FormatFloat writes a number as Python's repr does: the shortest digits that read back as
// x; with an exponent of at least two digits if it is below -4 or at least 16.
func FormatFloat(x float64) string {
	s := strconv.FormatFloat(x, 'e', -1, 64)
	i := strings.IndexByte(s, 'e')
	if i < 0 { // NaN, +Inf, -Inf
		return strings.TrimPrefix(strings.ToLower(s), "+")
	}
	if exp, _ := strconv.Atoi(s[i+1:]); exp < -4 || exp >= 16 {
		return s
	}
	s = strconv.FormatFloat(x, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
