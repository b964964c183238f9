package reconcile

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// many returns a configuration of so many WANs and rules.
func many(wans, rules int) string {
	var b strings.Builder
	for i := 1; i <= wans; i++ {
		fmt.Fprintf(&b, "config interface 'wan%d'\n\toption device 'eth%d'\n\toption metric '%d'\n", i, i, 1+i%3)
	}
	for i := range rules {
		fmt.Fprintf(&b, "config rule 'r%d'\n\toption src_ip '10.%d.%d.0/24'\n\toption dest_port '%d'\n\toption proto 'tcp'\n\toption policy 'wan%d'\n",
			i, i/256, i%256, 1000+i, 1+i%wans)
	}
	return b.String()
}

// ready returns a loop that has made everything stand, without its goroutine.
func ready(b *testing.B, wans, rules int) (*Loop, *kernel) {
	b.Helper()
	k := newKernel()
	l := New(Ports{Routing: k, Netfilter: nft{k}, Conntrack: k, Settings: k, Source: k, State: b.TempDir() + "/state.json"})
	for i := 1; i <= wans; i++ {
		name := fmt.Sprintf("wan%d", i)
		k.net.WANs[name] = line(i)
		for _, f := range kstate.Families {
			l.SetVerdict(name, f, plan.Verdict{State: "up"}, "", time.Now())
		}
	}
	l.SetConfig(load(b, many(wans, rules)))
	if err := l.pass(context.Background()); err != nil {
		b.Fatal(err)
	}
	if len(k.writes()) == 0 {
		b.Fatal("nothing was made")
	}
	return l, k
}

func BenchmarkNoopPass(b *testing.B) {
	for _, n := range []int{2, 8, 60} {
		b.Run(fmt.Sprintf("wans=%d", n), func(b *testing.B) {
			l, k := ready(b, n, 0)
			b.ReportAllocs()
			for b.Loop() {
				l.Kick("event")
				if err := l.pass(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			if w := k.writes(); len(w) > 0 {
				b.Fatalf("wrote %q", w)
			}
		})
	}
}

func BenchmarkPlanAndDiff(b *testing.B) {
	for _, n := range []struct{ wans, rules int }{{8, 20}, {60, 1000}} {
		b.Run(fmt.Sprintf("wans=%d/rules=%d", n.wans, n.rules), func(b *testing.B) {
			l, k := ready(b, n.wans, n.rules)
			d, err := l.decide(context.Background(), l.config, l.peek())
			if err != nil {
				b.Fatal(err)
			}
			have, _, _ := k.Observe(context.Background(), Scope{All: true})
			have.Tables = k.tables
			b.ReportAllocs()
			for b.Loop() {
				p := plan.Compute(d.config, d.facts)
				if ops := diff.Ops(p.Want, have, false); len(ops) > 0 {
					b.Fatalf("%d operations", len(ops))
				}
			}
		})
	}
}

// BenchmarkFailover is the loop's own part of a failover and a failback: the kernel is in memory.
func BenchmarkFailover(b *testing.B) {
	for _, n := range []int{3, 8, 60} {
		b.Run(fmt.Sprintf("wans=%d", n), func(b *testing.B) {
			l, k := ready(b, n, 0)
			b.ReportAllocs()
			state := "up"
			for b.Loop() {
				state = map[string]string{"up": "down", "down": "up"}[state]
				for _, f := range kstate.Families {
					l.SetVerdict("wan3", f, plan.Verdict{State: state}, "", time.Now())
				}
				if err := l.pass(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			if len(k.writes()) == 0 {
				b.Fatal("nothing moved")
			}
		})
	}
}

// wires is a configuration of so many protected pseudowires over wan1.
func wires(n int) string {
	var b strings.Builder
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, "config ipsec 's%d'\n\toption interface 'wan1'\n\toption remote '198.51.%d.%d'\n\toption local_id 'a'\n\toption remote_id 'b%d'\n\toption psk 'secret of both'\n",
			i, i/250, 1+i%250, i)
		fmt.Fprintf(&b, "config pseudowire 'p%d'\n\toption interface 'wan1'\n\toption remote '198.51.%d.%d'\n\toption tunnel_id '%d'\n\toption session_id '%d'\n\toption local_port '%d'\n\toption ipsec 's%d'\n",
			i, i/250, 1+i%250, i, i, 2000+i, i)
	}
	return b.String()
}

// readyJoined is ready with three WANs and so many pseudowires.
func readyJoined(b *testing.B, n int) (*Loop, *sites) {
	b.Helper()
	k := newKernel()
	s := k.joined()
	l := New(Ports{Routing: k, Netfilter: nft{k}, Conntrack: k, Settings: k, Source: k, Overlay: s, IKE: s, Boot: "b", State: b.TempDir() + "/state.json"})
	for i := 1; i <= 3; i++ {
		name := fmt.Sprintf("wan%d", i)
		k.net.WANs[name] = line(i)
		for _, f := range kstate.Families {
			l.SetVerdict(name, f, plan.Verdict{State: "up"}, "", time.Now())
		}
	}
	l.SetConfig(load(b, many(3, 0)+wires(n)))
	for range 3 {
		if err := l.pass(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
	if k.writes(); len(s.sessions) != n {
		b.Fatalf("%d sessions", len(s.sessions))
	}
	return l, s
}

func BenchmarkNoopJoined(b *testing.B) {
	for _, n := range []int{0, 100, 1000} {
		b.Run(fmt.Sprintf("wires=%d", n), func(b *testing.B) {
			l, k := readyJoined(b, n)
			var planned time.Duration
			l.ports.Publish = func(s Snapshot) { planned += s.Times.Plan }
			b.ReportAllocs()
			for b.Loop() {
				l.Kick("event")
				if err := l.pass(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(planned.Microseconds())/float64(b.N), "µs/plan")
			if w := k.writes(); len(w) > 0 {
				b.Fatalf("wrote %q", w)
			}
		})
	}
}

// BenchmarkFailoverJoined is a switch of WANs beside pseudowires. Looking costs what the kernel in memory takes to sort; the rest is told apart.
func BenchmarkFailoverJoined(b *testing.B) {
	for _, n := range []int{0, 100, 1000} {
		b.Run(fmt.Sprintf("wires=%d", n), func(b *testing.B) {
			l, k := readyJoined(b, n)
			var acknowledged time.Duration
			l.ports.Publish = func(s Snapshot) { acknowledged += s.Times.Plan + s.Times.Apply }
			b.ReportAllocs()
			state := "up"
			looks := k.looks
			for b.Loop() {
				state = map[string]string{"up": "down", "down": "up"}[state]
				for _, f := range kstate.Families {
					l.SetVerdict("wan3", f, plan.Verdict{State: state}, "", time.Now())
				}
				if err := l.pass(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(acknowledged.Microseconds())/float64(b.N), "µs/switch")
			b.ReportMetric(float64(k.looks-looks)/float64(b.N), "looks/switch")
		})
	}
}
