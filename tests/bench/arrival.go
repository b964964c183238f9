package main

import (
	"context"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// firstBy is when the first packet of a flow, sent at or after a time, was answered by way of a WAN.
func firstBy(tb lab.TB, f *lab.Flow, by *lab.WAN, since time.Time, limit time.Duration) time.Time {
	var at time.Time
	ok := poll(limit, seldom, func() bool {
		for _, p := range f.Report().Between(since, time.Now()).Packets {
			if !p.Lost() && by.Owns(p.Source.Addr()) {
				at = p.Received
				return true
			}
		}
		return false
	})
	if !ok {
		tb.Fatalf("no packet by %s within %v", by.Name, limit)
	}
	return at
}

// judged is when a family of the first WAN was judged down at or after a time.
func judged(tb lab.TB, d *lab.Daemon, family string, since time.Time) time.Time {
	var at time.Time
	ok := poll(patience, seldom, func() bool {
		var history []status.Transition
		ctx, stop := context.WithTimeout(context.Background(), patience)
		defer stop()
		if err := control.Call(ctx, d.Socket, "history", map[string]any{"interface": "wan0"}, &history); err != nil {
			tb.Fatalf("history: %v", err)
		}
		for _, e := range history {
			at = time.UnixMilli(int64(e.Time*1000 + 0.5))
			if e.Family == family && e.To == "down" && !at.Before(since.Add(-time.Millisecond)) {
				return true
			}
		}
		return false
	})
	if !ok {
		tb.Fatalf("wan0 %s was not judged down", family)
	}
	return at
}
