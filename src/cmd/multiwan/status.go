package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/json"
	"multiwan/src/core/status"
)

func statusCommand() *command {
	var asJSON, watch bool
	return &command{
		name: "status", summary: "show WANs, tunnels, bonds, policies and warnings",
		help: "Shows a table, in colours on a terminal. The JSON form is described in docs/status.md. Exits with 3 if no daemon runs.",
		flags: func(o *options) {
			o.flag(&asJSON, "json", "print the whole document as JSON")
			o.flag(&watch, "watch", "show it again each second, until interrupted")
		},
		run: func(c *call) error {
			if err := c.want(0, 0, ""); err != nil {
				return err
			}
			for {
				err := showStatus(c, asJSON, watch)
				if !watch {
					return err
				}
				if errors.Is(err, control.ErrNotRunning) { // it may be restarting
					fmt.Fprintln(c.stderr, err)
				} else if err != nil {
					return err
				}
				select {
				case <-c.ctx.Done():
					return nil
				case <-time.After(time.Second):
				}
			}
		},
	}
}

func showStatus(c *call, asJSON, watch bool) error {
	if asJSON {
		return showJSON(c, "status", nil)
	}
	var d status.Document
	if err := c.ask("status", nil, &d); err != nil {
		return err
	}
	if watch && terminal(c.stdout) {
		fmt.Fprint(c.stdout, "\x1b[H\x1b[2J")
	}
	return status.WriteTable(c.stdout, &d, terminal(c.stdout))
}

// showJSON prints a method's answer as it is, indented.
func showJSON(c *call, method string, params map[string]any) error {
	var raw json.RawMessage
	if err := c.ask(method, params, &raw); err != nil {
		return err
	}
	return writeJSON(c.stdout, raw)
}

func writeJSON(w io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(json.Indent(text), '\n'))
	return err
}
