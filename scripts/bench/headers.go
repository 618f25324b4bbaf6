package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// headersWord makes the program parse the headers of safetensors files with encoding/json
// and nothing else: the floor of a merge of many tiny tensors.
const headersWord = "headers"

// headerEntry is a tensor in a header.
type headerEntry struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// parseHeaders parses the header of each file into a map of structs.
func parseHeaders(paths []string) error {
	var all []map[string]headerEntry
	for _, path := range paths {
		h, err := parseHeader(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		all = append(all, h)
	}
	if len(all) == 0 {
		return fmt.Errorf("no file")
	}
	return nil
}

// parseHeader parses the header of a file. The entry __metadata__ leaves an empty struct.
func parseHeader(path string) (map[string]headerEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var n uint64
	if err := binary.Read(f, binary.LittleEndian, &n); err != nil {
		return nil, err
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(f, text); err != nil {
		return nil, err
	}
	var h map[string]headerEntry
	return h, json.Unmarshal(text, &h)
}
