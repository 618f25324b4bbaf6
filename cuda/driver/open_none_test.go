//go:build !cgo || !(linux || windows) || !(amd64 || arm64)

package driver_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

func TestOpenWithoutCgoSaysHowToBuild(t *testing.T) {
	_, err := driver.Open("")
	if !errors.Is(err, driver.ErrNoDriver) || !strings.Contains(err.Error(), "CGO_ENABLED=1") {
		t.Errorf("got %v", err)
	}
}
