//go:build linux || darwin

package vfs_test

import (
	"testing"

	"github.com/mecha-gpu/mecha-gpu/stream/vfs"
	"golang.org/x/sys/unix"
)

func TestNoCallMovesMoreThanTheSystemDoes(t *testing.T) {
	// Never touched, so it takes address space only.
	p, err := unix.Mmap(-1, 0, vfs.MaxIO+5, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Skip("no 2 GiB of address space")
	}
	defer unix.Munmap(p)
	for name, move := range map[string]func(*script) error{
		"read":  func(s *script) error { return vfs.ReadFull(s, p, 7) },
		"write": func(s *script) error { return vfs.WriteFull(s, p, 7) },
	} {
		s := &script{}
		check(t, move(s))
		if len(s.asked) != 2 || s.asked[0] != vfs.MaxIO || s.asked[1] != 5 || s.at[1] != 7+vfs.MaxIO {
			t.Errorf("%s: calls for %v bytes at %v", name, s.asked, s.at)
		}
	}
}
