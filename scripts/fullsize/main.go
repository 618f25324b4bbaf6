//go:build unix

// Command fullsize takes an SDXL model of full size from one layout to another and back, and
// says whether the bytes are the same, and how long and how much memory it took.
//
// Usage: go run ./scripts/fullsize -program bin/mecha-gpu -dir FOLDER
//
// The model has all keys of the config sdxl-sgm, with random weights in float16: 6.5 GiB, of
// which FOLDER holds three at a time. The exit status is 0 if every tensor that has a name in
// the other layout came back as it was.
package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mecha-gpu/mecha-gpu/scripts/internal/sample"
)

const (
	here  = "sdxl-sgm"
	there = "sdxl-kohya"
)

func main() {
	program := flag.String("program", "bin/mecha-gpu", "the program")
	dir := flag.String("dir", "", "folder for 20 GiB of models, which are removed")
	flag.Parse()
	if err := run(*program, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "fullsize:", err)
		os.Exit(1)
	}
}

func run(program, dir string) error {
	if dir == "" {
		return fmt.Errorf("no folder is named: -dir FOLDER")
	}
	config, err := exec.Command(program, "configs", "show", here).Output()
	if err != nil {
		return fmt.Errorf("%s configs show %s: %w", program, here, err)
	}
	first, middle, back := filepath.Join(dir, "first.safetensors"), filepath.Join(dir, "middle.safetensors"), filepath.Join(dir, "back.safetensors")
	for _, path := range []string{first, middle, back} {
		defer os.Remove(path)
	}
	tensors, err := keys(string(config))
	if err != nil {
		return err
	}
	if err := sample.Write(first, tensors, 1); err != nil {
		return err
	}
	out, err := convert(program, first, there, middle)
	if err != nil {
		return err
	}
	if _, err := convert(program, middle, here, back); err != nil {
		return err
	}
	return compare(first, back, out)
}

var keyLine = regexp.MustCompile(`(?m)^ {4}(\S+): \{shape: \[([^\]]*)\], dtype: (\w+)`)

// keys reads the keys of a config. Its floating-point types say float32; models are float16.
func keys(config string) ([]sample.Tensor, error) {
	var list []sample.Tensor
	for _, m := range keyLine.FindAllStringSubmatch(config, -1) {
		t := sample.Tensor{Key: m[1], DType: "F16", Shape: []int64{}}
		if m[3] == "int64" {
			t.DType = "I64"
		}
		for _, d := range strings.FieldsFunc(m[2], func(r rune) bool { return r == ',' || r == ' ' }) {
			n, err := strconv.ParseInt(d, 10, 64)
			if err != nil {
				return nil, err
			}
			t.Shape = append(t.Shape, n)
		}
		list = append(list, t)
	}
	return list, nil
}

// convert runs the program and prints what it took. It returns the report.
func convert(program, in, to, out string) (report string, err error) {
	cmd := exec.Command(program, "convert", in, "--to", to, "-o", out, "--device", "cpu", "--json")
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("convert to %s: %w\n%s", to, err, &text)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return "", fmt.Errorf("the system does not say how much memory was used")
	}
	fmt.Printf("to %s: %.1f s, peak RSS %.1f MiB\n", to, time.Since(start).Seconds(), float64(usage.Maxrss)/1024)
	return text.String(), nil
}

// place is where a tensor is in a file.
type place struct {
	DType   string   `json:"dtype"`
	Shape   []int64  `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

// compare compares the tensors that came back, and looks up the others in the report.
func compare(first, back, report string) error {
	a, at, err := header(first)
	if err != nil {
		return err
	}
	b, bt, err := header(back)
	if err != nil {
		return err
	}
	defer a.Close()
	defer b.Close()
	same, lost, named := 0, 0, 0
	for _, key := range slices.Sorted(maps.Keys(at)) {
		x, ok := bt[key]
		if !ok {
			lost++
			if strings.Contains(report, key) {
				named++
			}
			continue
		}
		if equal, err := sameTensor(a, b, at[key], x); err != nil || !equal {
			return fmt.Errorf("%s is not what it was: %w", key, err)
		}
		same++
	}
	fmt.Printf("%d tensors are the same, %d have no name in %s, of which the report names %d\n", same, lost, there, named)
	if len(bt) != same || named != lost {
		return fmt.Errorf("%d tensors came back; not named:\n%s", len(bt), report)
	}
	return nil
}

// header opens a file and reads its header; offsets count from the start of the file.
func header(path string) (*os.File, map[string]place, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	var size [8]byte
	if _, err := io.ReadFull(f, size[:]); err != nil {
		return nil, nil, err
	}
	text := make([]byte, binary.LittleEndian.Uint64(size[:]))
	if _, err := io.ReadFull(f, text); err != nil {
		return nil, nil, err
	}
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, nil, err
	}
	delete(raw, "__metadata__")
	all := map[string]place{}
	for key, x := range raw {
		var p place
		if err := json.Unmarshal(x, &p); err != nil {
			return nil, nil, err
		}
		for i := range p.Offsets {
			p.Offsets[i] += int64(8 + len(text))
		}
		all[key] = p
	}
	return f, all, nil
}

func sameTensor(a, b io.ReaderAt, x, y place) (bool, error) {
	n := x.Offsets[1] - x.Offsets[0]
	if x.DType != y.DType || !slices.Equal(x.Shape, y.Shape) || n != y.Offsets[1]-y.Offsets[0] {
		return false, nil
	}
	const piece = 1 << 20
	p, q := make([]byte, piece), make([]byte, piece)
	for at := int64(0); at < n; at += piece {
		m := min(piece, n-at)
		if _, err := a.ReadAt(p[:m], x.Offsets[0]+at); err != nil {
			return false, err
		}
		if _, err := b.ReadAt(q[:m], y.Offsets[0]+at); err != nil {
			return false, err
		}
		if !bytes.Equal(p[:m], q[:m]) {
			return false, nil
		}
	}
	return true, nil
}
