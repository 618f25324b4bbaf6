package recipe

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// TestExamplesOfTheSpecification is the table E9 to E34: the text after the header, and
// either the canonical form or what the error says and where it is.
func TestExamplesOfTheSpecification(t *testing.T) {
	m := "model \"m\"\n"
	mm := "model \"m\" model_config=null merge_space=null"
	for name, c := range map[string]struct {
		text, want   string // want "" is an error
		line, column int
		words        string
	}{
		"E9":  {text: `dict a=1 b=2.5 c=1e-5 d=true e=null f="s"`, want: `dict a=1 b=2.5 c=1e-05 d=true e=null f="s"`},
		"E10": {text: "dict a=1\ndict &0 b=2", want: "dict a=1 b=2"},
		"E11": {text: `dict a="q\"w\\e\n"`, want: `dict a="q\"w\\en"`},
		"E12": {text: `model "a=b.safetensors"`, want: `model "a=b.safetensors" model_config=null merge_space=null`},
		"E13": {text: m, want: mm},
		"E14": {text: `model "m" # hi`, line: 2, column: 11, words: "# is not a value; line of its own"},
		"E15": {text: `merge "weighted_sum" &0 &1`, line: 2, column: 22, words: "&0; out of bounds; there are none"},
		"E16": {text: m + `merge weighted_sum &0`, line: 3, column: 7, words: "weighted_sum; identifiers of methods; quotes"},
		"E17": {text: `merge "wsum" 1`, line: 2, column: 7, words: `unknown method "wsum"; weighted_sum`},
		"E18": {text: m + `merge "weighted_sum" &0`, line: 3, column: 7, words: "weighted_sum; parameter b is missing"},
		"E19": {text: m + `merge "weighted_sum" &0 &0 foo=1`, line: 3, column: 28, words: "no parameter foo"},
		"E20": {text: `merge "weighted_sum" "a.safetensors" "b.safetensors" 0.5`, line: 2, column: 22, words: "parameter a; a.safetensors; use a model"},
		"E21": {text: `dict b=inf`, want: `dict b=1e999`},
		"E22": {text: `literal "x"`, line: 2, column: 9, words: "a string; a reference to a dict"},
		"E23": {text: `model "m" model_config="structural"`, want: mm},
		"E24": {text: `model "a" model_config="infer"`, want: `model "a" model_config="infer" merge_space=null`},
		"E25": {text: `dict "a b"=1`, want: `dict a\ b=1`},
		"E26": {text: `dict a\ b=1`, want: `dict a\ b=1`},
		"E27": {text: `dict a="x`, line: 2, column: 8, words: "no closing quote"},
		"E28": {text: "dict a=1\tb=2", want: "dict a=1 b=2"},
		"E31": {text: `model path="m"`, want: mm},
		"E32": {text: m + `merge "subtract" b=&0 &0`, want: mm + "\nmerge \"subtract\" &0 &0"},
		"E33": {text: m + `merge "subtract" &0 &0 merge_space="weight"`, line: 3, column: 24, words: "no parameter merge_space; no hints"},
		"E34": {text: m + `merge "add_perpendicular" &0 &0 &0`, line: 3, column: 7, words: `unknown method "add_perpendicular"`},

		"crlf":       {text: "model \"m\"\r\n\r\n# c\r\n", want: mm},
		"spaces":     {text: "\u00a0 \tmodel   \"m\" \u2003", want: mm},
		"bare inf":   {text: "dict a=-inf b=+inf c=\"inf\"", want: `dict a=-1e999 b=1e999 c="inf"`},
		"names":      {text: "dict &0=1 \\#=2 \\\t=3", want: "dict &0=1 #=2 \\\t=3"},
		"two paths":  {text: `model "m" path="n"`, line: 2, column: 11, words: "path is given twice"},
		"four":       {text: `model "m" null null null`, line: 2, column: 21, words: "at most 3"},
		"parameter":  {text: `model "m" merge_spase="weight"`, line: 2, column: 11, words: "no parameter merge_spase; merge_space"},
		"space":      {text: `model "m" merge_space="wieght"`, line: 2, column: 23, words: `unknown merge space "wieght"; weight, delta, param`},
		"config":     {text: `model "m" model_config="sdxl_kohya"`, line: 2, column: 24, words: `unknown model config "sdxl_kohya"; sdxl-kohya`},
		"hint":       {text: `model "m" merge_space=3`, line: 2, column: 23, words: "an integer; a string in quotes"},
		"nan":        {text: `dict a=nan`, line: 2, column: 8, words: "nan cannot be written"},
		"Infinity":   {text: `dict a=-Infinity`, line: 2, column: 8, words: "inf"},
		"True":       {text: `dict a=True`, line: 2, column: 8, words: "lower case"},
		"None":       {text: `dict a=None`, line: 2, column: 8, words: "null"},
		"escaped":    {text: `dict a=\"x\"`, line: 2, column: 8, words: "escaped quote"},
		"prefix":     {text: `dict a=x"y"`, line: 2, column: 6, words: "before a quoted string"},
		"empty":      {text: `dict =1`, line: 2, column: 6, words: "no name before ="},
		"no value":   {text: `dict a=`, line: 2, column: 8, words: "no value after ="},
		"twice":      {text: `dict a=1 a=2`, line: 2, column: 10, words: `"a" is given twice`},
		"kw twice":   {text: m + `merge "subtract" a=&0 b=&0 b=&0`, line: 3, column: 28, words: "given twice"},
		"copy":       {text: m + `dict &0`, line: 3, column: 6, words: "a model; a reference to a dict"},
		"two copies": {text: "dict a=1\ndict &0 &0", line: 3, column: 9, words: "at most one"},
		"nested":     {text: "dict a=1\ndict b=&0\nliteral &1", line: 4, column: 9, words: `key "b"; make it a literal`},
		"mixed":      {text: m + "dict a=1 b=\"x\"\nmerge \"scale\" &1", line: 4, column: 15, words: `key "b"; one type; a string`},
		"empty dict": {text: "dict\nmerge \"scale\" &0", line: 3, column: 15, words: "empty dict has no keys"},
		"reference":  {text: `literal &-1`, line: 2, column: 9, words: "out of bounds"},
		"command":    {text: `Merge "scale" 1`, line: 2, column: 1, words: `unknown command "Merge"; lower case`},
		"quoted":     {text: `"dict" a=1`, line: 2, column: 1, words: `unknown command "dict"`},
		"tail":       {text: "model \"m\"\nmerge \"scale\" &0 1 2", line: 3, column: 20, words: "at most 2 positional arguments, got 3"},
		"wide":       {text: "model \"漢字\" #", line: 2, column: 12, words: "#"},
		"not UTF-8":  {text: "model \"a\xff\"", line: 2, column: 9, words: "UTF-8"},
		"method":     {text: `merge method="scale"`, line: 2, column: 7, words: "comes first"},
		"only merge": {text: `merge`, line: 2, column: 1, words: "the method is missing"},
		"no path":    {text: `model`, line: 2, column: 1, words: "the path of the model is missing"},
		"no dict":    {text: `literal`, line: 2, column: 1, words: "the dict is missing"},
		"number":     {text: `model 3`, line: 2, column: 7, words: "an integer; a string in quotes"},
		"variadic":   {text: `merge "n_average"`, line: 2, column: 7, words: "at least 1 argument, got 0"},
	} {
		g, err := Parse([]byte("version 0.1.0\n"+c.text), "r.mecha", toyEnv(t))
		switch {
		case c.want != "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "":
			if got := mustFormat(t, g); got != c.want {
				t.Errorf("%s: got\n%s\nwant\n%s", name, got, c.want)
			}
		default:
			wantParseError(t, name, err, c.line, c.column, strings.Split(c.words, "; "))
		}
	}
}

