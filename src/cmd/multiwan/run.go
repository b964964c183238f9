package main

import (
	"multiwan/src/daemon"
	"multiwan/src/ipsec"
	"multiwan/src/journal"
)

func runCommand() *command {
	var vici, swanctl string
	var syslog bool
	return &command{
		name: "run", summary: "run the daemon, in the foreground",
		help: "Steers, probes and repairs until SIGTERM, which leaves everything in place for the next start; `multiwan stop` removes\n" +
			"it. SIGHUP reads the configuration again. Logs to standard error and to the system log. Needs root.",
		flags: func(o *options) {
			viciOption(o, &vici)
			o.flag(&syslog, "syslog", "log to the system log alone where there is one, for a supervisor that reads standard error too")
			o.text(&swanctl, "swanctl", "", "`path` of a file, kept by the daemon, with its connections for swanctl --load-all")
		},
		run: func(c *call) error {
			if err := c.want(0, 0, ""); err != nil {
				return err
			}
			return daemon.Run(c.ctx, daemon.Options{Config: c.config, Socket: c.socket, VICI: vici, Swanctl: swanctl, UBus: c.ubus, Version: version, Log: journal.Open(syslog)})
		},
	}
}

// viciFlag adds the option that says where strongSwan listens.
func viciOption(o *options, to *string) {
	o.text(to, "vici", ipsec.DefaultSocket, "control socket of strongSwan's charon, its `path`")
}
