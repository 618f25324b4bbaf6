package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

// versionInfo is what `version --json` prints.
type versionInfo struct {
	Type     string `json:"type"` // "version"
	Schema   int    `json:"schema"`
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
	SIMD     string `json:"simd"`
}

// newVersionCommand makes the command version.
func newVersionCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "Print the version of the program and of Go, and the instructions that the CPU computes with.",
		Args:  exactly(),
		RunE:  func(*cobra.Command, []string) error { return runVersion(a) },
	}
	a.addJSON(cmd.Flags(), "print the version as JSON")
	return cmd
}

// runVersion prints the version.
func runVersion(a *app) error {
	tier, err := a.simdTier()
	if err != nil {
		return err
	}
	v := buildVersion()
	v.SIMD = tier
	if a.json {
		return a.printJSON(v)
	}
	commit := v.Revision
	if v.Modified {
		commit += " with changes"
	}
	return a.print(fmt.Sprintf("mecha-gpu %s\n", joined(", ", v.Version, commit, v.Go+" "+v.Platform, "simd "+v.SIMD)))
}

// buildVersion returns what the Go toolchain stored in the binary.
func buildVersion() versionInfo {
	v := versionInfo{Type: "version", Schema: 1, Version: mecha.Version(), Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = strings.ToLower(s.Value[:min(12, len(s.Value))])
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
