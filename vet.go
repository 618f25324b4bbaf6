package mecha

// VetReport says what a recipe is, found without opening a file.
type VetReport struct {
	Type       string   `json:"type"` // "vet"
	Schema     int      `json:"schema"`
	Recipe     string   `json:"recipe"`
	Nodes      int      `json:"nodes"`
	Models     []string `json:"models"`      // paths as written
	Methods    []string `json:"methods"`     // identifiers, in order of first use
	MergeSpace string   `json:"merge_space"` // of the result
	Warnings   []string `json:"warnings,omitempty"`
}

// PlanReport says what a merge would do, found from the headers of the inputs.
type PlanReport struct {
	Type   string `json:"type"` // "plan"
	Schema int    `json:"schema"`

	// Outputs are the paths of the outputs, if there are several. Everything else is for all of
	// them together.
	Outputs []string `json:"outputs,omitempty"`

	Models []ModelReport `json:"models"`
	Keys   KeyReport     `json:"keys"`

	Mismatched NameList `json:"shape_mismatches"`
	Missing    NameList `json:"missing"`

	BytesRead   int64 `json:"bytes_read"`    // every sweep counted that reads again
	BytesWrite  int64 `json:"bytes_written"` // of tensors
	OutputBytes int64 `json:"output_bytes"`  // size of the files

	Device string `json:"device"`     // what would compute
	Why    string `json:"device_why"` // why that device

	MaxRAM      int64   `json:"max_ram"`
	PlannedRAM  int64   `json:"planned_ram"`
	PlannedVRAM int64   `json:"planned_vram,omitempty"` // of each GPU
	Workers     int     `json:"workers"`
	UnitBytes   int64   `json:"unit_bytes"`
	Programs    int     `json:"programs"`
	Seconds     float64 `json:"estimated_seconds"` // by the rates of the device

	Warnings []string `json:"warnings,omitempty"`
}

// Inspection describes a checkpoint.
type Inspection struct {
	Type     string            `json:"type"` // "inspect"
	Schema   int               `json:"schema"`
	Path     string            `json:"path"`
	Files    []string          `json:"files"`
	Keys     int               `json:"keys"`
	Elements int64             `json:"elements"`
	Bytes    int64             `json:"bytes"`
	DTypes   []DTypeCount      `json:"dtypes"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Recipe   string            `json:"recipe,omitempty"` // the embedded recipe, if any
	Tensors  []TensorInfo      `json:"tensors,omitempty"`
}

// DTypeCount counts the tensors of an element type.
type DTypeCount struct {
	DType string `json:"dtype"`
	Keys  int    `json:"keys"`
	Bytes int64  `json:"bytes"`
}

// TensorInfo describes a tensor of a checkpoint.
type TensorInfo struct {
	Key   string  `json:"key"`
	DType string  `json:"dtype"`
	Shape []int64 `json:"shape"`
	Bytes int64   `json:"bytes"`
}
