package sites

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// kind is one kind of pseudowire and what `ip l2tp` has to say of it.
type kind struct {
	name    string
	v6      bool
	session int // of the tunnel of the kind before it, 0 has a tunnel of its own
	options []string
	tunnel  []string // words of `ip l2tp show tunnel`
	wire    []string // words of `ip l2tp show session`
}

var kinds = []kind{
	{name: "udp", tunnel: []string{"encap UDP", "UDP source / dest ports: 1701/1701", "UDP checksum: enabled"}},
	{name: "second", session: 1},
	{name: "ip", options: []string{"encap ip"}, tunnel: []string{"encap IP"}},
	{name: "udp6", v6: true, tunnel: []string{"encap UDP", "From 2001:db8:1::2"}},
	{name: "ip6", v6: true, options: []string{"encap ip"}, tunnel: []string{"encap IP", "From 2001:db8:1::2"}},
	{name: "cookie4", options: []string{"local_port 1704", "remote_port 1704", "cookie 01020304", "peer_cookie 05060708"},
		wire: []string{"cookie 05060708", "peer cookie 01020304"}},
	{name: "cookie8", options: []string{"local_port 1705", "remote_port 1705", "l2spec none", "cookie 0102030405060708", "peer_cookie 1112131415161718"},
		wire: []string{"cookie 1112131415161718", "peer cookie 0102030405060708"}},
	{name: "nospec", options: []string{"local_port 1706", "remote_port 1706", "l2spec none"}},
	{name: "nosum", options: []string{"local_port 1707", "remote_port 1707", "checksum 0"}, tunnel: []string{"UDP checksum: disabled"}},
	{name: "nosum6", v6: true, options: []string{"local_port 1708", "remote_port 1708", "checksum 0"}, tunnel: []string{"UDP checksum: disabled"}},
}

// kindCables writes the kinds for one end, whose peer sees each cookie as the other's.
func kindCables(s *lab.Site, second, clear bool) []cable {
	var out []cable
	var first = map[bool]string{}
	id := 0
	for i, k := range kinds {
		if k.session == 0 {
			id = i + 1
		}
		host := 1
		if second {
			host = 2
		}
		c := cable{name: k.name, id: id, v6: k.v6, clear: clear, bridge: "-"}
		if k.session > 0 {
			c.options = append(c.options, "session_id 77", "peer_session_id 77")
		}
		for _, o := range k.options {
			if second && strings.HasPrefix(o, "cookie ") {
				o = "peer_" + o
			} else if second {
				o = strings.TrimPrefix(o, "peer_")
			}
			c.options = append(c.options, o)
		}
		c.options = append(c.options, fmt.Sprintf("ipaddr 10.8.%d.%d/30", i, host))
		if first[k.v6] == "" {
			first[k.v6] = k.name
		} else {
			c.with = first[k.v6]
		}
		out = append(out, c)
	}
	return out
}

// TestPseudowireKinds makes every kind between two sites, in clear and then protected without making them anew.
func TestPseudowireKinds(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{})
	write := func(s *lab.Site, clear bool) string { return config(s, kindCables(s, s == n.B, clear)...) }
	n.A.Start(write(n.A, true))
	n.B.Start(write(n.B, true))
	pass := func(what string) {
		t.Helper()
		begin := time.Now()
		var flows []*lab.Flow
		for i := range kinds {
			flows = append(flows, n.A.Router.PingFlow(netip.AddrFrom4([4]byte{10, 8, byte(i), 2}), lab.FlowOptions{Interval: 100 * time.Millisecond}))
		}
		for i, f := range flows {
			if !lab.Wait(15*time.Second, func() bool { return !f.Report().FirstAfter(begin).Received.IsZero() }) {
				t.Errorf("%s: %s passes nothing: %+v", what, kinds[i].name, n.A.Status().Pseudowires[kinds[i].name])
			}
		}
		for _, f := range flows {
			f.Stop()
		}
		t.Logf("%s: all pass within %v", what, time.Since(begin))
	}
	pass("clear")
	agree(t, n.A)
	before := n.A.Router.IP("l2tp show session")

	n.A.Daemon.Write(write(n.A, false))
	n.B.Daemon.Write(write(n.B, false))
	n.A.Daemon.Reload()
	n.B.Daemon.Reload()
	guarded := func(s *lab.Site) bool {
		for _, k := range kinds {
			if s.Status().Pseudowires[k.name].Guard != "protected" {
				return false
			}
		}
		return true
	}
	if !lab.Wait(15*time.Second, func() bool { return guarded(n.A) && guarded(n.B) }) {
		t.Errorf("not all are protected: %+v", n.A.Status().Pseudowires)
	}
	wire := n.Wire(lab.Frame.L2TP)
	pass("protected")
	noClear(t, wire)
	agree(t, n.A)
	if after := n.A.Router.IP("l2tp show session"); after != before {
		t.Errorf("sessions were made anew:\n%s\n%s", before, after)
	}
}

// agree holds what iproute2 sees against what was configured.
func agree(t *testing.T, s *lab.Site) {
	t.Helper()
	tunnels, sessions := s.Router.IP("l2tp show tunnel"), s.Router.IP("l2tp show session")
	part := func(all, begin string) string {
		_, p, _ := strings.Cut("\n"+all, "\n"+begin)
		if i := strings.Index(p, "\n"+strings.Fields(begin)[0]+" "); i >= 0 {
			p = p[:i]
		}
		return p
	}
	id := 0
	for i, k := range kinds {
		session := 77
		if k.session == 0 {
			id, session = i+1, i+1
		}
		tunnel := part(tunnels, fmt.Sprintf("Tunnel %d,", id))
		wire := part(sessions, fmt.Sprintf("Session %d in tunnel %d", session, id))
		for _, w := range k.tunnel {
			if !strings.Contains(tunnel, w) {
				t.Errorf("%s: ip l2tp does not say %q of its tunnel:\n%s", k.name, w, tunnel)
			}
		}
		for _, w := range append(k.wire, "interface name: "+k.name) {
			if !strings.Contains(wire, w) {
				t.Errorf("%s: ip l2tp does not say %q of its session:\n%s", k.name, w, sessions)
			}
		}
	}
}
