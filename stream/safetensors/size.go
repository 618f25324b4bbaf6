package safetensors

import "github.com/mecha-gpu/mecha-gpu/tensor"

// FileSize returns how many bytes the file of a layout takes: the length, the header and the
// data. It fails if the layout cannot be written to a file; path is for messages.
func FileSize(path string, l tensor.Layout) (int64, error) {
	n, data, err := checkLayout(path, l.Header)
	return 8 + n + data, err
}
