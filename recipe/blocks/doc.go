// Package blocks reads weights of the blocks of a UNet, in the forms in which people write
// them down.
//
// Glossary:
//
//   - block: a part of a model whose keys share a weight: BASE, IN00, ..., M00, OUT00, ..., VAE.
//   - [Weights]: what was read: a weight for some blocks, or for all.
//   - preset: weights that have a name, such as GRAD_V.
//   - rest: the one weight of all blocks that are not listed.
//
// Four forms are read by [Parse], and files with any of them by [ParseYAML]:
//
//	IN00-IN05=0.2,M00=0.5       blocks by name, and ranges of them
//	0,0.1,0.2, ...              25 or 26 numbers: SD1, without and with BASE; 19, 20 or 21:
//	                            SDXL, without BASE, with it, and with VAE. Between them are
//	                            commas, or spaces
//	GRAD_V                      a preset
//
// What was read becomes a weight for each block of a model by [Weights.For]:
//
//	w, err := blocks.Parse("IN00-IN05=0.2")
//	list, err := w.For(names, &rest) // names: the keys of sdxl-supermerger_blocks
//
// The package does not know which keys are in a block (package recipe/config does), and it
// opens no file.
package blocks
