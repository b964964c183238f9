package main

import (
	"errors"

	"multiwan/src/control"
	"multiwan/src/daemon"
)

func stopCommand() *command {
	var vici string
	return &command{
		name: "stop", summary: "remove everything that is ours",
		help: "Ends the daemon and removes its rules, routes, tables and marks from the kernel; settings go back to what they were.\n" +
			"Where no daemon runs, it removes what one left behind: a daemon that is merely ended (SIGTERM) or killed leaves its\n" +
			"state in place, so that traffic goes on. Needs root.",
		flags: func(o *options) { viciOption(o, &vici) },
		run: func(c *call) error {
			if err := c.want(0, 0, ""); err != nil {
				return err
			}
			err := control.Call(c.ctx, c.socket, "stop", nil, nil) // it is not on ubus
			if !errors.Is(err, control.ErrNotRunning) {
				return err
			}
			return daemon.Clean(c.ctx, c.socket, vici)
		},
	}
}
