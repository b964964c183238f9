package main

import (
	"os"
	"path/filepath"

	"multiwan/src/core/uci"
)

func uciCommand() *command {
	var names bool
	return &command{
		name: "uci", args: "show FILE", summary: "print a UCI file as `uci show` does",
		help: "Prints the file as multiwan reads it, in the form of OpenWrt's own `uci show`: for comparison where the two seem to\n" +
			"disagree. Needs no daemon and no root.",
		words: []string{"show", "FILE"},
		flags: func(o *options) {
			o.flag(&names, "X", "show generated names of anonymous sections, as `uci -X show` does")
		},
		run: func(c *call) error {
			if len(c.args) != 2 || c.args[0] != "show" {
				return badUsage("want show FILE")
			}
			text, err := os.ReadFile(c.args[1])
			if err != nil {
				return err
			}
			f, err := uci.Parse(filepath.Base(c.args[1]), text)
			if err != nil {
				return err
			}
			if names {
				return f.ShowNames(c.stdout)
			}
			return f.Show(c.stdout)
		},
	}
}
