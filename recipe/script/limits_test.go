package script

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// repeat is a program of a loop with n rounds.
func repeat(n, first, body string) string {
	return first + "\nfor i in range(" + n + "):\n    " + body + "\nout = 1\n"
}

// Programs that would take forever, or all memory, are stopped with a reason.
func TestProgramsAreBounded(t *testing.T) {
	for name, c := range map[string]struct{ program, words string }{
		"an endless loop":                {repeat("1000000000000", "", "pass"), "steps"},
		"nested loops":                   {repeat("100000", "", "[j for j in range(100000)]"), "steps"},
		"a list from a range":            {"out = list(range(1000000000000))", "too much work"},
		"the largest of a range":         {"out = max(range(1000000000000))", "too much work"},
		"a repeated list":                {"out = [0] * 100000000", "too much work"},
		"a repeated string":              {"out = 'x' * 1000000000", "too much work"},
		"a repeat that overflows":        {"out = 'x' * (1 << 64)", "too much work"},
		"a list of lists":                {"out = [[0] * 1000] * 1000000", "too much work"},
		"a string that doubles":          {repeat("64", "s = 'x'", "s = s + s"), "too much work"},
		"a string that doubles in place": {repeat("64", "s = 'x'", "s += s"), "too much work"},
		"a list that doubles in place":   {repeat("64", "s = [1]", "s += s"), "too much work"},
		"a list that extends itself":     {repeat("64", "s = [1]", "s.extend(s)"), "too much work"},
		"a method by getattr":            {repeat("64", "s = [1]", "getattr(s, 'extend')(s)"), "too much work"},
		"a string that is replaced":      {repeat("64", "s = 'xx'", "s = s.replace('x', s)"), "too much work"},
		"a string that is joined":        {repeat("64", "s = 'xx'", "s = s.join([s, s, s])"), "too much work"},
		"a string that is formatted":     {repeat("64", "s = '{0}{0}'", "s = s.format(s)"), "too much work"},
		"a string that is cut":           {repeat("200", "s = 'x,' * 100000", "s.split(',')"), "too much work"},
		"a string that is cut to lines":  {repeat("200", "s = '\\n' * 200000", "s.splitlines()"), "too much work"},
		"the characters of a string":     {repeat("200", "s = ('x' * 100000).codepoints()", "list(s)"), "too much work"},
		"arguments from a list":          {repeat("100000", "def f(*x):\n    return x\ns = [0] * 10000", "f(*s)"), "too much work"},
		"slices":                         {repeat("100000", "s = [0] * 10000", "s[:]"), "too much work"},
		"searches":                       {repeat("100000", "s = [0] * 10000", "1 in s"), "too much work"},
		"comparisons":                    {repeat("8", "s = [0] * 1000\nx = 0", "s = [s] * 1000"), "too much work"},
		"the text of shared lists":       {repeat("60", "s = []", "s = [s, s]") + "str(s)", "too much work"},
		"the hash of shared tuples":      {repeat("60", "s = ()", "s = (s, s)") + "d = {}\nd[s] = 1", "too much work"},
		"an entry with shared tuples":    {repeat("60", "s = ()", "s = (s, s)") + "d = {s: 1}", "too much work"},
		"the text of a deep list":        {repeat("100000", "s = []", "s = [s]") + "str(s)", "nested"},
		"an integer that squares":        {repeat("64", "x = 3", "x = x * x"), "1024 bits"},
		"an integer from text":           {"out = int('9' * 100000)", "1024 bits"},
		"a difference of itself":         {repeat("200000", "d = model('a') - model('b')", "d = d + d"), "too many nodes"},
		"brackets":                       {"out = " + strings.Repeat("(", 1000), "brackets"},
		"a long program":                 {"#" + strings.Repeat("x", maxSource), "bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			env := recipe.Builtin()
			env.Limits = recipe.Limits{Instructions: 1000, Entries: 200_000}
			_, err := Run([]byte(c.program), "r.star", env, Options{})
			if err == nil || !strings.Contains(err.Error(), c.words) || tensor.ClassOf(err) != tensor.ClassRecipe {
				t.Errorf("error %v", err)
			}
		})
	}
}

