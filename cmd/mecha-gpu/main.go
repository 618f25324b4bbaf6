// Command mecha-gpu merges state dicts of AI models by recipe, and says what recipes and
// checkpoints hold. `mecha-gpu help` is its manual.
//
// Glossary:
//
//   - command: one of merge, vet, plan, recipe, inspect, methods, version, completion; each
//     is a file with a type for its flags, a function that makes the command, and run.
//   - app: what a run of the program touches: arguments, environment, streams, the library.
//   - class: the kind of a failure; each has one exit code.
//   - printer: a way to show progress: bar, lines or JSON.
//
// Standard output is for data, standard error is for people. The command is the only place
// that reads the environment, handles signals, sets the memory limit of the Go runtime and
// names concrete devices; everything else is in the library.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/mecha-gpu/mecha-gpu/tensor"
)

func main() {
	os.Exit(newApp().run(interruptible(), os.Args[1:]))
}

// interruptible returns a context that ends at the first SIGINT or SIGTERM, so that a
// merge can clean up. A second signal exits at once.
func interruptible() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(tensor.ClassInterrupted.ExitCode())
	}()
	return ctx
}
