package main

import (
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// How long each part of the show is watched.
const (
	calm    = 4 * time.Second
	settled = 3 * time.Second
	limit   = 20 * time.Second
)

// show is the running demo.
type show struct {
	tb     lab.TB
	net    *lab.Network
	daemon *lab.Daemon
	start  time.Time
	acts   []*act

	voice, ping, ping6 *lab.Flow
	bulk               *transfer
}

// act is one thing that is done to a line, and what came of it.
type act struct {
	title  string
	at     time.Time
	until  time.Time
	events []event
	rows   []row
}

// event is a line of the timeline.
type event struct {
	at   time.Time
	text string
}

// row is a line of the table of figures.
type row struct{ what, value string }

func newShow(tb lab.TB, fast bool) *show {
	s := &show{tb: tb}
	s.net = lab.Build(tb, lab.Options{WANs: []lab.Kind{lab.RelayedEther, lab.RelayedEther}})
	s.net.WANs[0].Line.Set(lab.Quality{Delay: 10 * time.Millisecond, Rate: 20e6})
	s.net.WANs[1].Line.Set(lab.Quality{Delay: 25 * time.Millisecond, Rate: 10e6})
	s.net.Internet.Echo()
	config := s.net.UCI("config policy 'default'\n\tlist interface 'wan0'\n\tlist interface 'wan1'\n\toption failback 'move_udp'\n")
	if fast {
		config += "\nconfig probe 'builtin'\n\tlist target '1.1.1.1'\n\tlist target '8.8.8.8'\n\tlist target '2606:4700:4700::1111'\n\toption interval '0.1'\n"
	}
	s.daemon = lab.StartDaemon(s.net.Router, config)
	return s
}

func (s *show) run() {
	fmt.Println("LAN host 192.168.1.10 -- router -- provider A (20 Mbit/s, 20 ms) -- internet 1.1.1.1")
	fmt.Println("                                \\- provider B (10 Mbit/s, 50 ms) -/")
	if !lab.Wait(limit, func() bool { return s.state("wan0") == "up" && s.state("wan1") == "up" }) {
		s.tb.Fatalf("the wans did not come up:\n%s", s.daemon.Log())
	}
	s.startFlows()
	s.start = time.Now()
	fmt.Printf("\n%8s  multiwan runs; A is preferred; a 100/s UDP flow, pings and a TCP upload run from the LAN\n", s.clock(s.start))
	time.Sleep(calm)

	s.play("provider A is cut in silence (carrier and gateway address stay)", func() time.Time { return s.net.WANs[0].BlackHole() }, "down", 1)
	s.play("provider A is back", func() time.Time { return s.net.WANs[0].Heal() }, "up", 0)
	s.play("the cable of A is pulled", func() time.Time { return s.net.WANs[0].CarrierDown() }, "down", 1)
	s.play("the cable of A is plugged in", func() time.Time { return s.net.WANs[0].CarrierUp() }, "up", 0)
	s.finish()
}

func (s *show) startFlows() {
	s.voice = s.net.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{})
	s.ping = s.net.Client.PingFlow(lab.Internet4b, lab.FlowOptions{Interval: 50 * time.Millisecond})
	s.ping6 = s.net.Router.PingFlow(lab.Internet6, lab.FlowOptions{Interval: 50 * time.Millisecond})
	s.bulk = newTransfer(s.net.Client)
}

// play does something to A and tells what came of it: the verdict, and the first packet of each flow by the WAN of the given index.
func (s *show) play(title string, do func() time.Time, verdict string, by int) {
	said := len(s.daemon.Log())
	a := &act{title: title, at: do()}
	s.acts = append(s.acts, a)
	fmt.Printf("\n%8s  *** %s\n", s.clock(a.at), title)
	var t status.Transition
	if !lab.Wait(limit, func() (ok bool) { t, ok = s.transition("wan0", "ipv4", verdict, a.at); return ok }) {
		s.tb.Fatalf("no verdict %s on A within %v:\n%s", verdict, limit, s.daemon.Log())
	}
	judged := seconds(t.Time)
	if good, ok := lastGood(t); ok && verdict == "down" {
		a.add(good, "the last probe of A that was answered")
	}
	a.add(judged, fmt.Sprintf("A is judged %s: %s", verdict, t.Reason))
	first := s.firstBy(a.at, by)
	if !first.IsZero() {
		a.add(first, fmt.Sprintf("first UDP packet by %s answered", wanLetter(by)))
	}
	time.Sleep(settled)
	a.until = time.Now()
	s.kernelPart(a, judged, first, s.daemon.Log()[said:])
	a.rows = append(a.rows, row{"until judged " + verdict, span(judged.Sub(a.at))})
	if !first.IsZero() {
		a.rows = append(a.rows, row{"until the first UDP packet by " + wanLetter(by), span(first.Sub(a.at))})
		a.rows = append(a.rows, row{"of that after the verdict", span(first.Sub(judged))})
	}
	s.losses(a)
	a.print(s)
}

func (a *act) add(at time.Time, text string) { a.events = append(a.events, event{at, text}) }

