package main

import (
	"multiwan/src/core/status"
)

func probeCommand() *command {
	var asJSON bool
	var count int
	return &command{
		name: "probe", args: "WAN [TARGET]", summary: "probe by one WAN now",
		help: "Sends a burst of echo requests by the WAN, whatever its state, to one target (an address, or the word gateway), or to\n" +
			"the targets of its probes, and shows loss and round-trip times. Exits with 1 if nothing at all was answered.",
		words: []string{"WAN", "gateway"},
		flags: func(o *options) {
			o.flag(&asJSON, "json", "print JSON")
			o.number(&count, "count", 10, "how many `probes` to each target, 1 to 100")
		},
		run: func(c *call) error {
			if err := c.want(1, 2, "a WAN and perhaps a target"); err != nil {
				return err
			}
			if count < 1 || count > 100 {
				return badUsage("count %d: want 1 to 100", count)
			}
			params := map[string]any{"interface": c.args[0], "count": count}
			if len(c.args) == 2 {
				params["target"] = c.args[1]
			}
			bursts := []status.Burst{}
			if err := c.ask("probe", params, &bursts); err != nil {
				return err
			}
			write := func() error { return status.WriteBursts(c.stdout, bursts) }
			if asJSON {
				write = func() error { return writeJSON(c.stdout, bursts) }
			}
			if err := write(); err != nil {
				return err
			}
			for _, b := range bursts {
				if b.Received > 0 {
					return nil
				}
			}
			return errFound
		},
	}
}
