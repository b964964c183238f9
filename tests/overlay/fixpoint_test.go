package overlay

import (
	"strings"
	"testing"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/tests/lab"
)

const wans = `
config interface 'wan'
	option device 'wan'
config interface 'wanb'
	option device 'wanb'
`

func wire(name string, id int, more string) string {
	n := string(rune('0' + id))
	return "config pseudowire '" + name + "'\n\toption tunnel_id '" + n + "'\n\toption local_port '170" + n + "'\n" + more
}

const (
	plain     = "\toption interface 'wan'\n\toption remote '192.0.2.2'\n"
	second    = "\toption interface 'wanb'\n\toption remote '203.0.113.2'\n"
	six       = "\toption interface 'wan'\n\toption remote '2001:db8::2'\n"
	protected = "\toption remote '192.0.2.2'\n\toption ipsec 'dc'\n"
	transport = "config ipsec 'dc'\n\toption interface 'wan'\n\toption remote '192.0.2.2'\n\toption local_id 'a'\n\toption remote_id 'b'\n\toption psk 'secret of both'\n"
	inner     = "\toption local '172.30.201.5'\n\toption remote '172.30.201.9'\n\toption ipsec 'dc'\n"
	moving    = "config ipsec 'dc'\n\toption policy 'default'\n\toption mode 'tunnel'\n\toption remote '192.0.2.2'\n\toption local_id 'a'\n\toption remote_id 'b'\n\toption psk 'secret of both'\n"
	both      = "config bond 'ha'\n\tlist member 'l2a'\n\tlist member 'l2b'\n\toption bridge 'br0'\n"
)

// setup is a configuration, the same changed, and what the change takes, parted by bars.
type setup struct{ made, changed, by string }

// setups by name.
func setups() map[string]setup {
	keys := "\toption cookie 'deadbeef'\n\toption peer_cookie '0001020304050607'\n\toption l2spec 'none'\n"
	pairs := wire("l2a", 1, plain) + wire("l2b", 2, second) + both
	sixrd := "config tunnel 'six'\n\toption type '6rd'\n\toption interface 'wan'\n\toption remote '192.0.2.2'\n\toption prefix '2001:db8:8000::/33'\n\toption ipv4masklen '8'\n"
	port := plain + "\toption bridge 'br0'\n"
	access := transport + wire("l2a", 1, protected+"\toption bridge 'br0'\n\toption vlan '111'\n")
	numbers := wire("l2a", 1, plain+"\tlist ipaddr '10.8.0.1/30'\n")
	return map[string]setup{
		"bridge":     {wire("l2a", 1, port), wire("l2a", 1, port+"\toption isolated '1'\n\toption mtu 'path'\n"), "mtu 1446 | isolated on"},
		"cookies":    {wire("l2a", 1, six+keys), wire("l2a", 1, six+keys+"\toption mtu '1400'\n"), "mtu 1400"},
		"ip":         {numbers + "\tlist ipaddr 'fd00:8::1/64'\n", numbers, "ip address del fd00:8::1/64"},
		"protected":  {access, strings.Replace(access, "111", "112", 1), "vid 112"},
		"moving":     {moving + wire("l2a", 1, inner), moving + wire("l2a", 1, inner+"\toption bridge 'br0'\n\toption vlan '7'\n\toption vlan_mode 'tagged'\n"), "link l2a mtu 1500 type vlan id 7 | dev l2a.7 master br0"},
		"backup":     {pairs + "\toption primary 'l2b'\n", strings.Replace(pairs, second, second+"\toption mtu '1400'\n", 1) + "\toption primary 'l2b'\n", "mtu 1400"},
		"lacp":       {pairs + "\toption mode '802.3ad'\n", pairs + "\toption mode '802.3ad'\n\toption lacp_rate 'slow'\n", "lacp_rate slow"},
		"roundrobin": {pairs + "\toption mode 'balance-rr'\n", pairs + "\toption mode 'balance-xor'\n", "mode balance-xor"},
		"sit":        {sixrd, sixrd + "\toption ttl '32'\n", "ttl 32"},
	}
}

func load(t *testing.T, text string) *config.Config {
	t.Helper()
	c, diags := config.Load("multiwan", []byte(wans+text))
	for _, d := range diags {
		if !d.Warning {
			t.Fatalf("%s\n%s", d, text)
		}
	}
	return c
}

