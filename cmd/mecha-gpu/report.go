package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// showReport prints the report of a merge: as JSON on standard output if asked for, and
// for people on standard error otherwise.
func (a *app) showReport(r *mecha.Report) error {
	if a.json {
		return a.printJSON(r)
	}
	if !a.quiet {
		_, err := io.WriteString(a.stderr, reportText(r))
		return err
	}
	return nil
}

// reportText is a report for people. What did not happen has no line.
func reportText(r *mecha.Report) string {
	var b strings.Builder
	name := r.Output
	if len(r.Outputs) > 0 {
		name = tensor.Count(len(r.Outputs), "file")
	}
	fmt.Fprintf(&b, "Wrote %s: %s, %s, in %s.\n", printable(name), tensor.Count(r.Keys.Written, "key"),
		tensor.Bytes(r.BytesWritten), tensor.Duration(r.Time.Total))
	t := newTable(&b)
	outputRows(t, r.Outputs)
	t.row("  device", joined(": ", r.Device, r.Why))
	modelRows(t, r.Models)
	t.row("  keys", keysText(r.Keys))
	nameRow(t, "  inputs omitted", r.OmittedInputs, "NaN or infinite elements")
	nameRow(t, "  dropped", r.Dropped, "not written, for lack of an input")
	nameRow(t, "  missing", r.Missing, "in an input, but the recipe cannot produce them")
	nameRow(t, "  shapes differ", r.Mismatched, "passed through from the first model")
	countRow(t, "  non-finite", r.NonFinite)
	countRow(t, "  lossy casts", r.Lossy)
	t.row("  bytes", fmt.Sprintf("%s read, %s written", tensor.Bytes(r.BytesRead), tensor.Bytes(r.BytesWritten)))
	t.row("  memory", fmt.Sprintf("%s of %s (planned %s)", tensor.Bytes(r.PeakRAM), tensor.Bytes(r.MaxRAM), tensor.Bytes(r.PlannedRAM)))
	if r.PlannedVRAM > 0 {
		t.row("  device memory", fmt.Sprintf("%s (planned %s)", tensor.Bytes(r.PeakVRAM), tensor.Bytes(r.PlannedVRAM)))
	}
	if n := r.DeviceErrors; n.Count > 0 {
		t.row("  device errors", printable(tensor.Count(n.Count, "time")+", done again on the CPU"+listed(n.Names, n.Count)))
	}
	t.row("  work", fmt.Sprintf("%s, %s of %s, %s", tensor.Count(r.Workers, "worker"), tensor.Count(int(r.Units), "unit"),
		tensor.Bytes(r.UnitBytes), tensor.Count(r.Programs, "program")))
	t.row("  time", timeText(r.Time))
	warningRows(t, r.Warnings)
	t.flush()
	return b.String()
}

// timeText says where the time went.
func timeText(t mecha.TimeReport) string {
	return fmt.Sprintf("plan %s, read %s, compute %s, write %s, publish %s (side by side)", tensor.Duration(t.Plan),
		tensor.Duration(t.Read), tensor.Duration(t.Compute), tensor.Duration(t.Write), tensor.Duration(t.Publish))
}

// keysText counts keys by what happened to them, without zeros. Integers that were passed
// through are among the copied ones.
func keysText(k mecha.KeyReport) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{
		{k.Computed, "computed"}, {k.Copied, "copied"}, {k.Integers, "of them integers"},
		{k.FellBack, "from a fallback"}, {k.Omitted, "omitted"},
	} {
		if p.n != 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// outputRows lists the outputs of a merge that has several.
func outputRows(t *table, outputs []mecha.OutputReport) {
	for _, o := range outputs {
		text := printable(o.Output) + ": " + keysText(o.Keys)
		for _, p := range []struct {
			n    int
			what string
		}{{o.Missing, "missing"}, {o.NonFinite, "non-finite"}, {o.Lossy, "with lossy casts"}} {
			if p.n > 0 {
				text += fmt.Sprintf(", %d %s", p.n, p.what)
			}
		}
		t.row("  output", text)
	}
}

// modelRows lists the models: how the recipe names them, and the file if that differs.
func modelRows(t *table, models []mecha.ModelReport) {
	for _, m := range models {
		name := m.Path
		if m.File != "" && m.File != m.Path {
			name += " = " + m.File
		}
		if spaces := strings.Join(m.Spaces, ", "); spaces != "" && spaces != string(methods.Weight) {
			name += " as " + spaces // a model where a difference is expected would do harm
		}
		t.row("  model", fmt.Sprintf("%s: %s, %d used", printable(name), tensor.Count(m.Keys, "key"), m.Used))
		switch {
		case m.Adapter != nil: // warnings name the keys that are without effect
			t.row("    LoRA", fmt.Sprintf("changes %s of %s", tensor.Count(m.Adapter.Targets, "tensor"), m.Adapter.Base))
		case m.Used > 0:
			nameRow(t, "    not read", m.Unread)
		}
	}
}

// nameRow shows a list of names that is not empty, with a remark.
func nameRow(t *table, head string, l mecha.NameList, remark ...string) {
	if l.Count == 0 {
		return
	}
	t.row(head, printable(fmt.Sprintf("%s%s", joined(", ", append([]string{tensor.Count(l.Count, "key")}, remark...)...),
		listed(l.Names, l.Count))))
}

// countRow shows a list of counts that is not empty.
func countRow(t *table, head string, l mecha.CountList) {
	if l.Keys == 0 {
		return
	}
	names := make([]string, len(l.First))
	for i, k := range l.First {
		names[i] = fmt.Sprintf("%s (%d)", k.Key, k.Elements)
	}
	t.row(head, printable(fmt.Sprintf("%s in %s%s", tensor.Count(l.Elements, "element"), tensor.Count(l.Keys, "key"), listed(names, l.Keys))))
}

// warningRows shows warnings.
func warningRows(t *table, warnings []string) {
	for _, w := range warnings {
		t.row("  warning", printable(w))
	}
}

// shownNames is the number of names that a list for people shows; JSON has more.
const shownNames = 5

// listed returns ": a, b and 7 more" for n names of which the first are given.
func listed(names []string, n int) string {
	if len(names) == 0 {
		return ""
	}
	shown := names[:min(len(names), shownNames)]
	s := ": " + strings.Join(shown, ", ")
	if rest := n - len(shown); rest > 0 {
		s += fmt.Sprintf(" and %d more", rest)
	}
	return s
}

// joined joins the words that are not empty.
func joined(sep string, words ...string) string {
	var list []string
	for _, w := range words {
		if w != "" {
			list = append(list, w)
		}
	}
	return strings.Join(list, sep)
}

// table writes rows of cells in aligned columns.
type table struct{ w *tabwriter.Writer }

// newTable returns a table that writes to w when it is flushed. Cells must not hold tabs.
func newTable(w io.Writer) *table { return &table{tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)} }

// row adds a row.
func (t *table) row(cells ...string) { fmt.Fprintln(t.w, strings.Join(cells, "\t")) }

// flush writes the table. The writers it is used with do not fail.
func (t *table) flush() { _ = t.w.Flush() }
