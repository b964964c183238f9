package status

import (
	"fmt"
	"io"
	"strings"

	"multiwan/src/core/order"
)

// Changes is what a pass would do now: with the configuration file as it is, the network as it is and the verdicts as they are.
type Changes struct {
	Operations []Operation  `json:"operations"`
	Effects    []string     `json:"effects"`
	Errors     []Diagnostic `json:"errors"`
	Warnings   []string     `json:"warnings"`
	// Assumed says that no daemon runs: each WAN that has its device, address and gateway is taken as up.
	Assumed bool `json:"assumed"`
}

// Operation is one command with its reason.
type Operation struct {
	_ order.Incomparable

	Command string `json:"command"`
	Why     string `json:"why"`
}

// WriteChanges writes them for a terminal, as commands with their reasons behind.
func WriteChanges(w io.Writer, file string, c *Changes) error {
	var b strings.Builder
	for _, e := range c.Errors {
		fmt.Fprintf(&b, "# error: %s\n", e.Text(file))
	}
	if c.Assumed {
		b.WriteString("# no daemon runs: each WAN that can send is taken as up\n")
	}
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "# warning: %s\n", w)
	}
	if len(c.Operations) == 0 {
		b.WriteString("# nothing to change\n")
	}
	for _, o := range c.Operations {
		b.WriteString(o.Command)
		if o.Why != "" {
			fmt.Fprintf(&b, "  # %s", o.Why)
		}
		b.WriteByte('\n')
	}
	for _, e := range c.Effects {
		fmt.Fprintf(&b, "# then: %s\n", e)
	}
	_, err := io.WriteString(w, b.String())
	return err
}
