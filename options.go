package mecha

import (
	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/methods"
	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// Options steer a merge. The zero value is ready to use.
type Options struct {
	// ModelDirs are searched, in order, for models with a relative path, before the
	// working folder and the folder of the recipe.
	ModelDirs []string

	// Sources are models in memory (or anywhere else), by the name that the recipe uses
	// as their path.
	Sources map[string]tensor.Source

	// Methods are merge methods beside the built-in ones.
	Methods []*methods.Method

	// Configs are model configs beside the built-in ones: paths of YAML files, in the format
	// of sd-mecha, or of folders of them (*.yaml, *.yml).
	Configs []string

	// Devices are opened in order of preference; the first kind that opens is used. Empty
	// means the CPU.
	Devices []device.Opener

	// FastestDevice opens all Devices and uses those that the plan says are fastest; one
	// that cannot be opened is left out, and the report says why.
	FastestDevice bool

	// DeviceIndices are the GPUs to use, among the visible ones; nil means all.
	DeviceIndices []int

	// Rates are measured speeds, by DeviceName. They take the place of those that devices
	// guess, for estimates and for FastestDevice.
	Rates map[string]device.Rates

	// MaxVRAM is the most memory in bytes to use of each GPU; 0 means a share of what is
	// free.
	MaxVRAM int64

	// MaxRAM is the most host memory in bytes that a merge leases for headers, staging
	// and tensors; 0 means a quarter of what the machine, or its cgroup, has.
	MaxRAM int64

	// ProgramRAM is the part of MaxRAM that the program takes for itself, beside the merge.
	ProgramRAM int64

	// Heap, if not nil, is called once when the merge is planned, before it moves a tensor, with
	// the part of MaxRAM that is not held outside the Go heap. A program that bounds its memory
	// as a whole sets the limit of the Go runtime by it.
	Heap func(bytes int64)

	// Threads is the number of workers on the CPU; 0 means all processors.
	Threads int

	// UnitBytes is the number of output bytes that a worker computes at a time; 0 means
	// what the device likes best. It does not change any output byte.
	UnitBytes int64

	// MergeDType is the type of arithmetic: F32 (also if it is InvalidDType) or F64. F16
	// and BF16 round every input to that type and compute in F32.
	MergeDType tensor.DType

	// OutputDType is the element type of the output; InvalidDType keeps that of the first
	// input of each key. Integer and boolean tensors keep theirs.
	OutputDType tensor.DType

	// MergeSpace is the space that the result must have: "weight" (also if empty),
	// "delta", "param", a space of the user, or "any".
	MergeSpace string

	// Fallback is the path or name of a model that supplies what the recipe cannot.
	Fallback string

	// StrictKeys makes a key that cannot be produced an error, before anything is read.
	StrictKeys bool

	// ExtraKeys says what happens to keys that the model config does not know.
	ExtraKeys ExtraKeys

	// NonFinite says what happens to inputs that hold NaN or infinite elements.
	NonFinite NonFinite

	// OnDeviceError says what happens if a GPU fails during the merge.
	OnDeviceError DeviceErrors

	// OnShapeMismatch says what happens if models have different shapes for a key.
	OnShapeMismatch ShapePolicy

	// Strict makes non-finite outputs, lossy casts, and keys that were dropped or matched
	// nothing an error of class strict, after the output is complete.
	Strict bool

	// Compat is "" or "sd-mecha-1.1.5": the reference's behaviour where the two differ.
	Compat string

	// MakeDirs creates the missing folders of the output.
	MakeDirs bool

	// Progress, if not nil, is called now and then, from one goroutine at a time. It must
	// return quickly, and may end the context of the merge.
	Progress func(Progress)

	// FS is the file system; nil means that of the operating system.
	FS vfs.FS
}

// ExtraKeys is a policy for keys that the model config does not know.
type ExtraKeys uint8

const (
	KeepExtra ExtraKeys = iota
	DropExtra
	RefuseExtra
)

// NonFinite is a policy for inputs with NaN or infinite elements.
type NonFinite uint8

const (
	OmitNonFinite   NonFinite = iota // such a tensor is missing from its model
	KeepNonFinite                    // such a tensor is used as it is
	RefuseNonFinite                  // such a tensor is an error
)

// DeviceErrors is a policy for GPUs that fail.
type DeviceErrors uint8

const (
	RescueOnCPU       DeviceErrors = iota // its work is done again on the CPU, with the same bytes
	StopOnDeviceError                     // the merge fails
)

// ShapePolicy is a policy for models that have different shapes for a key.
type ShapePolicy uint8

const (
	RefuseMismatch ShapePolicy = iota
	FirstShape                 // the first model's tensor is the result
)

// Progress is how far a merge has come.
type Progress struct {
	Stage      string // "plan", then "merge"
	KeysDone   int
	Keys       int
	BytesDone  int64 // written so far; more than BytesTotal if keys had to be made again
	BytesTotal int64
}
