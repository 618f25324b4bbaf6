package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mecha-gpu/mecha-gpu/device"
	"github.com/mecha-gpu/mecha-gpu/tensor"
)

// savedRates is the file in which bench --save keeps what it measured: the plans of later
// runs estimate with it.
type savedRates struct {
	Schema int                     `json:"schema"` // 1
	Rates  map[string]device.Rates `json:"rates"`  // by mecha.DeviceName
}

// ratesPath is where the rates are kept, in the cache folder of the user; "" if there is
// none.
func (a *app) ratesPath() string {
	dir := a.env("XDG_CACHE_HOME")
	if dir == "" && a.userCache != nil {
		dir = a.userCache()
	}
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, "mecha-gpu", "rates.json")
}

// loadRates returns the rates that were saved. That there are none, or that they cannot be
// read, only makes estimates worse.
func (a *app) loadRates() map[string]device.Rates {
	path := a.ratesPath()
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	var s savedRates
	if json.Unmarshal(text, &s) != nil || s.Schema != 1 {
		return nil
	}
	return s.Rates
}

// saveRates adds the rates of a device to those that were saved before, and returns where
// they are.
func (a *app) saveRates(name string, r device.Rates) (string, error) {
	path := a.ratesPath()
	if path == "" {
		return "", &tensor.Error{Class: tensor.ClassIO, Err: errors.New("there is no folder to save rates in"), Hint: "set XDG_CACHE_HOME"}
	}
	all := savedRates{Schema: 1, Rates: a.loadRates()}
	if all.Rates == nil {
		all.Rates = map[string]device.Rates{}
	}
	all.Rates[name] = r
	text, err := json.MarshalIndent(all, "", "  ")
	if err == nil {
		err = writeWhole(path, append(text, '\n'))
	}
	if err != nil {
		return "", &tensor.Error{Class: tensor.ClassIO, Path: path, Err: fmt.Errorf("saving rates: %w", err)}
	}
	return path, nil
}

// writeWhole writes a file that is there with all its bytes or not at all.
func writeWhole(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		if rerr := os.Remove(f.Name()); rerr != nil && !errors.Is(rerr, fs.ErrNotExist) {
			err = errors.Join(err, rerr)
		}
	}
	return err
}
