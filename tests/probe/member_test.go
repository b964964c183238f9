package probe_test

import (
	"testing"
	"time"

	"multiwan/tests/lab"
)

// Members of bonds are watched one by one, the inactive one too, on which the kernel gives the bond nothing but answers.
func TestLoopbackInactiveMember(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Bridge, lab.Bonding)
	l := lab.New(t)
	nearHost, mid, farHost := l.Host("near"), l.Host("mid"), l.Host("far")
	one, two := newSpan(l, nearHost, mid, farHost, "m1"), newSpan(l, nearHost, mid, farHost, "m2")
	for _, h := range []*lab.Host{nearHost, farHost} {
		h.IP("link add name bond0 type bond mode active-backup miimon 100")
		for _, m := range []string{"m1", "m2"} {
			h.IP("link set dev %s down", m)
			h.IP("link set dev %s master bond0", m)
			h.IP("link set dev %s up", m)
		}
		h.IP("link set dev bond0 type bond active_slave m1")
		bridge(h, "br0", "bond0")
		h.IP("link set dev bond0 up")
	}
	near, far := start(t, nearHost), start(t, farHost)
	for _, m := range []string{"m1", "m2"} {
		far.order(order{Do: "respond", Device: m})
	}
	active, inactive := near.add(link("m1"), loopback(tenth)), near.add(link("m2"), loopback(tenth))
	near.state(active, 0, "up", 10*time.Second)
	near.state(inactive, 0, "up", 10*time.Second)
	for _, c := range []struct {
		span   span
		runner int
	}{{two, inactive}, {one, active}} {
		m := near.mark()
		at := c.span.cut()
		down := near.state(c.runner, m, "down", 5*time.Second)
		t.Logf("the cut of %s was found after %v", c.span.name, down.At.Sub(at))
		if took := down.At.Sub(at); took > time.Second {
			t.Errorf("the cut of %s was found after %v", c.span.name, took)
		}
		c.span.heal()
		near.state(c.runner, m, "up", 10*time.Second)
		for _, e := range near.since(m) {
			if e.Runner != c.runner && e.To == "down" {
				t.Errorf("the cut of %s took the other member down: %s", c.span.name, e.Reason)
			}
		}
	}
}

// A device that becomes a member of a bond is down for a moment and gets another address: neither end takes that for silence.
func TestLoopbackJoinsBond(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Bridge, lab.Bonding)
	l := lab.New(t)
	nearHost, mid, farHost := l.Host("near"), l.Host("mid"), l.Host("far")
	one, two := newSpan(l, nearHost, mid, farHost, "m1"), newSpan(l, nearHost, mid, farHost, "m2")
	join := func(h *lab.Host, m string) {
		h.IP("link set dev %s down", m)
		h.IP("link set dev %s master bond0", m)
		h.IP("link set dev %s up", m)
	}
	for _, h := range []*lab.Host{nearHost, farHost} {
		h.IP("link add name bond0 type bond mode balance-rr miimon 100")
		join(h, one.name)
		h.IP("link set dev %s up", two.name)
		h.IP("link set dev bond0 up")
	}
	near, far := start(t, nearHost), start(t, farHost)
	far.order(order{Do: "respond", Device: two.name})
	id := near.add(link(two.name), loopback(tenth))
	near.state(id, 0, "up", 10*time.Second)
	m := near.mark()
	for range 3 {
		for _, h := range []*lab.Host{farHost, nearHost} {
			join(h, two.name)
			time.Sleep(time.Second)
			h.IP("link set dev %s nomaster", two.name)
			h.IP("link set dev %s up", two.name)
			time.Sleep(time.Second)
		}
	}
	for _, e := range near.since(m) {
		if e.To == "down" {
			t.Errorf("down: %s", e.Reason)
		}
	}
}

// A pseudowire that is a port of a bridge at one end and stands alone at the other.
func TestLoopbackPseudowire(t *testing.T) {
	lab.Need(t, lab.Netns, lab.Bridge, lab.L2TP)
	l := lab.New(t)
	s := newSpan(l, l.Host("near"), l.Host("mid"), l.Host("far"), "wan")
	s.near.Up("wan", "192.0.2.1/24")
	s.far.Up("wan", "192.0.2.2/24")
	for _, e := range []struct {
		h                           *lab.Host
		local, remote, tunnel, peer string
	}{{s.near, "192.0.2.1", "192.0.2.2", "1", "2"}, {s.far, "192.0.2.2", "192.0.2.1", "2", "1"}} {
		e.h.IP("l2tp add tunnel tunnel_id %s peer_tunnel_id %s encap udp local %s remote %s udp_sport 1701 udp_dport 1701", e.tunnel, e.peer, e.local, e.remote)
		e.h.IP("l2tp add session name pw tunnel_id %s session_id %s peer_session_id %s", e.tunnel, e.tunnel, e.peer)
		e.h.IP("link set dev pw up")
	}
	bridge(s.near, "br0", "pw")
	near, far := start(t, s.near), start(t, s.far)
	far.order(order{Do: "respond", Device: "pw"})
	id := near.add(link("pw"), loopback(tenth))
	near.state(id, 0, "up", 10*time.Second)
	m := near.mark()
	at := s.cut()
	down := near.state(id, m, "down", 5*time.Second)
	if took := down.At.Sub(at); took > time.Second {
		t.Errorf("the cut was found after %v", took)
	} else {
		t.Logf("the cut was found after %v", took)
	}
	// The device goes and comes again: the responder finds it by itself.
	s.heal()
	near.state(id, m, "up", 10*time.Second)
	m = near.mark()
	s.far.IP("l2tp del session tunnel_id 2 session_id 2")
	near.state(id, m, "down", 5*time.Second)
	s.far.IP("l2tp add session name pw tunnel_id 2 session_id 2 peer_session_id 1")
	s.far.IP("link set dev pw up")
	near.state(id, m, "up", 15*time.Second)
}
