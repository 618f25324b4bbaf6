// Package device is the contract between the program and what it computes on.
//
// Glossary:
//
//   - [Device]: a CPU or one GPU.
//   - [Queue]: accepts work in order; a worker of the run loop owns one.
//   - [Event]: a point in a queue's work that can be waited for. A failure of work that
//     was queued earlier surfaces at the wait.
//   - [Budget]: the memory the user allows; a [Lease] is a part of it.
//
// What a device can do is data ([Info]), never a type assertion. Devices are opened by
// whoever assembles the program, through [Opener] values in order of preference; there is
// no registry.
package device
