package overlay

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// TestStanding: once everything stands nothing is left to do, and nothing moves.
func TestStanding(t *testing.T) {
	for name, build := range worlds() {
		w := build()
		for range 2 {
			w.f = w.standing()
		}
		if ops := diff.OverlayOps(Compute(w.c, w.f).Want, w.f.Have); len(ops) > 0 {
			t.Errorf("%s: %s", name, ops[0])
		}
	}
}

// TestMoveKeepsTheDevice: in tunnel mode a WAN that dies changes the connection and a rule, no kernel object.
func TestMoveKeepsTheDevice(t *testing.T) {
	before, after := moving(), moved()
	p := Compute(after.c, after.f)
	if ops := diff.OverlayOps(p.Want, Compute(before.c, before.f).Want); len(ops) > 0 {
		t.Errorf("%s", ops[0])
	}
	if c := p.Conns[0]; c.Local != addr("203.0.113.2") || !c.SameInside(Compute(before.c, before.f).Conns[0]) {
		t.Errorf("%s", c)
	}
}

// TestNeverInClear takes facts away at random: whatever is missing, no protected session is wanted without its blocks, and what stands or
// is wanted protected is guarded both ways.
func TestNeverInClear(t *testing.T) {
	n := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 9))
		for _, build := range []func() world{transport, moving, hub} {
			w := build()
			if r.IntN(2) == 0 {
				w.f = w.standing()
			}
			rob(r, &w)
			p := Compute(w.c, w.f)
			for _, s := range p.Want.Sessions {
				i := slices.IndexFunc(p.Want.Tunnels, func(x kstate.Tunnel) bool { return x.ID == s.Tunnel })
				if n++; !p.Want.Protected(p.Want.Tunnels[i]) {
					t.Fatalf("seed %d: %s in clear", seed, s)
				}
			}
			text := ""
			for _, table := range p.Tables {
				text += table.String()
			}
			for _, x := range slices.Concat(p.Want.Tunnels, w.f.Have.Tunnels) {
				out := fmt.Sprintf("ip saddr %s ip daddr %s meta l4proto udp th sport %d th dport %d drop", x.Local, x.Remote, x.LocalPort, x.RemotePort)
				in := fmt.Sprintf("ip saddr %s ip daddr %s meta l4proto udp th sport %d th dport %d drop", x.Remote, x.Local, x.RemotePort, x.LocalPort)
				led := len(regexp.MustCompile(fmt.Sprintf(`rt ipsec missing ip daddr vmap \{[^}]*[ ,]%[1]s : jump overlay_out_%[1]s[ ,]|meta ipsec missing ip saddr vmap \{[^}]*[ ,]%[1]s : jump overlay_in_%[1]s[ ,]`,
					regexp.QuoteMeta(x.Remote.String()))).FindAllString(text, -1))
				if !strings.Contains(text, out) || !strings.Contains(text, in) || led != 2 {
					t.Fatalf("seed %d: %s is not guarded", seed, x)
				}
			}
		}
	}
	if n < 2500 {
		t.Errorf("only %d sessions", n)
	}
}

// rob takes facts away.
func rob(r *rand.Rand, w *world) {
	some := func() bool { return r.IntN(3) == 0 }
	for name, wan := range w.f.WANs {
		if some() {
			wan.IPv4.Addrs = [][]netip.Prefix{nil, {prefix("192.0.2.77/24")}}[r.IntN(2)]
			w.f.WANs[name] = wan
		}
	}
	for name := range w.f.SAs {
		if some() {
			delete(w.f.SAs, name)
		}
	}
	if some() {
		w.f.Active = map[string]map[kstate.Family][]string{}
	}
	if some() {
		w.c.IPsec[0].Enabled = false
	}
	if some() {
		w.f.Devices = map[string]Device{}
	}
	if some() {
		w.f.Missing = map[string]bool{[]string{"xfrm_user", "l2tp_eth", "nft_meta_bridge"}[r.IntN(3)]: true}
	}
	if some() {
		w.c.Pseudowires = nil
	}
	w.f.NoCharon = some()
}

