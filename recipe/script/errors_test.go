package script

import (
	"context"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func TestErrorsSayWhereAndWhy(t *testing.T) {
	const two = "a = model('a')\nb = model('b')\n"
	for _, c := range []struct {
		program      string
		line, column int
		words        string // separated by |
	}{
		{"out = (1", 1, 9, "got end of file"},
		{"out = 1 +", 1, 10, "got end of file"},
		{"while True: pass", 1, 1, "while"},
		{"load('x.star', 'y')", 1, 1, "no load"},
		{"import sd_mecha", 1, 1, "got import|no modules"},
		{"from sd_mecha import model", 1, 1, "no modules"},
		{two + "out = sd_mecha.weighted_sum(a, b)", 3, 7, "undefined: sd_mecha|no prefix"},
		{"out = model(Path('a'))", 1, 13, "a path is a string"},
		{"out = model(f'{1}.safetensors')", 1, 13, "no f-strings"},
		{`out = model("C:\models\a.safetensors")`, 1, 13, `invalid escape sequence \m|r"C:\models"`},
		{`out = model("C:\new.safetensors")`, 1, 7, `"C:\new.safetensors"|r"C:\models"`},
		{"x = 'é'\nout = model('\xe9.safetensors')", 2, 14, "not UTF-8"},
		{"out = 1 # é\x00 and more", 1, 12, "zero byte"},
		{"\ufeffx = 'é'\nout = q", 2, 7, "undefined: q"},
		{two + "out = n_average(*(x for x in [a, b]))", 3, 21, "got for|no generators|[x for x in y]"},
		{two + "out = sum([a, b])", 3, 7, "undefined: sum|+ between"},
		{"x = 'a' \"bc\"", 1, 9, "got string literal"},
		{"out = model(“a.safetensors”)", 1, 13, "unexpected input character|straight quotes"},
		{"x = a bc", 1, 7, "got identifier"},
		{"x = f(1 2.5)", 1, 9, "got float literal"},
		{"def f(x)\n  return 1", 1, 9, "got newline, want ':'"},
		{"out = 2**3", 1, 8, "no power"},
		{"try:\n    out = 1\nexcept: pass", 1, 1, "no exceptions"},
		{"out = 1 is 2", 1, 9, "=="},
		{two + "out = weighted_sum(a, q)", 3, 23, "undefined: q|-m q=FILE"},
		{two + "out = wieghted_sum(a, b)", 3, 7, "undefined: wieghted_sum|weighted_sum"},
		{two + "out = 0.5 * a", 3, 11, `model("a")|cannot be scaled|weighted_sum(a, b, alpha=0.5)`},
		{two + "out = weighted_sum(a, b) * 0.5", 3, 26, "<weighted_sum>|cannot be scaled"},
		{two + "out = -a", 3, 7, "cannot be scaled"},
		{two + "out = (a - b) / 2", 3, 15, "multiply it"},
		{two + "out = 1 / (a - b)", 3, 9, "unknown binary op: int / node"},
		{two + "out = a % b", 3, 9, "unknown binary op: node % node"},
		{two + "out = a < b", 3, 9, "no order"},
		{two + "out = ~a", 3, 7, "unknown unary op: ~ node"},
		{two + "out = a + 'b.safetensors'", 3, 9, "use a model"},
		{two + "out = weighted_sum(a)", 3, 7, "parameter b is missing"},
		{two + "out = weighted_sum(a, b, alhpa=0.5)", 3, 7, "no parameter alhpa|alpha"},
		{two + "out = weighted_sum(a, b, alpha=[0.5])", 3, 7, "alpha|a list cannot be part of a recipe|f(*x)"},
		{two + "out = weighted_sum(a, b, alpha=model)", 3, 7, "with brackets"},
		{two + "out = weighted_sum(a, b, alpha={'x': 'y', 'z': 1})", 3, 7, "one type"},
		{two + "out = weighted_sum(a, b, alpha={1: 2})", 3, 7, "names of tensors"},
		{two + "out = weighted_sum(a, b, alpha={'x': {}})", 3, 7, `"x"|a dict cannot be part`},
		{two + "out = weighted_sum(a, b, alpha={})", 3, 7, "empty dict"},
		{two + "out = n_average()", 3, 7, "at least 1"},
		{two + "out = add_difference(a, a - b, 0.5)", 3, 7, "add_difference: parameter c: |found 0.5, expected a model or None|alpha=0.5"},
		{two + "out = n_average(*[a], b)", 3, 23, "may not follow *args"},
		{two + "out = n_average(*[a], *[b])", 3, 23, "multiple *args"},
		{two + "out = add_difference(a, b, k=1)", 3, 7, "add_difference has no parameter k"},
		{two + "out = add_difference(a, a - b, clamp_to_ab=True)", 3, 7, "one merge space"},
		{two + "out = add_difference(a, b, a, clamp_to_ab=a)", 3, 7, "True or False"},
		{two + "out = method('wsum')(a, b)", 3, 7, `unknown method "wsum"`},
		{two + "out = a.to('float17')", 3, 9, "float17"},
		{two + "out = a.too('float16')", 3, 9, "node has no method too|to?"},
		{"out = model('')", 1, 7, "path is empty"},
		{"out = model(1)", 1, 7, "got int"},
		{"out = model('a', merge_space='wait')", 1, 7, `unknown merge space "wait"`},
		{"out = model('a', config='sd9')", 1, 7, `unknown model config "sd9"`},
		{"out = model('a', config=1)", 1, 7, "config|a string or None"},
		{"out = literal(1, config='sd1-ldm')", 1, 7, "no model config"},
		{"out = float('nan')", 1, 1, "nan"},
		{"out = [model('a')]", 1, 1, "the result|a list"},
		{"out = print(1)", 1, 7, "prints nothing"},
		{"x = 1\nfail('no ' + 'luck')", 2, 1, "no luck"},
		{"x = 1\nx.y = 2", 2, 2, "can't assign to .y"},
		{"d = {'a': 1}\nd['a'] += 1", 2, 8, "x[k] = x[k] + y"},
		{"def f(x):\n    return x + None\n\nout = f(1)", 2, 14, "called from line 4"},
		{"def f():\n    return f()\nout = f()", 2, 12, "recursively"},
		{"x = 1\n\n", 1, 1, "no result|a variable out"},
		{"out = 1\ndef recipe():\n    return 1", 2, 1, "both"},
		{"def recipe(x):\n    return 1", 1, 12, "parameter x has no default|x=0.5"},
		{"def recipe(x=None):\n    return 1", 1, 12, "NoneType"},
		{"def recipe():\n    model('a')", 2, 1, "the result is None|returns"},
		{"out = None", 1, 1, "the result is None"},
		{"def recipe(*x):\n    return 1", 1, 1, "one by one"},
	} {
		_, err := Run([]byte(c.program), "r.star", recipe.Builtin(), Options{})
		t.Run(c.program, func(t *testing.T) {
			wantError(t, err, c.line, c.column, strings.Split(c.words, "|")...)
			if !strings.HasPrefix(err.Error(), "r.star:") {
				t.Errorf("%v", err)
			}
		})
	}
}

// Errors that are found when a program has ended, too, show what they are about.
func TestErrorsOfSolvingShowWhereANodeWasMade(t *testing.T) {
	for _, c := range []struct{ program, want string }{
		{"a, b = model('a'), model('b')\ndef f(x):\n\treturn a + x # sum\nout = f(b)",
			"r.star:3:11: the merge spaces do not agree: |\n\t\treturn a + x # sum\n\t\t         ^|merge_space=\"delta\" of model \"b\" (line 1)"},
		{"a = model('a')\nout = (1 and\n  weighted_sum(a, a, a))", "r.star:3:3: the merge spaces do not agree: |\n\t  weighted_sum(a, a, a))\n\t  ^|merge_space=\"param\""},
		{"out = cast(model('a'),\n  dtype='float17')", "r.star:1:7: cast: parameter dtype|\n\tout = cast(model('a'),\n\t      ^"},
		{"out = weighted_sum(model('a', config='sdxl-sgm'),\n model('b', config='sd1-ldm'))", "r.star:2:2: the model configs do not agree|\n\t model('b', config='sd1-ldm'))\n\t ^"},
	} {
		g, err := Run([]byte(c.program), "r.star", recipe.Builtin(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = recipe.Solve(context.Background(), g, nil, recipe.Options{})
		if err == nil || tensor.ClassOf(err) != tensor.ClassRecipe {
			t.Fatalf("%s\n%v", c.program, err)
		}
		for _, want := range strings.Split(c.want, "|") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s\n%q is not in: %v", c.program, want, err)
			}
		}
	}
}

// The parameters of a program are known where its models are not at hand: what it converts stays as
// it is then.
func TestParametersAreListedWithoutModels(t *testing.T) {
	const program = "a = convert(model('a'), 'sdxl-kohya')\nb = convert(a, model('b'))\nw = blocks({'IN00': 1}, b)\n" +
		"c = weighted_sum(a, b, alpha={'IN00': 0.5}) + 0.8 * convert(model('l'), b)\ndef recipe(alpha=0.5):\n    return weighted_sum(b, c, alpha)"
	if params, err := Params([]byte(program), "r.star", recipe.Builtin()); err != nil || len(params) != 1 || params[0].Name != "alpha" {
		t.Errorf("%v, %v", params, err)
	}
}

// The caret stands below what is wrong, also beside characters that are two columns wide.
func TestCaretsStandBelowWideCharacters(t *testing.T) {
	_, err := Run([]byte("x = '模型é'; y = qqqqzz(1)"), "r.star", recipe.Builtin(), Options{})
	wantError(t, err, 1, 16, "undefined: qqqqzz\n\tx = '模型é'; y = qqqqzz(1)\n\t                 ^")
}

func TestAllUndefinedNamesAreListed(t *testing.T) {
	_, err := Expr("x + y", recipe.Builtin(), Options{})
	wantError(t, err, 1, 1, "expression:1:1", "undefined: x (a model is named with -m x=FILE)", "expression:1:5", "undefined: y")
}

func TestWrongSettingsAreRefused(t *testing.T) {
	const program = "def recipe(alpha=0.5, n=2, on=True):\n    return model('a')\n"
	for _, c := range []struct {
		program, name, text string
		column              int
		words               string
	}{
		{program, "alpha", "half", 12, `parameter alpha: found "half", expected a number`},
		{program, "alpha", "nan", 12, "a number"},
		{program, "n", "0.5", 23, "an integer"},
		{program, "on", "1", 28, "true or false"},
		{program, "alhpa", "1", 1, "there is no parameter alhpa: expected alpha, n, on (did you mean alpha?)"},
		{"out = model('a')", "alpha", "1", 1, "no function recipe"},
	} {
		_, err := Run([]byte(c.program), "r.star", recipe.Builtin(), Options{Set: map[string]string{c.name: c.text}})
		wantError(t, err, 1, c.column, c.words)
	}
}

func TestModelNamesAreChecked(t *testing.T) {
	for name, words := range map[string]string{"2x": "no name", "a b": "no name", "": "no name", "in": "no name", "scale": "built-in", "len": "built-in", "b": "no part"} {
		_, err := Expr("a", recipe.Builtin(), Options{Models: map[string]string{"a": "a", name: "x"}})
		if err == nil || !strings.Contains(err.Error(), words) || tensor.ClassOf(err) != tensor.ClassRecipe {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// A model that only says to which config something is converted has a part in the recipe.
func TestModelsThatSayWhichConfigAreUsed(t *testing.T) {
	o := Options{Models: map[string]string{"a": "a", "b": "b"}, Keys: keysOf(t, "sdxl-kohya")}
	if _, err := Expr("convert(a, b)", recipe.Builtin(), o); err != nil {
		t.Error(err)
	}
	if _, err := Expr("convert(a, 'sdxl-sgm')", recipe.Builtin(), o); err == nil || !strings.Contains(err.Error(), "model b (b) has no part") {
		t.Errorf("a model that nothing asks for: %v", err)
	}
}