// TestFixpoint makes each set-up, holds that the next passes have nothing to do, changes it in place, and takes it away.
func TestFixpoint(t *testing.T) {
	lab.Need(t, lab.Netns, lab.L2TP, lab.Bonding, lab.BridgeVLAN, lab.BridgeNft, lab.Mirred, lab.Sit, lab.Xfrm, lab.VLAN)
	for name, x := range setups() {
		t.Run(name, func(t *testing.T) {
			l := lab.New(t)
			h, far := l.Host("here"), l.Host("there")
			l.Link(h, "wan", "192.0.2.1/24,2001:db8::1/64", far, "wan", "192.0.2.2/24,2001:db8::2/64")
			l.Link(h, "wanb", "203.0.113.1/24", far, "wanb", "203.0.113.2/24")
			h.IP("route add default via 192.0.2.2") // inner packets of tunnel mode need some route
			h.IP("link add name br0 type bridge vlan_filtering 1")
			h.Up("br0", "")
			s := open(t, h)
			before := names(h) + h.IP("address show dev lo")

			one, two := load(t, x.made), load(t, x.changed)
			p, ops := s.pass(one, nil, nil)
			if len(ops) == 0 {
				t.Fatal("nothing was made")
			}
			t.Logf("made:\n%s", strings.Join(ops, "\n"))
			s.settle(one, p.Want.Addrs, nil)

			_, ops = s.pass(two, p.Want.Addrs, nil)
			text := strings.Join(ops, "\n")
			t.Logf("changed:\n%s", text)
			for _, word := range strings.Split(x.by, " | ") {
				if !strings.Contains(text, word) {
					t.Errorf("want %q", word)
				}
			}
			if strings.Contains(text, "l2tp del") || strings.Contains(text, "link del") {
				t.Error("was made anew")
			}
			s.settle(two, p.Want.Addrs, nil)
			if name == "backup" {
				s.failOver(two, p.Want.Addrs)
			}

			_, ops = s.pass(load(t, ""), p.Want.Addrs, nil)
			t.Logf("removed:\n%s", strings.Join(ops, "\n"))
			if f := s.facts(two, p.Want.Addrs); len(f.Have.Tunnels)+len(f.Have.Sessions)+len(f.Have.Links)+len(f.Have.Blocks)+len(f.Have.Ports)+len(f.Have.Addrs) > 0 {
				t.Errorf("left %+v", f.Have)
			}
			if after := names(h) + h.IP("address show dev lo"); after != before {
				t.Errorf("left behind:\n%s\nbefore:\n%s", after, before)
			}
		})
	}
}

// names lists the devices of a host.
func names(h *lab.Host) string {
	var out strings.Builder
	for _, line := range strings.Split(h.IP("-o link show"), "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			out.WriteString(f[1] + "\n")
		}
	}
	return out.String()
}

// settle runs passes until there is nothing to do: a bond's active port can be set only when it works.
func (s *site) settle(c *config.Config, noted []kstate.Address, change func(*overlay.Facts)) *overlay.Plan {
	s.t.Helper()
	var p *overlay.Plan
	var ops []string
	if !lab.Wait(5*time.Second, func() bool {
		p, ops = s.pass(c, noted, change)
		if len(ops) > 0 {
			s.t.Logf("settled by %q", ops)
		}
		return len(ops) == 0
	}) {
		s.t.Fatalf("for ever: %q", ops)
	}
	return p
}

// failOver has the member in use die, then all.
func (s *site) failOver(c *config.Config, noted []kstate.Address) {
	s.t.Helper()
	for _, x := range []struct{ a, b, want string }{{"up", "up", "l2b"}, {"up", "down", "l2a"}, {"down", "down", "l2a"}, {"down", "up", "l2b"}} {
		p := s.settle(c, noted, func(f *overlay.Facts) {
			f.Verdicts = map[string]plan.Verdict{"l2a": {State: x.a}, "l2b": {State: x.b}}
		})
		if got := s.IP("-d link show dev ha"); p.Bonds[0].Active != x.want || !strings.Contains(got, "active_slave "+x.want+" ") {
			s.t.Errorf("%+v: planned %s, kernel %s", x, p.Bonds[0].Active, got)
		}
	}
}
