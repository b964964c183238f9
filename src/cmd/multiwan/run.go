package main

import (
	"multiwan/src/daemon"
	"multiwan/src/journal"
)

func runCommand() *command {
	return &command{
		name: "run", summary: "run the daemon, in the foreground",
		help: "Steers, probes and repairs until SIGTERM, which leaves everything in place for the next start; `multiwan stop` removes\n" +
			"it. SIGHUP reads the configuration again. Logs to standard error and to the system log. Needs root.",
		run: func(c *call) error {
			if err := c.want(0, 0, ""); err != nil {
				return err
			}
			return daemon.Run(c.ctx, daemon.Options{Config: c.config, Socket: c.socket, Version: version, Log: journal.Open()})
		},
	}
}
