package main

import (
	"fmt"
	"os"
	"path/filepath"

	"multiwan/src/core/mwan3"
	"multiwan/src/core/uci"
)

func importCommand() *command {
	return &command{
		name: "import", args: "mwan3 [FILE]", summary: "translate another program's configuration",
		help: "Translates an mwan3 configuration (default: /etc/config/mwan3) and prints ours on standard output. What was not carried\n" +
			"over, or changed its meaning, is reported on standard error, each option with its line and the reason.\n" +
			"Needs no daemon and no root.",
		words: []string{"mwan3", "FILE"},
		run: func(c *call) error {
			if len(c.args) == 0 || len(c.args) > 2 || c.args[0] != "mwan3" {
				return badUsage("want mwan3 and perhaps a file")
			}
			path := "/etc/config/mwan3"
			if len(c.args) == 2 {
				path = c.args[1]
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			file, err := uci.Parse(filepath.Base(path), text)
			if err != nil {
				return err
			}
			result, err := mwan3.Import(file)
			if err != nil {
				return err
			}
			for _, n := range result.Notes {
				fmt.Fprintf(c.stderr, "%s: %s\n", path, n)
			}
			_, err = c.stdout.Write(result.Text)
			return err
		},
	}
}
