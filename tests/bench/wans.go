package main

import (
	"fmt"
	"strings"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/bench/running"
	"multiwan/tests/lab"
)

// The addresses that probes of these networks aim at: the provider has them.
var targets = []string{"1.1.1.1", "8.8.8.8", "2606:4700:4700::1111", "2001:4860:4860::8888"}

// wans is a router with many WANs, all of which end at one provider: enough to plan, probe, fail and switch, at little cost to the machine.
type wans struct {
	*lab.Lab
	tb       lab.TB
	router   *lab.Host
	provider *lab.Host
	n        int
	daemon   *lab.Daemon
}

// newWANs makes the network. The devices are wan0, wan1, …; WAN i has 198.18.i.2 and 2001:db8:i::2.
func newWANs(tb lab.TB, n int) *wans {
	w := &wans{Lab: lab.New(tb), tb: tb, n: n}
	w.router, w.provider = w.Host("router"), w.Host("provider")
	for _, a := range targets {
		w.provider.AddAddr("lo", a)
	}
	w.provider.NFT("table inet cut {\nset dead4 { type ifname; }\nset dead6 { type ifname; }\n" +
		"chain c { type filter hook input priority -300; meta nfproto ipv4 iifname @dead4 drop; meta nfproto ipv6 iifname @dead6 drop; }\n}\n")
	for i := range n {
		dev, far := device(i), fmt.Sprintf("cust%d", i)
		w.Link(w.router, dev, fmt.Sprintf("198.18.%d.2/24,2001:db8:%x::2/64", i, i), w.provider, far,
			fmt.Sprintf("198.18.%d.1/24,fe80::1/64,2001:db8:%x::1/64", i, i))
		w.router.IP("route add default via 198.18.%d.1 dev %s metric %d", i, dev, 10+i)
		w.router.IP("-6 route add default via fe80::1 dev %s metric %d", dev, 10+i)
	}
	return w
}

func device(i int) string { return fmt.Sprintf("wan%d", i) }

// interfaces are the sections of the WANs, all of which share the traffic.
func (w *wans) interfaces(lines ...string) string {
	var b strings.Builder
	for i := range w.n {
		fmt.Fprintf(&b, "config interface '%s'\n\toption device '%[1]s'\n", device(i))
		for _, l := range lines {
			fmt.Fprintf(&b, "\t%s\n", l)
		}
	}
	return b.String()
}

// probing is a probe of so many targets a family, with further options as "name value".
func probing(count int, options ...string) string {
	var b strings.Builder
	b.WriteString("config probe 'builtin'\n")
	for i, t := range targets {
		if i%2 < count {
			fmt.Fprintf(&b, "\tlist target '%s'\n", t)
		}
	}
	for _, o := range options {
		name, value, _ := strings.Cut(o, " ")
		fmt.Fprintf(&b, "\toption %s '%s'\n", name, value)
	}
	return b.String()
}

// run starts the daemon and waits until every WAN is up.
func (w *wans) run(config string) {
	w.daemon = lab.StartDaemon(w.router, config)
	w.steady()
}

// status asks the daemon over its socket.
func (w *wans) status() status.Document { return ask(w.tb, w.daemon) }

func ask(tb lab.TB, d *lab.Daemon) status.Document { return running.Ask(tb, d, 5*time.Second) }

// How often the status is asked for. Each question costs the daemon work, which must not fall into what is measured.
const (
	seldom = 100 * time.Millisecond
	often  = 5 * time.Millisecond
)

// poll tries cond until it is true or the limit is over, and says whether it became true.
func poll(limit, every time.Duration, cond func() bool) bool {
	for end := time.Now().Add(limit); !cond(); time.Sleep(every) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// await asks for the status until cond holds, and returns it.
func (w *wans) await(limit time.Duration, what string, cond func(status.Document) bool) status.Document {
	return await(w.tb, w.daemon, seldom, limit, what, cond)
}

func await(tb lab.TB, d *lab.Daemon, every, limit time.Duration, what string, cond func(status.Document) bool) status.Document {
	var doc status.Document
	if !poll(limit, every, func() bool { doc = ask(tb, d); return cond(doc) }) {
		tb.Fatalf("not within %v: %s; warnings %q\n%s", limit, what, doc.Warnings, d.Log())
	}
	return doc
}

const patience = 40 * time.Second

// steady waits until all WANs are up and nothing is left to write.
func (w *wans) steady() status.Document { return steady(w.tb, w.daemon) }

func steady(tb lab.TB, daemon *lab.Daemon) status.Document {
	since, passes := time.Now(), uint64(0)
	return await(tb, daemon, seldom, patience, "all up and quiet", func(d status.Document) bool {
		if !running.AllUp(d) || d.Counters.Passes != passes {
			since, passes = time.Now(), d.Counters.Passes
		}
		return time.Since(since) > 500*time.Millisecond
	})
}

// cut loses everything of a family (a set of the provider: dead4, dead6) that comes by a WAN; the carrier stays.
func (w *wans) cut(i int, family string) {
	w.provider.NFT(fmt.Sprintf("add element inet cut %s { cust%d }", family, i))
}

func (w *wans) heal(i int, family string) {
	w.provider.NFT(fmt.Sprintf("delete element inet cut %s { cust%d }", family, i))
}
