package draw

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/recipe"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func parse(t testing.TB, lines string) *recipe.Graph {
	t.Helper()
	g, err := recipe.Parse([]byte("version 0.1.0\n"+strings.TrimSpace(lines)), "r.mecha", recipe.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ten is a recipe of ten boxes, one of which is used three times.
const ten = `
model "base" null "weight"
model "a" null "weight"
model "folder/b" "sdxl-sgm" "weight"
merge "subtract" &1 &0
merge "subtract" &2 &0
merge "ties_sum" &3 &4 k=0.2
merge "add_difference" &0 &5 0.5
dict x=0.25 y=1
merge "weighted_sum" &6 &1 &7
dict x=&8 y=&2 z=3
literal &9
merge "cast" &10 dtype="float16"`

// many is a recipe of a hundred boxes.
func many() string {
	var b strings.Builder
	for i := range 20 {
		fmt.Fprintf(&b, "model \"m%d\"\n", i)
	}
	for i := range 78 {
		fmt.Fprintf(&b, "merge \"weighted_sum\" &%d &%d %v\n", i, (i*7)%(i+20), float64(i)/100)
	}
	b.WriteString("merge \"n_average\"")
	for i := range 98 {
		fmt.Fprintf(&b, " &%d", i)
	}
	return b.String() + "\nmerge \"fallback\" &98 &0\n"
}

func TestDOTNamesEveryNodeOnceAndEveryEdge(t *testing.T) {
	got := DOT(parse(t, ten))
	const want = `digraph recipe {
	rankdir=LR;
	node [shape=box, fontname="monospace", fontsize=11];
	edge [fontname="monospace", fontsize=9];
	n0 [label="base", style="filled,rounded", fillcolor="#dbe9f6"];
	n1 [label="a", style="filled,rounded", fillcolor="#dbe9f6"];
	n2 [label="folder/b\nconfig sdxl-sgm", style="filled,rounded", fillcolor="#dbe9f6"];
	n3 [label="subtract", style="filled", fillcolor="#ffffff"];
	n4 [label="subtract", style="filled", fillcolor="#ffffff"];
	n5 [label="ties_sum\nk = 0.2\nvote_sgn = false", style="filled", fillcolor="#ffffff"];
	n6 [label="add_difference\nalpha = 0.5", style="filled", fillcolor="#ffffff"];
	n7 [label="weighted_sum\nalpha = {x: 0.25, y: 1}", style="filled", fillcolor="#ffffff"];
	n8 [label="literal\nz = 3", style="filled", fillcolor="#f3efe0"];
	n9 [label="cast\ndevice = null\ndtype = \"float16\"", style="filled", fillcolor="#ffffff", penwidth=2];
	n1 -> n3 [label="a"];
	n0 -> n3 [label="b"];
	n2 -> n4 [label="a"];
	n0 -> n4 [label="b"];
	n3 -> n5 [label="models 1"];
	n4 -> n5 [label="models 2"];
	n0 -> n6 [label="a"];
	n5 -> n6 [label="b"];
	n6 -> n7 [label="a"];
	n1 -> n7 [label="b"];
	n7 -> n8 [label="x"];
	n2 -> n8 [label="y"];
	n8 -> n9 [label="a"];
}
`
	if content(got) != content(want) {
		t.Errorf("got\n%s", got)
	}
}

// content is the boxes and edges of a picture by their labels, whatever their order and numbers.
func content(dot string) string {
	names := map[string]string{}
	var out []string
	for line := range strings.Lines(dot) {
		line = strings.TrimSpace(line)
		id, rest, _ := strings.Cut(line, " ")
		if strings.HasPrefix(rest, "[label=") && strings.HasPrefix(id, "n") && !strings.Contains(line, "->") {
			names[id] = strings.SplitN(rest, ",", 2)[0]
			out = append(out, rest)
			continue
		}
		f := strings.Fields(line)
		if len(f) > 2 && f[1] == "->" {
			out = append(out, names[f[0]]+" -> "+names[f[2]]+strings.Join(f[3:], " "))
		}
	}
	sorted := map[string]int{}
	for _, s := range out {
		sorted[s]++
	}
	return fmt.Sprint(sorted)
}

func TestSameArgumentTwiceIsOneEdge(t *testing.T) {
	if got := DOT(parse(t, "model \"a\"\nmerge \"weighted_sum\" &0 &0")); strings.Count(got, "->") != 1 || !strings.Contains(got, `[label="a, b"]`) {
		t.Error(got)
	}
}

func TestManyOptionsAreShownIfTheyAreNotDefaults(t *testing.T) {
	got := DOT(parse(t, "model \"a\" null \"delta\"\nmerge \"ties_sum_extended\" &0 maxiter=7"))
	if !strings.Contains(got, `label="ties_sum_extended\nmaxiter = 7"`) {
		t.Error(got)
	}
}

// elements counts the elements of an SVG file, and fails if it is no XML.
func elements(t *testing.T, svg string) (count map[string]int, texts []string) {
	t.Helper()
	count = map[string]int{}
	dec := xml.NewDecoder(strings.NewReader(svg))
	inText := false
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return count, texts
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, svg)
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			count[tok.Name.Local]++
			inText = tok.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				texts = append(texts, string(tok))
			}
		}
	}
}

