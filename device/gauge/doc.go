// Package gauge measures how fast a device is, through the contract of package device, so
// that every kind of device is measured in the same way and plans can compare them.
//
// Glossary:
//
//   - limit: what copying alone reaches: memory cleared on the device, bytes over the bus in
//     one direction. Everything else is told as a ratio to a limit of the same run.
//   - staging: reading a file in the page cache into the memory that a device's host side
//     has, and writing from there.
//   - overlap: how much of the time of upload, compute and download is saved by doing them
//     side by side. 1 means that the slowest hides the others.
//
// Example:
//
//	r, err := gauge.Measure(ctx, d, gauge.Options{Bytes: 64 << 20, Repeat: 5, File: f})
//	fmt.Println(r.Rates(), r.Ratios())
//
// Each number is the best of several tries: what disturbs a measurement makes it slower.
// The package chooses nothing; it gives device.Rates to whoever plans.
package gauge
