package driver_test

import (
	"bytes"
	"testing"

	"github.com/mecha-gpu/mecha-gpu/cuda/driver"
)

func TestArgsAlignEachArgument(t *testing.T) {
	type pair struct {
		a uint8
		b uint32
	}
	var a driver.Args
	driver.Put(&a, uint8(1))            // 0
	driver.Put(&a, uint16(0x0302))      // 2
	driver.Put(&a, uint8(4))            // 4
	driver.Put(&a, uint64(5))           // 8
	driver.Put(&a, [3]uint8{6, 7, 8})   // 16
	driver.Put(&a, pair{9, 0x0d0c0b0a}) // 20
	driver.Put(&a, struct{}{})          // 28
	want := [][]byte{{1}, {2, 3}, {4}, {5, 0, 0, 0, 0, 0, 0, 0}, {6, 7, 8}, {9, 0, 0, 0, 10, 11, 12, 13}, {}}
	if a.Len() != len(want) || a.Size() != 28 {
		t.Fatalf("%d arguments in %d bytes", a.Len(), a.Size())
	}
	for i, w := range want {
		got := a.At(i)
		if i == 5 { // the hole in a struct holds anything
			got = append([]byte{got[0], 0, 0, 0}, got[4:]...)
		}
		if !bytes.Equal(got, w) {
			t.Errorf("argument %d is % x, want % x", i, got, w)
		}
	}
	a.Reset()
	if a.Len() != 0 || a.Size() != 0 {
		t.Errorf("after Reset: %d arguments in %d bytes", a.Len(), a.Size())
	}
	var none *driver.Args
	if none.Len() != 0 || none.Size() != 0 {
		t.Error("a nil Args has arguments")
	}
}

func BenchmarkPut(b *testing.B) {
	var a driver.Args
	for b.Loop() {
		a.Reset()
		for i := range 4 {
			driver.Put(&a, driver.DevPtr(i))
		}
		driver.Put(&a, int64(1))
	}
}
