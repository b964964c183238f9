package main

import (
	"fmt"
	"strconv"

	"multiwan/src/core/status"
)

func downCommand() *command {
	return &command{
		name: "down", args: "WAN [SECONDS]", summary: "take a WAN out of use",
		help: "Moves traffic off the WAN as if it had failed, for so many seconds or until `multiwan up` or the end of the daemon.\n" +
			"It is probed all the while. As with a failure, the last usable WAN of a policy stays in use where last_resort says so.",
		words: []string{"WAN"},
		run: func(c *call) error {
			if err := c.want(1, 2, "a WAN and perhaps seconds"); err != nil {
				return err
			}
			params := map[string]any{"interface": c.args[0]}
			if len(c.args) == 2 {
				n, err := strconv.Atoi(c.args[1])
				if err != nil || n < 1 {
					return badUsage("seconds %q: want a number of at least 1", c.args[1])
				}
				params["seconds"] = n
			}
			return c.ask("down", params, nil)
		},
	}
}

func upCommand() *command {
	return &command{
		name: "up", args: "WAN", summary: "end a `multiwan down`",
		help:  "Puts a WAN back into use that `multiwan down` took out; its probes decide from then on.",
		words: []string{"WAN"},
		run: func(c *call) error {
			if err := c.want(1, 1, "a WAN"); err != nil {
				return err
			}
			return c.ask("up", map[string]any{"interface": c.args[0]}, nil)
		},
	}
}

func reloadCommand() *command {
	return &command{
		name: "reload", summary: "read the configuration again",
		help: "Makes the daemon read its configuration file, as SIGHUP does. If the file has errors they are printed, the\n" +
			"configuration in force stays as it is, and the exit code is 1.",
		run: func(c *call) error {
			if err := c.want(0, 0, ""); err != nil {
				return err
			}
			var outcome status.Config
			if err := c.ask("reload", nil, &outcome); err != nil {
				return err
			}
			for _, e := range outcome.Errors {
				fmt.Fprintln(c.stderr, e.Text(outcome.File))
			}
			if len(outcome.Errors) > 0 {
				return errFound
			}
			return nil
		},
	}
}

func metricsCommand() *command {
	return &command{
		name: "metrics", summary: "print metrics for Prometheus",
		help: "Prints the numbers of the status in the text format of Prometheus, for a textfile collector.",
		run: func(c *call) error {
			if err := c.want(0, 0, ""); err != nil {
				return err
			}
			var d status.Document
			if err := c.ask("status", nil, &d); err != nil {
				return err
			}
			return status.WriteMetrics(c.stdout, status.MetricsOf(&d))
		},
	}
}
