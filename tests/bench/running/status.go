// Package running says what a daemon that is measured says and uses.
package running

import (
	"context"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// Ask asks a daemon for its status, over its socket.
func Ask(tb lab.TB, d *lab.Daemon, limit time.Duration) (doc status.Document) {
	tb.Helper()
	ctx, stop := context.WithTimeout(context.Background(), limit)
	defer stop()
	if err := control.Call(ctx, d.Socket, "status", nil, &doc); err != nil {
		tb.Fatalf("status: %v\n%s", err, d.Log())
	}
	return doc
}

// AllUp says whether all WANs are up in each family that they have, and that there are some.
func AllUp(d status.Document) bool {
	for _, i := range d.Interfaces {
		if i.IPv4 != nil && i.IPv4.State != "up" || i.IPv6 != nil && i.IPv6.State != "up" || i.State != "up" {
			return false
		}
	}
	return len(d.Interfaces) > 0
}

// Probes counts those that were sent.
func Probes(d status.Document) (n uint64) {
	for _, i := range d.Interfaces {
		for _, p := range i.Probes {
			n += p.Sent
		}
	}
	return n
}
