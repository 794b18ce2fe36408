package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

const rootExamples = `  ifmatch explain network.har
  ifmatch diagnose -X PUT -H 'If-Match: "v1"' https://api.example.com/doc`

// newRoot returns the command with all that is below it.
func newRoot(w *world) *cobra.Command {
	root := &cobra.Command{
		Use:   "ifmatch",
		Short: "Tells why a write was refused with 412 Precondition Failed",
		Long: `ifmatch tells why a write was refused with 412 Precondition Failed: what shows it,
why a refusal follows from that, and what helps.`,
		Example:           rootExamples,
		Version:           version(),
		SilenceErrors:     true,
		SilenceUsage:      true,
		DisableAutoGenTag: true,
	}
	root.AddCommand(newExplain(w), newDiagnose(w), newMan())
	return root
}

// version is the one of the module, as Go has built it.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}

func newMan() *cobra.Command {
	return &cobra.Command{
		Use:     "man DIRECTORY",
		Short:   "Write the manual pages into a directory",
		Example: "  ifmatch man /usr/local/share/man/man1",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			header := &doc.GenManHeader{Section: "1", Source: "ifmatch", Manual: "ifmatch"}
			if err := doc.GenManTree(cmd.Root(), header, args[0]); err != nil {
				return &failure{statusOutput, fmt.Errorf("the manual pages can't be written: %w", err)}
			}
			return nil
		},
	}
}
