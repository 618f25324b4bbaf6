package mecha

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// report starts the report of a merge with what is known before it runs.
func (s *session) report() *Report {
	r := &Report{
		Type: "report", Schema: 1,
		Device: s.candidates[s.used].name(), Why: s.why,
		Models: s.modelReports(), Missing: s.names(s.plan.Missing), Mismatched: s.names(s.plan.Mismatched),
		MaxRAM: s.o.MaxRAM, PlannedRAM: min(s.plan.HostBytes, s.o.MaxRAM),
		PlannedVRAM: s.plan.DeviceBytes,
		Workers:     s.plan.Ring.Workers, UnitBytes: s.plan.Ring.UnitBytes, Programs: s.plan.Totals.Programs,
	}
	if len(s.outs) == 1 {
		r.Output = s.outs[0].Path
	}
	return r
}

// label is what a list calls a key of an output: with the output, if there are several.
func (s *session) label(out int, key string) string {
	if len(s.outs) == 1 {
		return key
	}
	return s.name(out) + ": " + key
}

// name is what messages call an output.
func (s *session) name(out int) string {
	if sink := s.outs[out].Sink; sink != nil {
		return sink.Name()
	}
	return s.outs[out].Path
}

// called is what errors call an output if there are several: its path, and what it is made of.
func (s *session) called(out int) string {
	path, what := s.name(out), s.outs[out].Name
	switch {
	case len(s.outs) == 1:
		return ""
	case what == "":
		return path
	case path == "":
		return what
	}
	return path + " (" + what + ")"
}

// names joins the lists of all outputs.
func (s *session) names(lists []plan.Names) (all NameList) {
	for out, n := range lists {
		all.Count += n.Count
		for _, key := range n.First[:min(len(n.First), maxNames-len(all.Names))] {
			all.Names = append(all.Names, s.label(out, key))
		}
	}
	return all
}

// maxNames is how many names a list of a report holds.
const maxNames = 1000

func describeDevice(name, detail string) string {
	if detail == "" {
		return name
	}
	return fmt.Sprintf("%s (%s)", name, detail)
}

// modelReports says of each model how many of its keys the plan reads.
func (s *session) modelReports() []ModelReport {
	list := append([]ModelReport(nil), s.models.reports...)
	for i := range list {
		list[i].Used = s.plan.Used[i]
		u := s.plan.Unread[i]
		list[i].Unread = NameList{Count: u.Count, Names: u.First}
		if a := s.adapters[i]; a != nil {
			list[i].Adapter = a.report
		}
	}
	return list
}

// allWarnings collects what is odd but not wrong, given how the models were used.
func (s *session) allWarnings(models []ModelReport) []string {
	w := slices.Clone(s.warnings)
	for _, solved := range s.solved {
		for _, text := range solved.Warnings { // those of the text included
			if !slices.Contains(w, text) { // recipes of a sweep have the same
				w = append(w, text)
			}
		}
	}
	w = append(w, s.incomplete()...)
	for _, m := range models {
		if m.Used == 0 {
			w = append(w, fmt.Sprintf("no tensor of %s is read", m.Path))
		}
		if m.Adapter != nil {
			w = append(w, m.Adapter.warnings(m.Path)...)
		}
	}
	return w
}

// incomplete says which converted models lack keys that a model of their config has to have, beside
// those that are reported as missing. What comes from a part of a model is a part of one.
func (s *session) incomplete() (w []string) {
	const most = 5
	for out, lacking := range s.plan.Lacking {
		if to := s.solved[out]; s.outs[out].Recipe.conversion && to.Space != methods.Delta && lacking.Count > s.plan.Missing[out].Count {
			text := fmt.Sprintf("%s is no complete model of %s, %s of it %s not there: %s", s.name(out), to.Config.ID(), tensor.Count(lacking.Count, "key"),
				tensor.Number(lacking.Count, "is", "are"), strings.Join(lacking.First[:min(most, len(lacking.First))], ", "))
			if lacking.Count > most {
				text += fmt.Sprintf(" and %d more", lacking.Count-most)
			}
			w = append(w, text)
		}
	}
	return w
}

// finish adds what the run did.
func (s *session) finish(r *Report, d *run.Report) {
	r.Keys = keyReport(&d.Tally)
	if len(s.outs) > 1 {
		for out := range s.outs {
			r.Outputs = append(r.Outputs, OutputReport{Output: s.name(out), Keys: keyReport(&d.Sinks[out]),
				Missing: s.plan.Missing[out].Count, NonFinite: d.Sinks[out].NonFiniteKeys, Lossy: d.Sinks[out].LossyKeys})
		}
	}
	r.OmittedInputs.Count = d.Omissions
	for _, o := range d.Omitted {
		r.OmittedInputs.Names = append(r.OmittedInputs.Names, o.Source+": "+o.Key)
	}
	r.Dropped.Count = d.Drops
	for _, k := range d.Dropped {
		r.Dropped.Names = append(r.Dropped.Names, s.label(k.Sink, k.Key))
	}
	for _, c := range d.Flagged {
		r.NonFinite.add(s.label(c.Sink, c.Key), int64(c.NonFinite))
		r.Lossy.add(s.label(c.Sink, c.Key), int64(c.Overflow+c.Underflow))
	}
	r.NonFinite.Keys, r.NonFinite.Elements = d.NonFiniteKeys, int64(d.Total.NonFinite)
	r.Lossy.Keys, r.Lossy.Elements = d.LossyKeys, int64(d.Total.Overflow+d.Total.Underflow)
	for i := range r.Models {
		r.Models[i].Used += d.Again[i]
	}
	r.PeakVRAM, r.DeviceErrors.Count = d.PeakDevice, d.Rescued
	for _, x := range d.Rescues {
		r.DeviceErrors.Names = append(r.DeviceErrors.Names, x.Err.Error())
	}
	r.Warnings = s.allWarnings(r.Models)
	r.BytesRead, r.BytesWritten = d.BytesRead, d.BytesWritten
	r.PeakRAM, r.Units = s.budget.Peak(), int64(d.Units)
	r.Time.Read, r.Time.Compute, r.Time.Write = d.Stages.Read, d.Stages.Compute+d.Stages.Wait, d.Stages.Write
	r.Time.Publish = d.Publish
}

func keyReport(t *run.Tally) KeyReport {
	return KeyReport{Written: t.Keys, Computed: t.Keys - t.Copied, Copied: t.Copied, Integers: t.Integers, FellBack: t.FellBack, Omitted: t.Drops}
}

// add names a key with n elements, if there are any.
func (c *CountList) add(key string, n int64) {
	if n > 0 {
		c.First = append(c.First, KeyCount{key, n})
	}
}
