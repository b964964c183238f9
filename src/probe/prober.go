package probe

import (
	"net/netip"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/order"
)

// Request is one probe to send.
type Request struct {
	_ order.Incomparable

	Probe, Target int    // handed back in the Result
	Seq           uint64 // likewise
	To            netip.Addr
	Port          int
	Host, Path    string        // of http: the Host header and the path
	Query         string        // of dns
	Size          int           // of ping, payload bytes
	Wait          time.Duration // an answer is of use for this long
}

func (r Request) result() health.Result {
	return health.Result{Probe: r.Probe, Target: r.Target, Seq: r.Seq}
}

func (r Request) failed(why health.Failure, detail string) health.Result {
	res := r.result()
	res.Failure, res.Detail = why, detail
	return res
}

// Prober sends probes of one method by one path.
type Prober interface {
	// Send sends one probe without blocking. An error says that it was not
	// sent; a broken socket has been replaced by then or will be at the next
	// call. The result is reported later, from another goroutine, or never.
	Send(Request) error
	// Close ends the prober. A report may still be under way.
	Close()
}

// Report takes a result. Probers call it from their own goroutines.
type Report func(health.Result)

// Opener makes the prober of a method. It opens nothing yet: sockets are
// opened by the first Send, so that a device may come later.
type Opener func(Path, Report) Prober

// Openers gives the probers of all methods by name.
func Openers() map[string]Opener {
	return map[string]Opener{
		"ping":     func(p Path, r Report) Prober { return newPing(p, openICMP, r) },
		"arping":   newNeighbour,
		"dns":      func(p Path, r Report) Prober { return newDNS(p, openUDP, r) },
		"tcp":      func(p Path, r Report) Prober { return newStream(p, dialTCP, connected, r) },
		"http":     func(p Path, r Report) Prober { return newStream(p, dialTCP, statusLine, r) },
		"loopback": func(p Path, r Report) Prober { return newLoopback(p, openLoopback, r) },
	}
}
