package main

import (
	"strconv"

	"multiwan/src/core/status"
)

func explainCommand() *command {
	var asJSON bool
	var device string
	var sport, dscp int
	return &command{
		name: "explain", args: "SRC DST [PROTO [PORT]]", summary: "say where a connection goes and why",
		help: "Says which rule and policy take a connection from SRC to DST, which WANs may carry it with which table, next hop and\n" +
			"source translation, and what the kernel itself answers for it. SRC is an address of a host behind the router, one of the\n" +
			"router's own (a bound socket), or the word router (its own traffic from no particular address). Without PROTO, rules that\n" +
			"ask for a protocol do not match. Exits with 1 if the kernel decides differently.",
		flags: func(o *options) {
			o.flag(&asJSON, "json", "print JSON")
			o.text(&device, "device", "", "`device` that the packet comes in by (default: the one towards SRC)")
			o.number(&sport, "sport", 0, "source `port`")
			o.number(&dscp, "dscp", 0, "DiffServ code `point`")
		},
		run: func(c *call) error {
			if err := c.want(2, 4, "SRC DST [PROTO [PORT]]"); err != nil {
				return err
			}
			params := map[string]any{"source": c.args[0], "destination": c.args[1], "device": device, "sport": sport, "dscp": dscp}
			if len(c.args) > 2 {
				params["protocol"] = c.args[2]
			}
			if len(c.args) > 3 {
				port, err := strconv.Atoi(c.args[3])
				if err != nil || port < 1 || port > 65535 {
					return badUsage("port %q: want 1 to 65535", c.args[3])
				}
				params["port"] = port
			}
			var e status.Explanation
			if err := c.ask("explain", params, &e); err != nil {
				return err
			}
			write := func() error { return status.WriteExplanation(c.stdout, &e) }
			if asJSON {
				write = func() error { return writeJSON(c.stdout, e) }
			}
			if err := write(); err != nil {
				return err
			}
			if !e.Agrees {
				return errFound
			}
			return nil
		},
	}
}
