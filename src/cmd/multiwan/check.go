package main

import (
	"fmt"
	"os"

	"multiwan/src/core/config"
)

func checkCommand() *command {
	return &command{
		name: "check", args: "[FILE]", summary: "check a configuration file",
		help: "Prints every error and warning of the file (default: that of --config), each with its line, section, option,\n" +
			"value and what is wanted instead. Exits with 1 if there are errors; warnings alone are fine. Needs no daemon and no root.",
		words: []string{"FILE"},
		run: func(c *call) error {
			if err := c.want(0, 1, "at most one file"); err != nil {
				return err
			}
			path := c.config
			if len(c.args) == 1 {
				path = c.args[0]
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			_, found := config.Load(path, text)
			fmt.Fprint(c.stdout, found)
			if found.HasErrors() {
				return errFound
			}
			return nil
		},
	}
}
