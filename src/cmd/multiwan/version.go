package main

import "fmt"

func versionCommand() *command {
	return &command{
		name: "version", summary: "print the version",
		help: "Prints the bare version, as `multiwan --version` does. Needs no daemon and no root.",
		run: func(c *call) error {
			if err := c.want(0, 0, ""); err != nil {
				return err
			}
			fmt.Fprintln(c.stdout, version)
			return nil
		},
	}
}
