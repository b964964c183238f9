package main

import (
	"time"

	"multiwan/src/core/status"
)

func historyCommand() *command {
	var asJSON, short bool
	var last int
	return &command{
		name: "history", args: "[NAME]", summary: "show changes of state with the probes that led to them",
		help: "Shows the changes of state of WANs and of what joins sites, or of one NAME, the oldest first, with evidence: the last probes of every\n" +
			"target, when they were sent and what became of them. The daemon keeps the last 200 changes.",
		words: []string{"WAN", "SITE"},
		flags: func(o *options) {
			o.flag(&asJSON, "json", "print JSON")
			o.flag(&short, "short", "leave the evidence out")
			o.number(&last, "last", 20, "show the last `n` changes, 0: all that are kept")
		},
		run: func(c *call) error {
			if err := c.want(0, 1, "at most one name"); err != nil {
				return err
			}
			params := map[string]any{"last": last}
			if len(c.args) == 1 {
				params["interface"] = c.args[0]
			}
			if asJSON {
				return showJSON(c, "history", params)
			}
			var h []status.Transition
			if err := c.ask("history", params, &h); err != nil {
				return err
			}
			return status.WriteHistory(c.stdout, h, !short, time.Local)
		},
	}
}