// TestAddress follows an address that goes away for a moment, comes back, and comes back as another one.
func TestAddress(t *testing.T) {
	for name, build := range map[string]func() world{"plain": func() world {
		w := transport()
		w.c.Pseudowires[0].IPsec, w.c.IPsec = "", nil
		return w
	}, "protected": transport} {
		w := build()
		have := Compute(w.c, w.f).Want
		set := func(addrs ...netip.Prefix) []diff.OverlayOp {
			wan := w.f.WANs["wan"]
			wan.IPv4.Addrs = addrs
			w.f.WANs["wan"] = wan
			w.f.Have = have
			return diff.OverlayOps(Compute(w.c, w.f).Want, have)
		}
		if ops := set(); len(ops) > 0 {
			t.Errorf("%s: without an address: %s", name, ops[0])
		}
		if ops := set(prefix("192.0.2.99/24"), prefix("192.0.2.2/24")); len(ops) > 0 {
			t.Errorf("%s: second address: %s", name, ops[0])
		}
		ops := set(prefix("192.0.2.99/24"))
		if !slices.ContainsFunc(ops, func(o diff.OverlayOp) bool {
			return o.Kind == diff.Tunnel && o.Verb == diff.Add && o.Tunnel.Local == addr("192.0.2.99")
		}) {
			t.Errorf("%s: another address: %v", name, ops)
		}
		if name == "protected" && Compute(w.c, w.f).Conns[0].Local != addr("192.0.2.99") {
			t.Errorf("another address: %s", Compute(w.c, w.f).Conns[0])
		}
	}
}

// TestPath: what is learned of the path and of the SA changes sizes, in place.
func TestPath(t *testing.T) {
	w := transport()
	w.c.Pseudowires[0].MTU.Mode = "path"
	for _, row := range []struct {
		path      int
		sa        SA
		mtu, mss4 int
	}{
		{0, SA{}, 1412, 1368},
		{1400, SA{}, 1312, 1268},
		{9000, SA{}, 1412, 1368}, // the device's own MTU bounds it
		{0, SA{Installed: true, Encap: true}, 1404, 1360},
		{0, SA{Installed: true, Proposal: "AES_CBC-256/HMAC_SHA2_256_128"}, 1404, 1360},
		{0, SA{Proposal: "CHACHA20_POLY1305"}, 1412, 1368},
	} {
		w.f.PathMTU = map[netip.Addr]int{addr("198.51.100.1"): row.path}
		w.f.SAs["dc2"] = row.sa
		p := Compute(w.c, w.f)
		if x := p.Pseudowires[0]; x.MTU != row.mtu || x.MSS4 != row.mss4 || x.Established != row.sa.Installed {
			t.Errorf("%+v: %+v", row, x)
		}
		w.f.Have = p.Want
	}
	w.f.PathMTU = map[netip.Addr]int{addr("198.51.100.1"): 1300}
	if ops := diff.OverlayOps(Compute(w.c, w.f).Want, w.f.Have); len(ops) != 1 || ops[0].String() != "ip link set dev dc2 mtu 1212" {
		t.Errorf("ops %v", ops)
	}
}

// many returns a hub with so many protected spokes in one bridge.
func many(n int) (*config.Config, Facts) {
	c, f := settings(), twoWANs()
	for i := range n {
		name := fmt.Sprintf("s%d", i)
		w := wirePlain(name, uint32(i+1))
		w.LocalPort, w.RemotePort, w.IPsec, w.Attach.Isolated = uint16(2000+i), 1701, name, true
		w.Remote = netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)})
		s := secTransport(name)
		s.Remote, s.RemoteID = w.Remote, name
		c.Pseudowires, c.IPsec = append(c.Pseudowires, w), append(c.IPsec, s)
		f.SAs[name] = SA{Installed: true, Proposal: "AES_GCM_16-128"}
	}
	return c, f
}

func BenchmarkComputeAndDiff(b *testing.B) {
	for _, n := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c, f := many(n)
			f.Have = Compute(c, f).Want
			b.ReportAllocs()
			for b.Loop() {
				if ops := diff.OverlayOps(Compute(c, f).Want, f.Have); len(ops) > 0 {
					b.Fatal(ops[0])
				}
			}
		})
	}
}

// TestMerge: the tables of two planners are one.
func TestMerge(t *testing.T) {
	w := transport()
	p := Compute(w.c, w.f)
	base := []kstate.Table{{Family: "inet", Name: "multiwan", Chains: []kstate.Chain{{Name: "forwarded"}, {Name: "prerouting", Hook: "prerouting"}}}}
	got := Merge(base, p.Tables)
	if len(got) != 2 || len(base[0].Chains) != 2 || len(p.Tables[0].Chains) != 5 {
		t.Fatalf("%d tables, %d and %d chains", len(got), len(base[0].Chains), len(p.Tables[0].Chains))
	}
	names := ""
	for _, c := range got[0].Chains {
		names += c.Name + " "
	}
	if names != "overlay_bind overlay_guard_in overlay_guard_out prerouting forwarded overlay_in_198.51.100.1 overlay_out_198.51.100.1 " {
		t.Errorf("chains %s", names)
	}
}

// choice is a bond in mode active-backup.
func choice(primary, now string, verdicts ...string) *builder {
	c, f := settings(), twoWANs()
	c.Pseudowires, c.Bonds = pairOf(), []config.Bond{bondWith("active-backup")}
	c.Bonds[0].Primary = primary
	for i, v := range verdicts {
		f.Verdicts[c.Pseudowires[i].Name] = plan.Verdict{State: v}
	}
	f.Have.Links = []kstate.Link{{Name: "ha", Bond: &kstate.BondAttrs{ActiveSlave: now}}}
	b := newBuilder(c, f)
	b.addConns()
	b.addWires()
	b.wantBonds()
	return b
}

