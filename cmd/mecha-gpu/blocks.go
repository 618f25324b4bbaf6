package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	mecha "github.com/mecha-gpu/mecha-gpu"
)

const blocksLong = `Weights of the blocks of a UNet have one of these forms:

  IN00-IN05=0.2,M00=0.5   blocks by name, and ranges of them
  0,0.1,0.2,...           25 or 26 numbers (SD1, without and with BASE), or 19, 20 or 21 (SDXL,
                          without BASE, with it, and with VAE); commas or spaces between them
  GRAD_V                  a preset, for SD1 and SDXL
  FILE.yaml               a file with a mapping from blocks to weights, or any of the above

--blocks NAME=WEIGHTS gives them to a parameter of apply, of a .star program, or to a name in an
expression. They become weights of the blocks of the models that they are used with. Blocks that
are not listed have the weight of the parameter itself (--alpha, --set alpha=...). BASE is all keys
that are in no other block: the text encoders, of SD1 the VAE, and keys that no config knows.`

// blockFlags is the flag for block weights.
type blockFlags struct{ list []string }

// add adds the flag.
func (f *blockFlags) add(fs *pflag.FlagSet, what string) {
	fs.StringArrayVar(&f.list, "blocks", nil, "`NAME=WEIGHTS`: a weight for each block, for a parameter "+what+"; see mecha-gpu blocks --help; may be repeated")
}

// read reads the weights that the flag names, by parameter.
func (f *blockFlags) read(ctx context.Context) (map[string]mecha.BlockWeights, error) {
	texts, err := pairs("--blocks", "NAME=WEIGHTS", f.list)
	if err != nil || len(texts) == 0 {
		return nil, err
	}
	all := make(map[string]mecha.BlockWeights, len(texts))
	for name, text := range texts {
		if all[name], err = mecha.ReadBlocks(ctx, text, mecha.Options{}); err != nil {
			return nil, fmt.Errorf("--blocks %s: %w", name, err)
		}
	}
	return all, nil
}

// newBlocksCommand makes the command blocks.
func newBlocksCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "blocks",
		Short: "List or show block weights",
		Long:  blocksLong,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("unknown command %q of blocks%s", args[0], meant(args[0], []string{"list", "show"}))
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	list := &cobra.Command{Use: "list", Short: "List the presets", Args: exactly(),
		RunE: func(*cobra.Command, []string) error { return a.listBlocks() }}
	show := &cobra.Command{Use: "show WEIGHTS", Short: "Show the weight of each block", Long: blocksLong, Args: exactly("WEIGHTS"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.showBlocks(cmd.Context(), args[0]) }}
	a.addJSON(list.Flags(), "print the presets as JSON")
	a.addJSON(show.Flags(), "print the weights as JSON")
	cmd.AddCommand(list, show)
	return cmd
}

// blocksJSON is block weights as JSON.
type blocksJSON struct {
	Type   string      `json:"type"` // "blocks"
	Schema int         `json:"schema"`
	Name   string      `json:"name"`
	Blocks []blockJSON `json:"blocks"` // in order
}

type blockJSON struct {
	Block  string  `json:"block"`
	Weight float64 `json:"weight"`
}

func blocksToJSON(name string, w mecha.BlockWeights) blocksJSON {
	j := blocksJSON{Type: "blocks", Schema: 1, Name: name}
	for _, x := range w.Blocks() {
		j.Blocks = append(j.Blocks, blockJSON{x.Block, x.X})
	}
	return j
}

// listBlocks prints the presets: the weight of M00, and a bar for each other block of the UNet.
func (a *app) listBlocks() error {
	var b strings.Builder
	t := newTable(&b)
	t.row("PRESET", "BASE", "IN00 to IN11, M00, OUT00 to OUT11")
	for _, p := range mecha.BlockPresets() {
		if a.json {
			if err := a.printJSON(blocksToJSON(p.Name, p.Weights)); err != nil {
				return err
			}
			continue
		}
		list := p.Blocks()
		var curve strings.Builder
		for _, x := range list[1:26] {
			curve.WriteRune(bar(x.X))
		}
		t.row(p.Name, weightText(list[0].X), curve.String())
	}
	if a.json {
		return nil
	}
	t.flush()
	return a.print(b.String())
}

// bar is a character as high as a weight from 0 to 1.
func bar(x float64) rune {
	levels := []rune("▁▂▃▄▅▆▇█")
	return levels[max(0, min(len(levels)-1, int(x*float64(len(levels)))))]
}

func weightText(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// showBlocks prints the weight of each block.
func (a *app) showBlocks(ctx context.Context, text string) error {
	w, err := mecha.ReadBlocks(ctx, text, mecha.Options{})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(blocksToJSON(text, w))
	}
	var b strings.Builder
	for _, x := range w.Blocks() {
		fmt.Fprintf(&b, "%s: %s\n", x.Block, weightText(x.X))
	}
	return a.print(b.String())
}
