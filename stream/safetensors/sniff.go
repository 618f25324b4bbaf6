package safetensors

import (
	"bytes"
	"unicode/utf8"
)

// sniffLen is how much of a file is looked at to tell what it is.
const sniffLen = 512

const convertHint = "convert it with Python, for example: import torch; from safetensors.torch import save_file; " +
	"d = torch.load(FILE, map_location='cpu', weights_only=True); save_file(d.get('state_dict', d), 'model.safetensors')"

// foreign is a kind of file that people take for a safetensors file.
type foreign struct {
	magic string
	what  string
	hint  string
}

// foreigners is the table of the kinds that are recognised, the more special first.
// Sources: PyTorch torch/serialization.py (MAGIC_NUMBER 0x1950a86a20f9469cfc6c as a
// pickled long), Python pickle protocols 2 to 5, PKZIP APPNOTE 4.3.7, ggml gguf.md,
// the git-lfs pointer specification, numpy.lib.format, the HDF5 superblock.
var foreigners = []foreign{
	{"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e", "a PyTorch checkpoint in the old pickle format", convertHint},
	{"\x80\x02", "a Python pickle", convertHint},
	{"\x80\x03", "a Python pickle", convertHint},
	{"\x80\x04", "a Python pickle", convertHint},
	{"\x80\x05", "a Python pickle", convertHint},
	{"PK\x03\x04", "a PyTorch checkpoint (a zip of pickles)", convertHint},
	{"GGUF", "a GGUF file", "get the model in safetensors format; GGUF is quantised for llama.cpp"},
	{"version https://git-lfs", "a git-lfs pointer instead of the model", "run `git lfs pull`, or download the file itself"},
	{"\x93NUMPY", "a NumPy array", "save the arrays with safetensors.numpy.save_file"},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file", "convert the model to safetensors"},
	{"<!DOCTYPE", "an HTML page", "the download went wrong; download the file again"},
	{"<html", "an HTML page", "the download went wrong; download the file again"},
}

// sniff returns the failure that says what a file is that is not safetensors, from its
// first bytes; nil if it is nothing that is recognised.
func sniff(path string, head []byte) error {
	for _, f := range foreigners {
		if bytes.HasPrefix(head, []byte(f.magic)) {
			return notSafetensors(path, f.what, f.hint)
		}
	}
	if isText(head) {
		return notSafetensors(path, "a text file", "")
	}
	return nil
}

func notSafetensors(path, what, hint string) error {
	e := invalid(path, "", "not a safetensors file")
	e.Got, e.Hint = what, hint
	return e
}

// isText reports whether the bytes are printable UTF-8. The header length of a
// safetensors file never is: its last bytes are zero.
func isText(head []byte) bool {
	for i := 0; i < len(head); {
		r, n := utf8.DecodeRune(head[i:])
		cut := i+utf8.UTFMax > sniffLen // a rune that the end of head cuts
		if r == utf8.RuneError && n == 1 && !cut || r < ' ' && r != '\n' && r != '\r' && r != '\t' {
			return false
		}
		i += n
	}
	return len(head) > 0
}

// isJSONText reports whether a file is JSON text, as an index is, and not a header.
func isJSONText(head []byte) bool {
	t := bytes.TrimLeft(head, " \t\r\n")
	return len(t) > 0 && t[0] == '{' && isText(head)
}

// looksLikeHeader reports whether JSON can start after the length of the header.
func looksLikeHeader(head []byte) bool {
	t := bytes.TrimLeft(head[min(8, len(head)):], " \t\r\n")
	return len(t) > 0 && t[0] == '{' || len(t) == 0 && len(head) == sniffLen
}
