package bonds

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// mode is one way of a bond to use its members.
type mode struct {
	name, mode, more string
	limit            time.Duration
}

const arpTarget = "\n\toption monitor 'arp'\n\tlist arp_target '10.9.0.%d'"

// TestBondModes cuts a line under modes that use all members at once: a dead member is out within a second. The bond is the same all the
// while.
func TestBondModes(t *testing.T) {
	modes(t, mode{"balance-rr, probe 0.1 s", "balance-rr", "", time.Second}, mode{"balance-xor, probe 0.1 s", "balance-xor", "", time.Second})
}

// TestBondModesToo does the same with what carries everything on every member, and with the kernel's ARP monitor.
func TestBondModesToo(t *testing.T) {
	lab.Long(t)
	modes(t,
		mode{"broadcast", "broadcast", "", 60 * time.Millisecond}, // dead or not
		mode{"balance-rr, arp 0.1 s", "balance-rr", arpTarget, time.Second},
		mode{"active-backup, arp 0.1 s", "active-backup", arpTarget, time.Second},
	)
}

func modes(t *testing.T, list ...mode) {
	lab.Need(t, lab.L2TP, lab.Bonding, lab.Bridge)
	p := newPair(t, 2)
	p.start("option mode 'balance-rr'")
	wait(t, 20*time.Second, "a: slaves", p.a.slaves, "pw1 pw2")
	index, mac := p.a.index("ha"), p.a.mac()
	for _, c := range list {
		t.Run(c.name, func(t *testing.T) { p.oneMode(t, c.name, c.mode, c.more, c.limit) })
	}
	if got := p.a.index("ha"); got != index {
		t.Errorf("the bond was made anew: index %s, was %s", got, index)
	}
	if got := p.a.mac(); got != mac {
		t.Errorf("the bond has another address: %s, was %s", got, mac)
	}
}

// TestLastMember: of two members that are dead one stays in.
func TestLastMember(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.Bonding, lab.Bridge)
	p := newPair(t, 2)
	p.start("option mode 'balance-rr'")
	wait(t, 20*time.Second, "a: slaves", p.a.slaves, "pw1 pw2")
	wait(t, 60*time.Second, "a: state", p.a.state, "up")
	p.lines[0].cut()
	wait(t, 5*time.Second, "a: slaves", p.a.slaves, "pw2")
	p.lines[1].cut()
	time.Sleep(2 * time.Second)
	if got := p.a.slaves(); got == "" {
		t.Error("no member is left in the bond")
	}
	for _, l := range p.lines {
		l.heal()
	}
	wait(t, 60*time.Second, "a: slaves", func() string { return sorted(p.a.slaves()) }, "pw1 pw2")
}

// oneMode reloads both ends into a mode and cuts the first line. Changing the mode switches the members off for a moment, so the probes
// have time to find them sound again.
func (p *pair) oneMode(t *testing.T, name, mode, more string, limit time.Duration) {
	for _, s := range p.both() {
		options := fmt.Sprintf("option mode '%s'", mode)
		if more != "" {
			options += fmt.Sprintf(more, p.other(s).number)
		}
		s.reload(p.wires(s, p.bond(options)))
	}
	for _, s := range p.both() {
		wait(t, 20*time.Second, s.name+": mode", s.mode, mode)
	}
	time.Sleep(3 * time.Second)
	for _, s := range p.both() {
		if more == "" { // the ARP monitor may find a member that carries nothing dead
			wait(t, 60*time.Second, s.name+": state", s.state, "up")
		}
		wait(t, 20*time.Second, s.name+": slaves", func() string { return sorted(s.slaves()) }, "pw1 pw2")
	}
	flow := p.pings(20 * time.Millisecond)
	flow.WaitAnswer(t, time.Time{}, 20*time.Second)
	leaves := more == "" && mode != "broadcast"
	n := carrying(t, p.a.router, "pw1", "pw2")
	stays := []string{"pw2", "pw1"}[n]
	at := p.lines[n].cut()
	for _, s := range p.both() {
		if leaves {
			wait(t, 5*time.Second, s.name+": slaves", s.slaves, stays)
		}
	}
	if took := time.Since(at); leaves && took > 1300*time.Millisecond {
		t.Errorf("the dead member was in for %v", took)
	}
	time.Sleep(2 * time.Second)
	gap(t, "black hole, "+name, flow.Report(), at, limit)
	at = p.lines[n].heal()
	for _, s := range p.both() {
		wait(t, 60*time.Second, s.name+": slaves", func() string { return sorted(s.slaves()) }, "pw1 pw2")
	}
	time.Sleep(2 * time.Second)
	gap(t, "line back, "+name, flow.Stop(), at, 200*time.Millisecond)
	for _, s := range p.both() { // becoming a member again is no reason to lose it once more
		if got := sorted(s.slaves()); got != "pw1 pw2" {
			t.Errorf("%s: slaves %s 2 s after the line was back", s.name, got)
		}
	}
}

