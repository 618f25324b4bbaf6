// Package exam is the examination that every device has to pass: whatever it runs gives
// the same bits as the portable execution [kernels.Run], it writes only where it may,
// and its queue keeps its order. It ranges over the table of operations, the element
// types, the forms and the kinds of results, so that what is added there is examined.
//
// Glossary:
//
//   - [Check]: one subject of the exam.
//   - paper: a launch with its data; it is run by the device and by kernels.Run.
//   - guard band: bytes around every span that nobody may change.
//
// A device's tests call [Run]:
//
//	func TestExam(t *testing.T) {
//		exam.Run(t, func() device.Device { return open() })
//	}
//
// The exam does not measure speed, and it needs no files.
package exam
