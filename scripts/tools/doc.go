// Package tools pins the programs that check the source code. They live in a module of
// their own, so that the program itself does not depend on them.
package tools
