package mecha

// defaultShare is the part of the machine's memory that a merge may use if it is not told:
// a quarter leaves room for the page cache, which holds the inputs.
const defaultShare = 4

// fallbackMemory stands in where the amount of memory cannot be found out.
const fallbackMemory = 4 << 30

// defaultMaxRAM returns a quarter of the memory of the machine or of the cgroup, whichever
// is less.
func defaultMaxRAM() int64 {
	total := int64(fallbackMemory)
	if n, ok := machineMemory(); ok {
		total = n
	}
	return total / defaultShare
}