func TestSVGShowsEveryBoxAndRow(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		boxes int
	}{"ten": {ten, 10}, "a hundred": {many(), 100}, "one": {`model "a"`, 1}} {
		t.Run(name, func(t *testing.T) {
			g := parse(t, c.text)
			svg, err := SVG(g)
			if err != nil {
				t.Fatal(err)
			}
			count, texts := elements(t, svg)
			want, rows := 0, 0
			for _, b := range boxes(g) {
				want += 1 + len(b.rows)
				for _, r := range b.rows {
					if r.from >= 0 {
						rows++
					}
				}
			}
			if count["rect"] != c.boxes+1 || len(texts) != want || count["circle"] != rows || count["path"] < rows {
				t.Errorf("%v, %d texts; expected %d boxes, %d texts, %d rows with edges", count, len(texts), c.boxes, want, rows)
			}
			if again, _ := SVG(parse(t, c.text)); again != svg {
				t.Error("the second picture is another one")
			}
		})
	}
}

func TestBoxesDoNotOverlapAndEdgesLeadToTheRight(t *testing.T) {
	for _, text := range []string{ten, many()} {
		l := arrange(boxes(parse(t, text)))
		for k, layer := range l.layers {
			for i := range layer {
				if i > 0 && layer[i-1].y+layer[i-1].h+bendGap > layer[i].y+1e-6 {
					t.Errorf("layer %d: place %d ends at %v, the next one starts at %v", k, i-1, layer[i-1].y+layer[i-1].h, layer[i].y)
				}
			}
		}
		for i, b := range l.boxes {
			for _, r := range b.rows {
				if r.from >= 0 && l.layer[r.from] >= l.layer[i] {
					t.Errorf("an edge leads from layer %d to layer %d", l.layer[r.from], l.layer[i])
				}
			}
		}
	}
}

// Boxes are as wide as their texts, whatever the script.
func TestBoxesHoldWideCharacters(t *testing.T) {
	for text, want := range map[string]int{"": 0, "model": 5, "模型.st": 7, "モデル": 6, "한": 2, "é": 1, "e\u0301": 1, "🙂": 2, "Ａ。": 4} {
		b := box{title: text}
		if got := b.width(); got != float64(want)*charWidth+2*padding {
			t.Errorf("%q is %v wide, want %d characters", text, got, want)
		}
	}
}

// crossings counts pairs of edge pieces that cross.
func crossings(l *layout) (n int) {
	for k := 1; k < len(l.layers); k++ {
		var pieces [][2]int
		for i := range l.layers[k] {
			for _, in := range l.layers[k][i].in {
				pieces = append(pieces, [2]int{in.at, i})
			}
		}
		for i, a := range pieces {
			for _, b := range pieces[:i] {
				if (a[0]-b[0])*(a[1]-b[1]) < 0 {
					n++
				}
			}
		}
	}
	return n
}

func TestSortingRemovesCrossings(t *testing.T) {
	// Two chains whose boxes are listed in turn, the second one upside down.
	g := parse(t, `
model "a"
model "b"
model "c"
model "d"
merge "weighted_sum" &3 &2
merge "weighted_sum" &1 &0
merge "weighted_sum" &5 &4`)
	if n := crossings(arrange(boxes(g))); n != 0 {
		t.Errorf("%d crossings in a tree", n)
	}
	before := &layout{boxes: boxes(parse(t, many()))}
	before.assign()
	before.connect()
	if b, a := crossings(before), crossings(arrange(boxes(parse(t, many())))); a >= b {
		t.Errorf("%d crossings before, %d after", b, a)
	}
}

func TestStrangeNamesAreEscaped(t *testing.T) {
	g := parse(t, `model "<a href=\"x\">&amp;]]>`+"\x01\t\u202e\ufffe"+`"`)
	svg, err := SVG(g)
	if err != nil {
		t.Fatal(err)
	}
	if _, texts := elements(t, svg); len(texts) != 1 || !strings.HasPrefix(texts[0], `<a href="x">&amp;]]>`) {
		t.Errorf("%q", texts)
	}
	if dot := DOT(g); !strings.Contains(dot, `label="<a href=\"x\">`) || strings.Contains(dot, "\x01") {
		t.Error(dot)
	}
}

func TestLongTextsAreClipped(t *testing.T) {
	g := parse(t, `model "`+strings.Repeat("long/", 30)+`name"`)
	if got := DOT(g); !strings.Contains(got, `label="…`) || !strings.Contains(got, `/name"`) || len(got) > 400 {
		t.Error(got)
	}
	entries := "dict"
	for i := range 30 {
		entries += fmt.Sprintf(" k%d=&%d", i, i%2)
	}
	g = parse(t, "model \"a\"\nmodel \"b\"\n"+entries+"\nliteral &2")
	if got := DOT(g); !strings.Contains(got, "11 more") || strings.Contains(got, "k9") {
		t.Error(got)
	}
}

func TestPicturesOfHugeRecipesAreRefused(t *testing.T) {
	var b strings.Builder
	b.WriteString("model \"a\"\n")
	for i := range maxBoxes {
		fmt.Fprintf(&b, "merge \"weighted_sum\" &%d &0 0.5\n", i)
	}
	if _, err := SVG(parse(t, b.String())); tensor.ClassOf(err) != tensor.ClassUsage {
		t.Errorf("%v", err)
	}
}

// FuzzPictures checks that the picture of any recipe is well-formed, or refused.
func FuzzPictures(f *testing.F) {
	f.Add("version 0.1.0\n" + strings.TrimSpace(ten))
	f.Add("version 0.1.0\ndict a=1\nliteral &0\nmerge \"fallback\" &1 &1")
	env := recipe.Builtin()
	env.Limits = recipe.Limits{Instructions: 300, Entries: 1000}
	f.Fuzz(func(t *testing.T, text string) {
		g, err := recipe.Parse([]byte(text), "f", env)
		if err != nil {
			return
		}
		if svg, err := SVG(g); err == nil {
			elements(t, svg)
		}
		if dot := DOT(g); !strings.HasPrefix(dot, "digraph") || strings.Count(dot, "\n\tn") < 1 {
			t.Error(dot)
		}
	})
}
