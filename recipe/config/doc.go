// Package config describes model configs: which keys a kind of checkpoint has, in which
// order, of which shape and element type, and under which other names.
//
// Glossary:
//
//   - [Config]: an identifier and an ordered table of keys, cut into components.
//   - component: a part of a model, such as the text encoder or the VAE.
//   - alias: another name under which files store a key; the name in the table is the
//     canonical one.
//   - structural config: the keys found in the inputs of a merge whose config is not known.
//   - [Registry]: the configs that a recipe may name.
//
// A structural config refers to the headers it was made from and copies no key:
//
//	c := config.Structural(config.Header(a), config.Header(b))
//	c.Len()            // keys in a or b
//	c.Canonical("w")   // "w", true if one of them has it
//
// The package opens no file.
package config