// Constructs without brackets that nest as deeply as the length of a program allows are read
// without running out of stack.
func TestDeepConstructsAreRead(t *testing.T) {
	const n = maxSource - 100
	for name, expr := range map[string]string{
		"signs":       strings.Repeat("-", n) + "1",
		"nots":        strings.Repeat("not ", n/4) + "1",
		"lambdas":     strings.Repeat("lambda:", n/7) + "1",
		"choices":     strings.Repeat("1 if 1 else ", n/12) + "1",
		"sums":        strings.Repeat("1-", n/2) + "1",
		"calls":       "1" + strings.Repeat("()", n/2),
		"indices":     "1" + strings.Repeat("[0]", n/3),
		"names":       "1" + strings.Repeat(".x", n/2),
		"comparisons": strings.Repeat("1<", n/2) + "1",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Run([]byte("x = "+expr+"\nout = 1"), "r.star", recipe.Builtin(), Options{}); err != nil && tensor.ClassOf(err) != tensor.ClassRecipe {
				t.Error(err)
			}
		})
	}
}

// Values for all keys of a large model, written out, are read; what is not an entry of a line of
// its own counts.
func TestEntriesOfDictsAreRead(t *testing.T) {
	var b strings.Builder
	b.WriteString("alpha = {\n")
	for i := range 20_000 {
		fmt.Fprintf(&b, "    \"model.diffusion_model.output_blocks.%d.transformer_blocks.0.attn1.to_q.weight\": %v,\n", i, float64(i)/1e7)
	}
	dict := b.String() + "}\n"
	if _, err := Run([]byte(dict+"out = weighted_sum(model('a'), model('b'), alpha=alpha)\n"), "r.star", recipe.Builtin(), Options{}); err != nil {
		t.Error(err)
	}
	for name, program := range map[string]string{
		"no lines":     strings.ReplaceAll(dict, "\n", " ") + "\nout = 1",
		"more nests":   dict + "out = " + strings.Repeat("-", maxSource) + "1",
		"calls":        "out = {\n" + strings.Repeat("\"a\": f(1),\n", maxSource/8) + "}",
		"escapes":      "out = {\n" + strings.Repeat("\"\\\"a\": 1,\n", maxSource/8) + "}",
		"many entries": "out = {\n" + strings.Repeat("\"a\": 1,\n", maxText/8) + "}",
	} {
		_, err := Run([]byte(program), "r.star", recipe.Builtin(), Options{})
		if err == nil || !strings.Contains(err.Error(), "are read") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A program of ten thousand lines is read, and written for a recipe of as many merges. What is
// not an assignment counts, and so do signs, which may nest.
func TestProgramsOfManyLinesAreRead(t *testing.T) {
	var b strings.Builder
	b.WriteString("b = model('b')\nx = model('a')\n")
	for i := range 10_000 {
		fmt.Fprintf(&b, "x = weighted_sum(x, b, alpha=%v)\n", float64(i)/1e4)
	}
	g, err := Run([]byte(b.String()+"out = x\n"), "r.star", recipe.Builtin(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := Format(g)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Run(text, "again.star", recipe.Builtin(), Options{}); err != nil || !again.Equal(g) {
		t.Errorf("what was written: %v", err)
	}
	line := "x = " + strings.Repeat("-", 400) + "1\n"
	for name, program := range map[string]string{
		"signs":    strings.Repeat(line, maxSigns/400) + "out = 1",
		"words":    strings.Repeat("x = "+strings.Repeat("not ", 100)+"1\n", maxSigns/100) + "out = 1",
		"bytes":    strings.Repeat("x = '"+strings.Repeat("a", 400)+"'\n", maxFlat/400) + "out = 1",
		"brackets": "out = f(\n" + strings.Repeat("a = 1,\n", maxSource/6) + ")",
		"a choice": "if x: y = 1\n" + strings.Repeat("elif x: y = 1\n", maxSource/12),
	} {
		_, err := Run([]byte(program), "r.star", recipe.Builtin(), Options{})
		if err == nil || !strings.Contains(err.Error(), "are read") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Loops over the keys of a large model are far from the limits.
func TestALoopOverAllKeysOfAModelFits(t *testing.T) {
	program := `
keys = ["model.diffusion_model.output_blocks.%d.transformer_blocks.%d.attn1.to_q.weight" % (i // 50, i % 50) for i in range(3000)]
alpha = {}
for i, k in enumerate(keys):
    if ".1." in k:
        alpha[k] = 0.5
    else:
        alpha[k] = i / len(keys)
out = weighted_sum(model("a"), model("b"), alpha=alpha)
for i in range(50):
    out = weighted_sum(out, model("m%d" % i), alpha=alpha)
`
	if _, err := Run([]byte(program), "r.star", recipe.Builtin(), Options{}); err != nil {
		t.Error(err)
	}
}