func TestActive(t *testing.T) {
	for _, row := range []struct{ primary, now, a, b, want, why string }{
		{"", "", "up", "up", "l2a", "the first whose far end answers"},
		{"", "l2b", "up", "up", "l2b", "in use, its far end answers"},
		{"l2a", "l2b", "up", "up", "l2a", "primary, its far end answers"},
		{"l2a", "l2b", "down", "up", "l2b", "in use, its far end answers"},
		{"", "l2b", "up", "down", "l2a", "the first whose far end answers"},
		{"", "l2b", "suspect", "suspect", "l2b", "in use, its far end answers"},
		{"", "l2b", "up", "degraded", "l2a", "the first whose far end answers"},
		{"", "l2b", "degraded", "degraded", "l2b", "in use, its far end answers"},
		{"", "l2b", "down", "down", "l2b", "in use; no far end answers"},
		{"l2b", "", "waiting", "waiting", "l2b", "primary; no far end has answered yet"},
		{"", "", "down", "waiting", "l2b", "the first; no far end has answered yet"},
		{"", "", "down", "down", "l2a", "the first; no far end answers"},
	} {
		if x := choice(row.primary, row.now, row.a, row.b).bonds[0]; x.active != row.want || x.why != row.why {
			t.Errorf("%+v: %s, %s", row, x.active, x.why)
		}
	}
}

// TestLastMember: a dead member leaves only while another lives.
func TestLastMember(t *testing.T) {
	for _, row := range []struct{ mode, a, b, in string }{
		{"balance-rr", "down", "up", "l2b"}, {"balance-xor", "up", "disabled", "l2a"}, {"balance-rr", "down", "down", "l2a l2b"},
		{"balance-rr", "down", "waiting", "l2a l2b"}, {"balance-rr", "waiting", "waiting", "l2a l2b"}, {"broadcast", "down", "up", "l2a l2b"},
		{"active-backup", "down", "up", "l2a l2b"}, {"802.3ad", "down", "degraded", "v-l2b"},
	} {
		w := bondBackup()
		w.c.Bonds[0].Mode = row.mode
		w.f.Verdicts["l2a"], w.f.Verdicts["l2b"] = plan.Verdict{State: row.a}, plan.Verdict{State: row.b}
		var in []string
		for _, p := range Compute(w.c, w.f).Want.Ports {
			if p.Master == "ha" {
				in = append(in, p.Device)
			}
		}
		if got := strings.Join(in, " "); got != row.in {
			t.Errorf("%+v: %s", row, got)
		}
	}
}

func TestDetourNames(t *testing.T) {
	seen := map[string]bool{}
	for _, d := range []string{"l2", "l2a", "thirteen_byte", "fourteen_bytes", "fifteen_bytes_a", "fifteen_bytes_b"} {
		for range 2 {
			a, b := detour(d)
			if len(a) > 15 || len(b) > 15 || a == b {
				t.Errorf("%s: %s and %s", d, a, b)
			}
			seen[a], seen[b] = true, true
		}
	}
	if len(seen) != 12 {
		t.Errorf("names %v", seen)
	}
}

// TestNameless: a device of ours that has no alias, not yet or no longer, is not somebody else's.
func TestNameless(t *testing.T) {
	w := transport()
	w.f = w.standing()
	w.f.Have.Links = nil
	w.f.Devices["dc2"] = Device{Index: 20}
	p := Compute(w.c, w.f)
	if x := p.Pseudowires[0]; x.State != Ready {
		t.Errorf("%+v", x)
	}
	if ops := diff.OverlayOps(p.Want, w.f.Have); len(ops) != 1 || ops[0].Kind != diff.Link {
		t.Errorf("ops %v", ops)
	}
	w.f.Devices["dc2"] = Device{Index: 20, Kind: "dummy"}
	if x := Compute(w.c, w.f).Pseudowires[0]; x.State != Refused {
		t.Errorf("%+v", x)
	}
}

// TestWaits: what is there but passes nothing says why.
func TestWaits(t *testing.T) {
	w := transport()
	for _, row := range []struct {
		sa    SA
		none  bool
		waits string
	}{
		{SA{Installed: true}, false, ""}, {SA{}, false, "ipsec dc2 is not established"}, {SA{}, true, "the IKE daemon (charon) does not answer"},
	} {
		w.f.SAs["dc2"], w.f.NoCharon = row.sa, row.none
		if x := Compute(w.c, w.f).Pseudowires[0]; x.Waits != row.waits || x.Established != row.sa.Installed {
			t.Errorf("%+v: %+v", row, x)
		}
	}
}
