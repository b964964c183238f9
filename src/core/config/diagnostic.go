package config

import (
	"fmt"
	"strings"

	"multiwan/src/core/order"
)

// Diagnostic is one thing wrong with a configuration file.
type Diagnostic struct {
	_ order.Incomparable

	File string
	// Line counts from 1; 0 where the file as a whole is meant.
	Line int
	// Section is the name of the section, "@rule[2]" for the third rule where it has none. Option is empty where the section itself is
	// meant, Value where the option is missing.
	Section, Option, Value string
	// Want says what should stand there, bounds included, and where that does not speak for itself the reason.
	Want string
	// Warning tells what is only reported from what makes a reload fail.
	Warning bool
}

// String returns `file:line: section.option: "value": want …`, after the position the word warning where it is one.
func (d Diagnostic) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d: ", d.File, d.Line)
	if d.Warning {
		b.WriteString("warning: ")
	}
	if d.Section != "" {
		b.WriteString(d.Section)
		if d.Option != "" {
			b.WriteString("." + d.Option)
		}
		b.WriteString(": ")
	}
	if d.Value != "" {
		fmt.Fprintf(&b, "%q: ", shorten(d.Value))
	}
	return b.String() + d.Want
}

// shorten keeps a pasted file out of the log.
func shorten(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}

// Diagnostics are in file order.
type Diagnostics []Diagnostic

// HasErrors tells whether any is more than a warning: then a reload must not take the configuration.
func (ds Diagnostics) HasErrors() bool {
	return order.Any(len(ds), func(i int) bool { return !ds[i].Warning })
}

// String returns one line for each, each with its line end.
func (ds Diagnostics) String() string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String() + "\n")
	}
	return b.String()
}

// sort puts diagnostics into file order; those of one line stay in the order in which they were found.
func (ds Diagnostics) sort() {
	order.By(ds, func(i, j int) int { return ds[i].Line - ds[j].Line })
}
