package mecha

import "time"

// Report says what a merge did. Its JSON form is that of schema 1.
type Report struct {
	Type   string `json:"type"` // "report"
	Schema int    `json:"schema"`

	Output string `json:"output,omitempty"`
	Device string `json:"device"`     // what computed: "cpu (avx2, 2 threads)"
	Why    string `json:"device_why"` // why that device

	// Outputs are what a merge made that has several outputs; Output is then empty. Everything
	// else is for all of them together: a name in a list has its output before it.
	Outputs []OutputReport `json:"outputs,omitempty"`

	Models []ModelReport `json:"models"`
	Keys   KeyReport     `json:"keys"`

	// OmittedInputs are tensors that held NaN or infinite elements and were treated as
	// missing from their model; Dropped are output keys that could not be made without them.
	OmittedInputs NameList `json:"omitted_inputs"`
	Dropped       NameList `json:"dropped"`

	// NonFinite are output keys with NaN or infinite elements; Lossy are those where the
	// cast to the output type made a finite value infinite or a nonzero value zero.
	NonFinite CountList `json:"non_finite"`
	Lossy     CountList `json:"lossy_casts"`

	// Mismatched are keys whose shapes differ, passed through from the first model.
	Mismatched NameList `json:"shape_mismatches"`

	// Missing are keys of some input that the recipe cannot produce.
	Missing NameList `json:"missing"`

	BytesRead    int64 `json:"bytes_read"`
	BytesWritten int64 `json:"bytes_written"`

	MaxRAM     int64 `json:"max_ram"`     // the budget
	PlannedRAM int64 `json:"planned_ram"` // what the plan leases at most
	PeakRAM    int64 `json:"peak_ram"`    // what was leased at most

	// PlannedVRAM is the most device memory that the plan uses of each GPU; 0 for the CPU.
	PlannedVRAM int64 `json:"planned_vram,omitempty"`

	PeakVRAM int64 `json:"peak_vram,omitempty"` // what was leased of one GPU at most

	// DeviceErrors are failures of GPUs whose work was done again on the CPU.
	DeviceErrors NameList `json:"device_errors,omitzero"`

	Workers   int   `json:"workers"`
	Units     int64 `json:"units"`
	UnitBytes int64 `json:"unit_bytes"`
	Programs  int   `json:"programs"`

	Time TimeReport `json:"time"`

	Warnings []string `json:"warnings,omitempty"`
}

// OutputReport says what came out in one of several outputs.
type OutputReport struct {
	Output    string    `json:"output"`
	Keys      KeyReport `json:"keys"`
	Missing   int       `json:"missing"`     // keys of some input that the recipe cannot produce
	NonFinite int       `json:"non_finite"`  // keys with NaN or infinite elements
	Lossy     int       `json:"lossy_casts"` // keys that lost range in the cast to the output type
}

// ModelReport says which file a model of the recipe was.
type ModelReport struct {
	Path string `json:"path"` // as in the recipe
	File string `json:"file"` // what was opened
	Keys int    `json:"keys"`
	Used int    `json:"used"` // its keys that an output reads

	// Spaces are the merge spaces that it is taken to be in: "weight", or "delta" for a difference, ...
	Spaces []string `json:"merge_spaces"`

	// Unread are its keys that nothing is made from, as planned.
	Unread NameList `json:"unread"`

	// Adapter is what a LoRA is for that becomes a difference.
	Adapter *AdapterReport `json:"adapter,omitempty"`
}

// KeyReport counts output keys.
type KeyReport struct {
	Written  int `json:"written"`
	Computed int `json:"computed"`
	Copied   int `json:"copied"`
	Integers int `json:"integers_passed_through"`
	FellBack int `json:"fallen_back"`
	Omitted  int `json:"omitted"`
}

// NameList is a number of names and the first of them.
type NameList struct {
	Count int      `json:"count"`
	Names []string `json:"names,omitempty"`
}

// CountList is a number of names, the sum of their counts, and the first of them.
type CountList struct {
	Keys     int        `json:"keys"`
	Elements int64      `json:"elements"`
	First    []KeyCount `json:"first,omitempty"`
}

// KeyCount is a key and a number of elements.
type KeyCount struct {
	Key      string `json:"key"`
	Elements int64  `json:"elements"`
}

// TimeReport says where the time went. Stages run side by side, so that they add up to
// more than the total.
type TimeReport struct {
	Total   time.Duration `json:"total_ns"`
	Plan    time.Duration `json:"plan_ns"`
	Read    time.Duration `json:"read_ns"`
	Compute time.Duration `json:"compute_ns"`
	Write   time.Duration `json:"write_ns"`
	Publish time.Duration `json:"publish_ns"`
}
