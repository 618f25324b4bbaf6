package main

import (
	"slices"

	"github.com/spf13/cobra"
)

const completionLong = `Print a script that makes a shell complete commands and flags. For the running shell:

  bash         source <(mecha-gpu completion bash)
  zsh          source <(mecha-gpu completion zsh)
  fish         mecha-gpu completion fish | source
  powershell   mecha-gpu completion powershell | Out-String | Invoke-Expression`

// newCompletionCommand makes the command completion.
func newCompletionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:       "completion SHELL",
		Short:     "Print the completion script of a shell",
		Long:      completionLong,
		Args:      exactly("SHELL"),
		ValidArgs: []string{"bash", "zsh", "fish", "powershell"},
		RunE:      func(cmd *cobra.Command, args []string) error { return runCompletion(a, cmd, args[0]) },
	}
}

// runCompletion prints the script of a shell.
func runCompletion(a *app, cmd *cobra.Command, shell string) error {
	root := cmd.Root()
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(a.stdout, true)
	case "zsh":
		return root.GenZshCompletion(a.stdout)
	case "fish":
		return root.GenFishCompletion(a.stdout, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(a.stdout)
	}
	return asUsage(notOneOf(shell, slices.Clone(cmd.ValidArgs)))
}
