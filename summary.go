package mecha

import (
	"fmt"

	"github.com/mecha-gpu/mecha-gpu/plan"
	"github.com/mecha-gpu/mecha-gpu/stream/run"
)

// report starts the report of a merge with what is known before it runs.
func (s *session) report() *Report {
	return &Report{
		Type: "report", Schema: 1,
		Device: s.candidates[s.used].name(), Why: s.why,
		Models: s.modelReports(), Missing: names(s.plan.Missing[0]), Mismatched: names(s.plan.Mismatched[0]),
		MaxRAM: s.o.MaxRAM, PlannedRAM: min(s.plan.HostBytes, s.o.MaxRAM),
		PlannedVRAM: s.plan.DeviceBytes,
		Workers:     s.plan.Ring.Workers, UnitBytes: s.plan.Ring.UnitBytes, Programs: s.plan.Totals.Programs,
	}
}

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
	}
	return list
}

// allWarnings collects what is odd but not wrong, given how the models were used.
func (s *session) allWarnings(models []ModelReport) []string {
	w := append(append([]string(nil), s.warnings...), s.solved.Warnings...) // those of the text included
	for _, m := range models {
		if m.Used == 0 {
			w = append(w, fmt.Sprintf("no tensor of %s is read", m.Path))
		}
	}
	return w
}

func names(n plan.Names) NameList { return NameList{Count: n.Count, Names: n.First} }

// finish adds what the run did.
func (s *session) finish(r *Report, d *run.Report) {
	r.Keys = KeyReport{Written: d.Keys, Computed: d.Keys - d.Copied, Copied: d.Copied, Integers: d.Integers,
		FellBack: d.FellBack, Omitted: d.Drops}
	r.OmittedInputs.Count = d.Omissions
	for _, o := range d.Omitted {
		r.OmittedInputs.Names = append(r.OmittedInputs.Names, o.Source+": "+o.Key)
	}
	r.Dropped.Count = d.Drops
	for _, k := range d.Dropped {
		r.Dropped.Names = append(r.Dropped.Names, k.Key)
	}
	for _, c := range d.Flagged {
		r.NonFinite.add(c.Key, int64(c.NonFinite))
		r.Lossy.add(c.Key, int64(c.Overflow+c.Underflow))
	}
	r.NonFinite.Keys, r.NonFinite.Elements = d.NonFiniteKeys, int64(d.Total.NonFinite)
	r.Lossy.Keys, r.Lossy.Elements = d.LossyKeys, int64(d.Total.Overflow+d.Total.Underflow)
	for i := range r.Models {
		r.Models[i].Used += d.Again[i]
	}
	r.Warnings = s.allWarnings(r.Models)
	r.BytesRead, r.BytesWritten = d.BytesRead, d.BytesWritten
	r.PeakRAM, r.Units = s.budget.Peak(), int64(d.Units)
	r.Time.Read, r.Time.Compute, r.Time.Write = d.Stages.Read, d.Stages.Compute+d.Stages.Wait, d.Stages.Write
	r.Time.Publish = d.Publish
}

// add names a key with n elements, if there are any.
func (c *CountList) add(key string, n int64) {
	if n > 0 {
		c.First = append(c.First, KeyCount{key, n})
	}
}
