// Package ptx holds the kernels of the GPU device, and makes Programs into the code that
// they run.
//
// One kernel interprets all Programs, so that nothing is compiled while a merge runs. A
// Program becomes a list of instructions of 16 bytes, which is uploaded once. A launch is a
// row of a table: positions, addresses, constants. One run of the kernel works on as many
// rows as the table has, so that small keys share it.
//
// Glossary:
//
//   - [Code]: a Program as the kernels run it.
//   - [Pass]: one run of a kernel over all elements. Sums over rows, columns and everything
//     go over the elements in different ways, and are therefore made by a pass each.
//   - row: what belongs to one launch in the table (its "instance").
//   - walk: which thread takes which elements in what order (walk.h).
//   - tile: what a block of threads takes at a time.
//
// Example:
//
//	code, err := ptx.Encode(prog)         // upload code.Image once
//	table := code.AppendRow(nil, launch)  // upload for each launch, or for many
//	for i := range code.Passes {
//		p := &code.Passes[i]
//		args := ptx.RunArgs{Code: image + uint64(p.Offset), Instances: rows, Count: 1}
//		// launch p.Entry with args, p.Threads threads, p.Shared bytes, and a grid of at
//		// most p.Tiles(launch) blocks
//	}
//
// The files, one family of kernels in a .cu file:
//
//   - run.cu: Programs: loads of every element type and form, all operations, casts with flags and
//     counts, sums, maxima, counts, histograms.
//   - product.cu: products of matrices by the product rule of kernels/product.go.
//   - copy.cu: rows of bytes: strided copies, clearing.
//   - convert.h, number.h: element types, arithmetic; the twins of kernels/convert*.go and run_*.go.
//   - walk.h, total.h: geometry; reductions by the sum rule of kernels/sum.go.
//   - element.h, device.h, device_ptx.h: memory and what there is of CUDA C++.
//   - layout.h: what Go and the kernels agree on, written by go generate from layout.go.
//
// Kernels to come get a file each beside these: select.cu (the k-th magnitude, over the
// histograms of run.cu), sort.cu.
//
// The kernels are compiled to PTX by scripts/kernels/build.sh (make kernels), and by a host
// compiler into the software driver of the tests. The package knows no driver: it uploads and
// launches nothing. It does not check launches; callers do (kernels.Launch.Check).
package ptx
