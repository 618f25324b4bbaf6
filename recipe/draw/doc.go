// Package draw makes pictures of recipes: text for Graphviz (DOT), and SVG with a layout of its
// own, so that no other program is needed.
//
// Glossary:
//
//   - box: a node of the picture: a model, a literal of nodes, or a merge. A node of the recipe
//     that is used often is one box.
//   - row: a line of a box: a parameter with its value, or one that an edge leads to.
//   - layer: a column of boxes. Edges lead from left to right, the result is in the last layer.
//   - bend: a place in a layer where an edge that spans several layers passes between boxes. All
//     edges from one box share their bends.
//
// Values (numbers, words, dicts of such) are no boxes but rows of what uses them.
//
//	text := draw.DOT(g)
//	picture, err := draw.SVG(g)
//
// Equal recipes give equal pictures, byte for byte. The package does not fold or hide parts of a
// large recipe; SVG refuses one that nobody could look at.
package draw
