package vfs_test

import (
	"errors"
	"io"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// step is one answer of a scripted reader or writer.
type step struct {
	n   int
	err error
}

// script answers calls in order and notes what it was asked for.
type script struct {
	steps []step
	asked []int
	at    []int64
}

func (s *script) ReadAt(p []byte, off int64) (int, error) {
	s.asked, s.at = append(s.asked, len(p)), append(s.at, off)
	if len(s.steps) == 0 {
		return len(p), nil
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	return step.n, step.err
}

func (s *script) WriteAt(p []byte, off int64) (int, error) { return s.ReadAt(p, off) }

func TestShortTransfersAreContinued(t *testing.T) {
	errDisk := errors.New("disk")
	for _, c := range []struct {
		name        string
		steps       []step
		read, write error
	}{
		{"at once", []step{{10, nil}}, nil, nil},
		{"in parts", []step{{3, nil}, {1, nil}, {6, nil}}, nil, nil},
		{"end beside the last byte", []step{{3, nil}, {7, io.EOF}}, nil, io.EOF},
		{"end too early", []step{{3, io.EOF}}, io.ErrUnexpectedEOF, io.EOF},
		{"end at once", []step{{0, io.EOF}}, io.ErrUnexpectedEOF, io.EOF},
		{"failure", []step{{3, nil}, {0, errDisk}}, errDisk, errDisk},
		{"failure beside bytes", []step{{3, errDisk}}, errDisk, errDisk},
		{"failure beside the last byte", []step{{10, errDisk}}, errDisk, errDisk},
		{"no progress", []step{{3, nil}, {0, nil}}, io.ErrNoProgress, io.ErrShortWrite},
	} {
		if err := vfs.ReadFull(&script{steps: c.steps}, make([]byte, 10), 5); !errors.Is(err, c.read) || (err == nil) != (c.read == nil) {
			t.Errorf("%s: reading: error %v, want %v", c.name, err, c.read)
		}
		if err := vfs.WriteFull(&script{steps: c.steps}, make([]byte, 10), 5); !errors.Is(err, c.write) || (err == nil) != (c.write == nil) {
			t.Errorf("%s: writing: error %v, want %v", c.name, err, c.write)
		}
	}
	s := &script{steps: []step{{3, nil}, {4, nil}}}
	check(t, vfs.ReadFull(s, make([]byte, 10), 1<<40))
	if s.asked[2] != 3 || s.at[2] != 1<<40+7 {
		t.Errorf("the third call was for %d bytes at %d", s.asked[2], s.at[2])
	}
	for _, wrong := range []int{-1, 11} {
		if vfs.ReadFull(&script{steps: []step{{wrong, nil}}}, make([]byte, 10), 0) == nil ||
			vfs.WriteFull(&script{steps: []step{{wrong, nil}}}, make([]byte, 10), 0) == nil {
			t.Errorf("a transfer of %d of 10 bytes was accepted", wrong)
		}
	}
}