func wantParseError(t *testing.T, name string, err error, line, column int, words []string) {
	t.Helper()
	var list *ParseErrors
	if !errors.As(err, &list) {
		t.Errorf("%s: got %v, want an error", name, err)
		return
	}
	e := list.List[0]
	if len(list.List) != 1 && name != "E15" && name != "E20" {
		t.Errorf("%s: more than one error: %v", name, err)
	}
	if e.Line != line || e.Column != column {
		t.Errorf("%s: at %d:%d, want %d:%d: %v", name, e.Line, e.Column, line, column, e)
	}
	for _, w := range words {
		if !strings.Contains(e.Err.Error(), w) {
			t.Errorf("%s: no %q in %v", name, w, e.Err)
		}
	}
}

func TestHeadersOfOtherFilesAreRefused(t *testing.T) {
	for text, words := range map[string]string{ // E29, E30
		"version 0.2.0\nmodel \"a\"": "newer",
		"":                           "the first line must be",
		"# hi\nversion 0.1.0":        "the first line must be",
		"version 0.1.0":              "empty",
		"version 0.1.0\n\n# c":       "empty",
		"PK\x03\x04archive":          "checkpoint",
		"\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}  ": "checkpoint",
	} {
		_, err := Parse([]byte(text), "r.mecha", Builtin())
		wantPosition(t, err)
		if err != nil && !strings.Contains(err.Error(), words) {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range []string{"version 0.1.0\r\nmodel \"a\"", "version 0.1.0 \t\nmodel \"a\""} {
		if _, err := Parse([]byte(text), "", Builtin()); err != nil {
			t.Error(err)
		}
	}
}

func TestErrorsPointAtTheirPlace(t *testing.T) {
	_, err := Parse([]byte("version 0.1.0\nmodel \"a.safetensors\"\n\tmerge \"wieghted_sum\" &0 &0\nmerge \"subtract\" &0 &7"), "r.mecha", Builtin())
	want := `r.mecha:3:8: merge, argument 0: unknown method "wieghted_sum" (did you mean weighted_sum?)
		merge "wieghted_sum" &0 &0
		      ^
r.mecha:4:21: merge, argument 2: the reference &7 is out of bounds: before this line there are &0 to &1
	merge "subtract" &0 &7
	                    ^`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

func TestLongLinesAreShownInPart(t *testing.T) {
	text := "dict " + strings.Repeat("k漢=1 ", 1)
	for i := range 100 {
		text += "x" + strings.Repeat("y", i) + "=1 "
	}
	text += "bad=# " + strings.Repeat("z", 300) + "=1"
	_, err := Parse([]byte("version 0.1.0\n"+text), "", Builtin())
	var list *ParseErrors
	if !errors.As(err, &list) {
		t.Fatal(err)
	}
	lines := strings.Split(list.Error(), "\n\t")
	if len(lines) != 3 || len([]rune(lines[1])) > excerptRunes+6 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	if at := strings.Index(lines[2], "^"); at < 0 || []rune(lines[1])[at] != '#' {
		t.Errorf("the caret is not below the error:\n%s\n%s", lines[1], lines[2])
	}
}

func TestStructuralHintIsAWarning(t *testing.T) {
	g, err := Parse([]byte("version 0.1.0\nmodel \"a\" model_config=\"structural\""), "r.mecha", Builtin())
	if err != nil {
		t.Fatal(err)
	}
	if w := g.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "r.mecha:2: ") || !strings.Contains(w[0], "structural") {
		t.Errorf("warnings %q", w)
	}
}

func TestLimitsBoundTheText(t *testing.T) {
	parse := func(text string, l Limits) error {
		env := Builtin()
		env.Limits = l
		_, err := Parse([]byte("version 0.1.0\n"+text), "", env)
		return err
	}
	for name, c := range map[string]struct {
		text  string
		l     Limits
		words string
	}{
		"line":         {"model \"" + strings.Repeat("a", 100) + "\"", Limits{Line: 50}, "at most 50"},
		"instructions": {strings.Repeat("model \"a\"\n", 5), Limits{Instructions: 4}, "more than 4 instructions"},
		"entries":      {"dict a=1 b=2 c=3\ndict &0\ndict &1", Limits{Entries: 7}, "more than 7 entries"},
		"errors":       {strings.Repeat("foo\n", 9), Limits{Errors: 3}, "and 6 more errors"},
	} {
		if err := parse(c.text, c.l); err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
		if c.l.Errors == 0 {
			if err := parse(c.text, Limits{}); err != nil {
				t.Errorf("%s, default: %v", name, err)
			}
		}
	}
}

func TestDigitsOfAllScriptsAreRead(t *testing.T) {
	n := 0
	for r := rune(0); r < unicode.MaxRune; r++ {
		if unicode.Is(unicode.Nd, r) {
			if digit(r) != n%10 {
				t.Fatalf("%U is %d", r, digit(r))
			}
			n++
		} else if digit(r) != -1 {
			t.Fatalf("%U is no digit", r)
		}
	}
	if n < 600 {
		t.Errorf("%d digits", n)
	}
}

func TestDigestsTellValuesApart(t *testing.T) {
	env := Builtin()
	var digests []Digest
	for _, x := range []any{1, 1.0, true, "1", nil, map[string]any{"key": 1}, map[string]any{"ke": 1}} {
		e, err := env.Convert(x)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains(digests, e.Digest()) {
			t.Errorf("%v is taken for another value", x)
		}
		digests = append(digests, e.Digest())
	}
	a, _ := env.Model("a//b/./c", Hints{})
	b, _ := env.Model("a/b/c/", Hints{})
	c, _ := env.Model("a/x/../b/c", Hints{})
	if a.Digest() != b.Digest() || a.Digest() == c.Digest() {
		t.Error("paths are compared without . and //, but .. counts")
	}
	x, _ := env.Literal([]Entry{{Key: "a"}, {Key: "b"}}, Hints{})
	y, _ := env.Literal([]Entry{{Key: "b"}, {Key: "a"}}, Hints{})
	if x.Digest() != y.Digest() {
		t.Error("the order of entries counts")
	}
}
