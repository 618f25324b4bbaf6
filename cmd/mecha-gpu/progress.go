package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	mecha "github.com/mecha-gpu/mecha-gpu"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// progress shows how far a merge has come. There is one model, [mecha.Progress], and a
// printer for each audience.
type progress interface {
	// update shows a new state. It is called by one goroutine at a time.
	update(mecha.Progress)

	// end leaves the terminal ready for the report.
	end()
}

// newProgress returns the printer for the streams at hand.
func (a *app) newProgress() progress {
	switch {
	case a.json:
		return &jsonProgress{app: a}
	case a.quiet:
		return noProgress{}
	case a.terminal:
		return &barProgress{w: a.stderr, every: redrawEvery}
	}
	return &lineProgress{w: a.stderr}
}

// noProgress shows nothing.
type noProgress struct{}

func (noProgress) update(mecha.Progress) {}
func (noProgress) end()                  {}

// percent returns how much of the bytes is done, 0 to 100.
func percent(p mecha.Progress) int {
	if p.BytesTotal <= 0 {
		return 0
	}
	return int(min(100, float64(p.BytesDone)/float64(p.BytesTotal)*100))
}

// steps finds out which states are worth showing: a new stage, and every so many percent.
type steps struct {
	stage string
	last  int
}

// due reports whether p is worth showing, and remembers it if so.
func (s *steps) due(p mecha.Progress, every int) bool {
	step := percent(p) / every
	if p.Stage == s.stage && step <= s.last {
		return false
	}
	s.stage, s.last = p.Stage, step
	return true
}

// lineProgress prints a plain line for each stage and each tenth of the bytes.
type lineProgress struct {
	w io.Writer
	steps
}

func (l *lineProgress) update(p mecha.Progress) {
	if !l.due(p, 10) {
		return
	}
	if p.BytesTotal == 0 {
		fmt.Fprintf(l.w, "%s\n", p.Stage)
		return
	}
	fmt.Fprintf(l.w, "%s: %d%%, %s of %s, %d of %d keys\n", p.Stage, percent(p),
		tensor.Bytes(p.BytesDone), tensor.Bytes(p.BytesTotal), p.KeysDone, p.Keys)
}

func (l *lineProgress) end() {}

// progressLine is the JSON form of progress.
type progressLine struct {
	Type       string `json:"type"` // "progress"
	Schema     int    `json:"schema"`
	Stage      string `json:"stage"`
	KeysDone   int    `json:"keys_done"`
	Keys       int    `json:"keys"`
	BytesDone  int64  `json:"bytes_done"`
	BytesTotal int64  `json:"bytes_total"`
}

// jsonProgress prints a JSON object for each stage and each percent of the bytes.
type jsonProgress struct {
	app *app
	steps
}

func (j *jsonProgress) update(p mecha.Progress) {
	if !j.due(p, 1) {
		return
	}
	// A reader that went away is found when the report is printed.
	_ = j.app.printJSON(progressLine{"progress", 1, p.Stage, p.KeysDone, p.Keys, p.BytesDone, p.BytesTotal})
}

func (j *jsonProgress) end() {}

// barProgress draws a bar with bytes, rate and remaining time. It uses no colours.
type barProgress struct {
	w     io.Writer
	every time.Duration // between two drawings
	bar   *progressbar.ProgressBar
}

func (b *barProgress) update(p mecha.Progress) {
	if p.BytesTotal <= 0 {
		return
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(p.BytesTotal, progressbar.OptionSetWriter(b.w),
			progressbar.OptionShowBytes(true), progressbar.OptionShowCount(), progressbar.OptionUseIECUnits(true),
			progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(),
			progressbar.OptionThrottle(b.every), progressbar.OptionClearOnFinish())
	}
	b.bar.Describe(p.Stage)
	// It fails only if the terminal does, and a merge should go on without its bar.
	_ = b.bar.Set64(min(p.BytesDone, p.BytesTotal))
}

// end removes the bar.
func (b *barProgress) end() {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
}

// redrawEvery is the time between two drawings of the bar: ten a second look smooth.
const redrawEvery = 100 * time.Millisecond