func (a *act) print(s *show) {
	sort.SliceStable(a.events, func(i, j int) bool { return a.events[i].at.Before(a.events[j].at) })
	for _, e := range a.events {
		fmt.Printf("%8s  %s\n", s.clock(e.at), e.text)
	}
	for _, r := range a.rows {
		fmt.Printf("%8s    %-42s %s\n", "", r.what, r.value)
	}
}

// losses counts what each flow lost since the act began, and names its longest gap.
func (s *show) losses(a *act) {
	for _, f := range []struct {
		name string
		flow *lab.Flow
	}{{"UDP", s.voice}, {"ping", s.ping}, {"the router's own IPv6 ping", s.ping6}} {
		r := f.flow.Report().Between(a.at, a.until.Add(-200*time.Millisecond))
		gap, _ := r.LongestGap()
		a.rows = append(a.rows, row{f.name + ": lost, longest gap", fmt.Sprintf("%d of %d, %s", r.Lost(), len(r.Packets), span(gap))})
	}
}

// finish ends the flows and shows what the daemon says.
func (s *show) finish() {
	s.voice.Stop()
	s.ping.Stop()
	s.ping6.Stop()
	s.bulk.stop()
	out, err := s.daemon.CLI("status")
	if err != nil {
		s.tb.Errorf("status: %v", err)
	}
	fmt.Printf("\n$ multiwan status\n%s", out)
	s.summary()
	out, err = s.daemon.CLI("stop")
	if err != nil {
		s.tb.Errorf("stop: %v %s", err, out)
	}
	rules := s.net.Router.IP("rule")
	left := strings.Count(rules, "\n") - 3
	fmt.Printf("\n$ multiwan stop\n%d rules of ours are left\n", left)
	if left != 0 {
		s.tb.Errorf("rules left behind:\n%s", rules)
	}
}

// summary prints the table of figures: a column an act.
func (s *show) summary() {
	fmt.Printf("\n%-44s %14s %14s %14s\n", "", "first packet", "verdict", "UDP lost")
	for _, a := range s.acts {
		value := func(prefix string) string {
			for _, r := range a.rows {
				if strings.HasPrefix(r.what, prefix) {
					return strings.SplitN(r.value, ",", 2)[0]
				}
			}
			return "-"
		}
		title, _, _ := strings.Cut(a.title, " (")
		fmt.Printf("%-44s %14s %14s %14s\n", title, value("until the first"), value("until judged"), value("UDP"))
	}
	fmt.Printf("TCP upload: %.1f Mbit/s on average, %d connections (one broken by each switch of its wan)\n", s.bulk.rate(), s.bulk.connections())
}

// kernelPart tells when the kernel had switched, and what was evicted.
func (s *show) kernelPart(a *act, judged, first time.Time, log string) {
	ms := s.status().Timings.Switch
	if at := judged.Add(time.Duration(ms * float64(time.Millisecond))); ms > 0 && at.Before(first) {
		a.add(at, fmt.Sprintf("the kernel has switched, %.1f ms after the verdict", ms))
		a.rows = append(a.rows, row{"from the verdict to the kernel's last answer", fmt.Sprintf("%.1f ms", ms)})
	}
	for _, line := range strings.Split(log, "\n") {
		if _, text, ok := strings.Cut(line, "evict "); ok {
			a.rows = append(a.rows, row{"evicted:", strings.Trim(text, "\"")})
		}
	}
}

// firstBy is when the first answered UDP packet after t left by the WAN; the zero time where none did.
func (s *show) firstBy(t time.Time, wan int) time.Time {
	var at time.Time
	lab.Wait(limit, func() bool {
		for _, p := range s.voice.Report().Between(t, time.Now()).Packets {
			if !p.Lost() && s.net.WANs[wan].Owns(p.Source.Addr()) {
				at = p.Received
				return true
			}
		}
		return false
	})
	return at
}

func (s *show) status() status.Document {
	var d status.Document
	out, err := s.daemon.CLI("status", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &d)
	}
	if err != nil {
		s.tb.Fatalf("status: %v\n%s", err, s.daemon.Log())
	}
	return d
}

func (s *show) state(wan string) string { return s.status().Interfaces[wan].State }

// transition finds the first change of a WAN's family to a state after t.
func (s *show) transition(wan, family, to string, t time.Time) (status.Transition, bool) {
	var history []status.Transition
	out, err := s.daemon.CLI("history", "--json")
	if err == nil {
		err = json.Unmarshal([]byte(out), &history)
	}
	if err != nil {
		s.tb.Fatalf("history: %v", err)
	}
	for _, e := range history {
		if e.Interface == wan && e.Family == family && e.To == to && seconds(e.Time).After(t) {
			return e, true
		}
	}
	return status.Transition{}, false
}

// lastGood is the last answered probe of a transition's evidence.
func lastGood(t status.Transition) (at time.Time, ok bool) {
	for _, e := range t.Evidence {
		if e.Failure == "" && seconds(e.Time).After(at) {
			at, ok = seconds(e.Time), true
		}
	}
	return at, ok
}

func seconds(s float64) time.Time { return time.UnixMicro(int64(s * 1e6)) }

func (s *show) clock(t time.Time) string {
	return fmt.Sprintf("%.3f s", t.Sub(s.start).Seconds())
}

func span(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
	}
	return fmt.Sprintf("%.2f s", d.Seconds())
}

func wanLetter(i int) string { return string(rune('A' + i)) }
