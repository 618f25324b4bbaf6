// Package vfs is the few file operations through which checkpoints are read and
// published: on the real system, in memory with power cuts, and (package errorfs)
// failing on demand.
//
// Glossary:
//
//   - publish: give a finished file its final name, with Rename and SyncDir.
//   - durable: what survives a power cut: bytes after File.Sync, names after
//     FS.SyncDir. Nothing else is promised, and [Mem] takes everything else away.
//   - lock: an advisory lock on a whole file. It ends when the file is closed or
//     when its process dies, which is how a temp file of a killed run is told from
//     one that is in use.
//
// Example: write a file so that readers see all of it or none of it.
//
//	f, err := fsys.Create("dir/.tmp", 0o666)
//	err = vfs.WriteFull(f, data, 0)
//	err = f.Sync()
//	err = f.Close()
//	err = fsys.Rename("dir/.tmp", "dir/name")
//	err = fsys.SyncDir("dir")
//
// The package does not walk trees, watch files, or map them into memory.
package vfs
