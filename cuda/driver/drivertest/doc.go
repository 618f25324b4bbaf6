// Package drivertest holds the tests that every implementation of the CUDA driver's
// interface passes, on a real driver and on a software one: [Run].
//
//	func TestDriver(t *testing.T) {
//		drivertest.Run(t, func() (driver.API, error) { return driver.Open("") })
//	}
//
// Its kernels are ../testdata/kernels.cu; [PTX] is made from them by scripts/driver-ptx.sh. The tests
// measure nothing and leave nothing behind on the device. Tests that kill the context are
// apart ([Crash]), because a process does not get it back.
package drivertest
