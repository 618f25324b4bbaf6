package softcuda

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Library is the file name of the driver.
const Library = "libcuda.so.1"

// errNoCompiler says that the driver cannot be built on this machine.
var errNoCompiler = errors.New("the software CUDA driver needs Linux on amd64 or arm64 and a C++ compiler")

// built is the folder of the library, made once in this process.
var built = sync.OnceValues(build)

// Build builds the driver with the present kernels and returns the folder that holds
// [Library]. The work is done once and kept in build/softcuda of the repository, under a hash of
// all that goes into it; test binaries that run side by side wait for each other. The test is
// skipped if there is no C++ compiler.
func Build(t testing.TB) string {
	t.Helper()
	dir, err := built()
	if errors.Is(err, errNoCompiler) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// build runs build.sh under a lock that excludes other processes.
func build() (string, error) {
	if runtime.GOOS != "linux" || compiler() == "" {
		return "", errNoCompiler
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache := filepath.Join(root, "build", "softcuda", "cache")
	if err := os.MkdirAll(cache, 0o777); err != nil {
		return "", err
	}
	unlock, err := lockFile(filepath.Join(cache, "lock"))
	if err != nil {
		return "", err
	}
	defer unlock()
	var out, messages bytes.Buffer
	cmd := exec.Command("sh", filepath.Join(root, "tests", "softcuda", "build.sh"), cache)
	cmd.Stdout, cmd.Stderr = &out, &messages
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("building the software CUDA driver: %w\n%s", err, &messages)
	}
	return strings.TrimSpace(out.String()), nil
}

// compiler is the C++ compiler that build.sh will use, "" if there is none.
func compiler() string {
	for _, name := range []string{os.Getenv("CXX"), "g++", "clang++", "c++"} {
		if name == "" {
			continue
		}
		if _, err := exec.LookPath(strings.Fields(name)[0]); err == nil {
			return name
		}
	}
	return ""
}

// moduleRoot is the folder of go.mod above the working directory, which is the package's folder
// when tests run.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above the working directory: the sources of the software CUDA driver are not here")
		}
		dir = up
	}
}
