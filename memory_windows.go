package mecha

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// memoryStatus is MEMORYSTATUSEX of the Windows API.
type memoryStatus struct {
	length, load                                                          uint32
	totalPhys, availPhys, totalPage, availPage, totalVirt, availVirt, ext uint64
}

func machineMemory() (int64, bool) {
	s := memoryStatus{}
	s.length = uint32(unsafe.Sizeof(s))
	proc := windows.NewLazySystemDLL("kernel32.dll").NewProc("GlobalMemoryStatusEx")
	if ok, _, _ := proc.Call(uintptr(unsafe.Pointer(&s))); ok == 0 {
		return 0, false
	}
	return int64(s.totalPhys), true
}
