package softcuda

import (
	"os"
	"path/filepath"
	"strings"
)

// Env is the environment of this process for a program that is to use the driver in dir: the
// program finds it as the system's libcuda.so.1, and the command also by MECHA_GPU_LIBCUDA.
// Knobs are "NAME=value"; those of this process are not passed on.
func Env(dir string, knobs ...string) []string {
	var env []string
	path := dir
	for _, e := range os.Environ() {
		name, value, _ := strings.Cut(e, "=")
		switch {
		case strings.HasPrefix(name, "SOFTCUDA_"), name == "CUDA_VISIBLE_DEVICES", name == "MECHA_GPU_LIBCUDA":
		case name == "LD_LIBRARY_PATH":
			path += ":" + value
		default:
			env = append(env, e)
		}
	}
	env = append(env, "LD_LIBRARY_PATH="+path, "MECHA_GPU_LIBCUDA="+filepath.Join(dir, Library))
	return append(env, knobs...)
}