// TestBondOptionsLive changes the options of a bond that carries traffic.
func TestBondOptionsLive(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.Bonding, lab.Bridge)
	p := newPair(t, 2)
	xor := "option mode 'balance-xor'\n\toption xmit_hash_policy '%s'"
	p.start(fmt.Sprintf(xor, "layer2"))
	flow := p.pings(20 * time.Millisecond)
	flow.WaitAnswer(t, time.Time{}, 20*time.Second)
	for _, s := range p.both() {
		wait(t, 20*time.Second, s.name+": slaves", s.slaves, "pw1 pw2")
	}
	index := p.a.index("ha")
	for _, c := range []struct {
		what, options, shows string
		most                 time.Duration // without an answer; 0: nothing is lost
	}{
		{"hash policy", fmt.Sprintf(xor, "layer3+4"), "xmit_hash_policy layer3+4", 0},
		{"ARP monitor in mode balance-xor", "option mode 'balance-xor'\n\toption monitor 'arp'\n\tlist arp_target '10.9.0.%d'", "arp_interval 100", 3 * time.Second},
		{"back to probes", fmt.Sprintf(xor, "layer3+4"), "miimon 100", 0},
		// The kernel changes a mode without members only, and probes have to find them again.
		{"mode active-backup", "option primary 'pw2'", "active_slave pw2", 3 * time.Second},
		{"another primary", "option primary 'pw1'", "active_slave pw1", 0},
		// Its ARP monitor begins with what the active member has heard of its targets, which is nothing (bond_ab_arp_inspect).
		{"ARP monitor in mode active-backup", "option primary 'pw1'\n\toption monitor 'arp'\n\tlist arp_target '10.9.0.%d'", "arp_validate active", 300 * time.Millisecond},
		{"probes in mode active-backup", "option primary 'pw1'", "all_slaves_active 1", 0},
	} {
		at := time.Now()
		for _, s := range p.both() {
			options := c.options
			if strings.Contains(options, "%d") {
				options = fmt.Sprintf(options, p.other(s).number)
			}
			s.reload(p.wires(s, p.bond(options)))
		}
		for _, s := range p.both() {
			wait(t, 10*time.Second, s.name+": "+c.shows, func() string { return s.shows(c.shows) }, c.shows)
		}
		time.Sleep(1500 * time.Millisecond)
		r := flow.Report()
		if c.most == 0 {
			lossless(t, c.what, r, at)
		} else {
			gap(t, c.what, r, at, c.most)
		}
		if got := p.a.index("ha"); got != index {
			t.Errorf("%s: the bond was made anew", c.what)
		}
	}
}

// shows returns the words where the kernel says them of the bond, else all that it says.
func (s *site) shows(words string) string {
	out, err := s.router.TryIP("-d link show dev ha")
	if err == nil && strings.Contains(out, words) {
		return words
	}
	return out
}

func (s *site) mode() string {
	out, _ := s.router.TryIP("-d link show dev ha")
	_, rest, _ := strings.Cut(out, "bond mode ")
	mode, _, _ := strings.Cut(rest, " ")
	return mode
}

func (s *site) mac() string {
	_, rest, _ := strings.Cut(s.router.IP("link show dev ha"), "link/ether ")
	mac, _, _ := strings.Cut(rest, " ")
	return mac
}

// index is the number of a device, "" where there is none.
func (s *site) index(dev string) string {
	out, _ := s.router.TryIP("-o link show dev %s", dev)
	n, _, _ := strings.Cut(out, ":")
	return n
}
