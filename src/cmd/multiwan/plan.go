package main

import (
	"errors"
	"os"

	"multiwan/src/control"
	"multiwan/src/core/status"
	"multiwan/src/daemon"
)

func planCommand() *command {
	var asJSON bool
	return &command{
		name: "plan", summary: "show what would change, as commands with reasons",
		help: "Shows what loading the configuration file now would change in the kernel, as `ip`, `nft` and `sysctl` would say it, and\n" +
			"why. Changes nothing. Where no daemon runs, each WAN that has its device, address and gateway is taken as up.\n" +
			"Exits with 1 if the file has errors. Needs root.",
		flags: func(o *options) { o.flag(&asJSON, "json", "print JSON") },
		run: func(c *call) error {
			if err := c.want(0, 0, ""); err != nil {
				return err
			}
			text, err := os.ReadFile(c.config)
			if err != nil {
				return err
			}
			changes := new(status.Changes)
			err = c.ask("plan", map[string]any{"text": string(text)}, changes)
			if errors.Is(err, control.ErrNotRunning) {
				changes, err = daemon.Plan(c.ctx, daemon.Options{Config: c.config, Socket: c.socket, UBus: c.ubus})
			}
			if err != nil {
				return err
			}
			write := func() error { return status.WriteChanges(c.stdout, c.config, changes) }
			if asJSON {
				write = func() error { return writeJSON(c.stdout, changes) }
			}
			if err := write(); err != nil {
				return err
			}
			if len(changes.Errors) > 0 {
				return errFound
			}
			return nil
		},
	}
}
