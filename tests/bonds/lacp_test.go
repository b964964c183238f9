package bonds

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestLACP runs LACP over two pseudowires, which have no speed and pass it only by the hidden detour.
func TestLACP(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.Bonding, lab.Bridge, lab.Mirred)
	p := newPair(t, 2)
	before := p.a.devices()
	began := time.Now()
	p.start("option mode '802.3ad'")
	flow := p.pings(20 * time.Millisecond)
	t.Logf("first answer %v after the start", flow.WaitAnswer(t, began, 40*time.Second).Received.Sub(began))
	for _, s := range p.both() {
		wait(t, 30*time.Second, s.name+": LACP ports in use", s.inUse, "2")
	}
	t.Logf("2 ports in use %v after the start", time.Since(began))
	stray := p.b.host.Capture("eth0", func(f lab.Frame) bool { return f.EtherType == 0x8809 || f.EtherType == 0x8902 })

	n := p.cutUnderLACP(t, flow, "black hole, 802.3ad fast")
	flow = p.pings(100 * time.Millisecond) // the kernel takes up to 31 s now
	at := p.lines[n].heal()
	for _, s := range p.both() {
		t.Logf("%s: both ports are back after %v", s.name, wait(t, 50*time.Second, s.name+": LACP ports in use", s.inUse, "2"))
	}
	time.Sleep(time.Second)
	gap(t, "line back, 802.3ad", flow.Stop(), at, 500*time.Millisecond)
	if n := stray.Count(); n > 0 {
		t.Errorf("%d frames of LACP or of the probes reached the far LAN", n)
	}

	// Another mode needs no detour, none at all no bond: both times nothing stays.
	p.reload("option mode 'balance-xor'")
	for _, s := range p.both() {
		wait(t, 20*time.Second, s.name+": slaves", s.slaves, "pw1 pw2")
		wait(t, 10*time.Second, s.name+": devices", s.devices, sorted(before+" ha pw1 pw2"))
	}
	for _, s := range p.both() {
		s.reload(fmt.Sprintf("config interface 'wan1'\n\toption device 'wan1'\n\toption gateway '%s'\n", s.far(1)))
		wait(t, 20*time.Second, s.name+": devices", s.devices, before)
		if out := s.router.IP("rule show"); strings.Contains(out, "62") && strings.Contains(out, s.own(2)) {
			t.Errorf("%s: rules are left:\n%s", s.name, out)
		}
		tunnels, err := s.router.TryIP("l2tp show tunnel")
		if err != nil || strings.TrimSpace(tunnels) != "" {
			t.Errorf("%s: tunnels are left: %v %s", s.name, err, tunnels)
		}
	}
}

// TestLACPProtected does the first half of it under ESP: the detour's frames are protected as all others are.
func TestLACPProtected(t *testing.T) {
	lab.Long(t)
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon, lab.Bonding, lab.Bridge, lab.Mirred)
	p := newPair(t, 2)
	p.charons()
	var clear, esp []*lab.Capture
	for _, l := range p.lines {
		clear = append(clear, l.mid.Capture("a", lab.Frame.L2TP))
		esp = append(esp, l.mid.Capture("a", lab.Frame.ESP))
	}
	began := time.Now()
	p.start("option mode '802.3ad'")
	flow := p.pings(20 * time.Millisecond)
	flow.WaitAnswer(t, began, 40*time.Second)
	for _, s := range p.both() {
		wait(t, 60*time.Second, s.name+": LACP ports in use", s.inUse, "2")
	}
	t.Logf("2 ports in use %v after the start", time.Since(began))
	p.cutUnderLACP(t, flow, "black hole, 802.3ad fast, ESP")
	for i, l := range p.lines {
		if clear[i].Count() > 0 || esp[i].Count() == 0 {
			t.Errorf("%s: %d packets of L2TP in clear, %d of ESP", l.name, clear[i].Count(), esp[i].Count())
		}
	}
}

// cutUnderLACP cuts the line that carries the pings, whose port has to leave the aggregate of both ends, and returns its index.
func (p *pair) cutUnderLACP(t *testing.T, flow *lab.Flow, what string) int {
	t.Helper()
	n := carrying(t, p.a.router, "pw1", "pw2")
	at := p.lines[n].cut()
	for _, s := range p.both() {
		took := wait(t, 10*time.Second, s.name+": LACP ports", s.lacp, "1")
		t.Logf("%s is down to one port after %v", s.name, took)
		if took > 6500*time.Millisecond {
			t.Errorf("%s: %v until one port is left, want at most 6 s", s.name, took)
		}
	}
	gap(t, what, flow.Stop(), at, 3200*time.Millisecond)
	return n
}

// carrying tells which of the devices carries most pings of the flow that runs.
func carrying(t *testing.T, h *lab.Host, devices ...string) int {
	t.Helper()
	best, most := 0, -1
	var captures []*lab.Capture
	for _, d := range devices {
		captures = append(captures, h.Capture(d, func(f lab.Frame) bool { return f.Out && f.Proto == 1 && f.ICMPType == 8 }))
	}
	time.Sleep(500 * time.Millisecond)
	for i, c := range captures {
		c.Stop()
		if n := c.Count(); n > most {
			best, most = i, n
		}
	}
	if most == 0 {
		t.Fatalf("no ping leaves by any of %v", devices)
	}
	return best
}

// lacp is the number of ports of the active aggregator.
func (s *site) lacp() string { return ports(s.router) }

func ports(h *lab.Host) string {
	out, _ := h.TryIP("-d link show dev ha")
	_, rest, _ := strings.Cut(out, "ad_num_ports ")
	n, _, _ := strings.Cut(rest, " ")
	return n
}

// inUse is the number of ports that collect and distribute at both ends (IEEE 802.1AX: all of the lower six bits of the states).
func (s *site) inUse() string { return inUse(s.router) }

func inUse(h *lab.Host) string {
	out, _ := h.TryIP("-d link show master ha")
	n := 0
	for _, l := range strings.Split(out, "\n") {
		if strings.Contains(l, "ad_actor_oper_port_state 63 ") && strings.Contains(l, "ad_partner_oper_port_state 63 ") {
			n++
		}
	}
	return fmt.Sprint(n)
}

// devices are all of the router's, in order of their names.
func (s *site) devices() string { return deviceNames(s.router) }
