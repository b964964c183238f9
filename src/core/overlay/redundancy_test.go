package overlay

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// doubled: two WANs here, one address there; each packet goes by both.
func doubled() world {
	w := moving()
	w.f.Tables = map[string]uint32{"wan": 19713, "wanb": 19714}
	lines := map[string]string{"wan": "192.0.2.254", "wanb": "203.0.113.254"}
	for i, name := range []string{"wan", "wanb"} {
		line := w.f.WANs[name]
		line.Index, line.IPv4.Gateway = i+2, addr(lines[name])
		w.f.WANs[name] = line
	}
	w.f.WANs["wanb"] = narrow(w.f.WANs["wanb"], 1400)
	w.double(&config.Redundancy{Interfaces: []string{"wan", "wanb"}, Copies: "all"})
	return w
}

func narrow(line plan.WAN, mtu int) plan.WAN {
	line.MTU = mtu
	return line
}

// double has the pseudowire's packets copied.
func (w *world) double(r *config.Redundancy) {
	p, s := &w.c.Pseudowires[0], &w.c.IPsec[0]
	p.Redundancy = r
	p.Interface, p.Policy, s.Interface, s.Policy = r.Interfaces[0], "", r.Interfaces[0], ""
}

// doubledPeer: one WAN here, two addresses there; short packets only, at most 5 Mbit/s of copies.
func doubledPeer() world {
	w := doubled()
	w.double(&config.Redundancy{Interfaces: []string{"wan"}, RemoteAlt: []netip.Addr{addr("198.51.100.130")}, Copies: "small", Rate: 5000})
	return w
}

// doubledBoth: two and two.
func doubledBoth() world {
	w := doubled()
	w.double(&config.Redundancy{Interfaces: []string{"wan", "wanb"}, RemoteAlt: []netip.Addr{addr("198.51.100.130")}, Copies: "all"})
	return w
}

// doubledTransport: likewise with the tunnel between the outer addresses.
func doubledTransport() world {
	w := doubledBoth()
	p, s := &w.c.Pseudowires[0], &w.c.IPsec[0]
	p.Local, p.Remote, p.Checksum = netip.Addr{}, addr("198.51.100.1"), false
	s.Mode, s.LocalTS, s.RemoteTS = kstate.ModeTransport, nil, nil
	return w
}

// doubledNAT: the second line has an address of CGNAT, the third has no carrier.
func doubledNAT() world {
	w := doubled()
	lte := w.f.WANs["wanb"]
	lte.IPv4.Addrs = []netip.Prefix{prefix("100.64.7.9/24")}
	w.f.WANs["wanb"] = lte
	w.f.WANs["wanc"] = plan.WAN{Device: "eth3", Index: 4, Up: true, MTU: 1500, IPv4: plan.Side{Addrs: []netip.Prefix{prefix("192.0.2.130/25")}}}
	w.double(&config.Redundancy{Interfaces: []string{"wan", "wanb", "wanc"}, Copies: "all"})
	return w
}

// doubledClass: frames with one of two code points, behind a cookie and without a sublayer.
func doubledClass() world {
	w := doubled()
	w.double(&config.Redundancy{Interfaces: []string{"wan", "wanb"}, Copies: "dscp", DSCP: []uint8{46, 40}})
	w.c.Pseudowires[0].PeerCookie, w.c.Pseudowires[0].L2Spec = "8 bytes.", "none"
	return w
}

// doubledMoves: the first line has got another address, and the SA still has the old one.
func doubledMoves() world {
	w := doubled()
	line := w.f.WANs["wan"]
	line.IPv4.Addrs = []netip.Prefix{prefix("192.0.2.77/24")}
	w.f.WANs["wan"] = line
	return w
}

// TestCopiesNeverInClear: whatever is planned, a packet that is copied is ESP, or UDP from and to the ports of IKE.
func TestCopiesNeverInClear(t *testing.T) {
	copies := 0
	for name, build := range worlds() {
		w := build()
		for _, table := range Compute(w.c, w.f).Tables {
			for _, c := range table.Chains {
				for _, r := range c.Rules {
					if c.Hook == "output" && table.Family == "ip" {
						text := r.String()
						if c.Name == "overlay_classes" {
							continue // copies nothing, see below
						}
						if !strings.HasPrefix(text, "meta l4proto esp ") && !strings.HasPrefix(text, "meta l4proto udp th sport { 500, 4500 } th dport { 500, 4500 } ") {
							t.Errorf("%s: %s", name, text)
						}
					}
					if slices.ContainsFunc(r.Do, func(s kstate.Statement) bool { return s.Dup != nil }) {
						copies++
						if c.Hook != "" || !strings.HasPrefix(c.Name, "overlay_esp_") && !strings.HasPrefix(c.Name, "overlay_ike_") {
							t.Errorf("%s: a copy in chain %s", name, c.Name)
						}
					}
				}
			}
		}
	}
	if copies == 0 {
		t.Error("no copies were planned")
	}
}

// TestCopiesOfOthers: a second connection with the ends of a copy keeps that path free of copies.
func TestCopiesOfOthers(t *testing.T) {
	w := doubled()
	s := secTransport("other")
	s.Interface = "wanb"
	p := wirePlain("other", 7)
	p.Interface, p.IPsec = "wanb", "other"
	w.c.IPsec, w.c.Pseudowires = append(w.c.IPsec, s), append(w.c.Pseudowires, p)
	got := Compute(w.c, w.f).Pseudowires[0].Redundancy.Paths[1]
	if got.State != PathDown || !strings.Contains(got.Reason, "another ipsec section") {
		t.Errorf("path %+v", got)
	}
}

// TestNoCopies: a kernel that cannot send copies gets no rule that it would refuse, and the user is told.
func TestNoCopies(t *testing.T) {
	w := doubled()
	w.f.Missing = map[string]bool{"nft_dup_ipv4": true}
	p := Compute(w.c, w.f)
	if r := p.Pseudowires[0]; r.State != Ready || r.Redundancy.Paths[1].State != PathDown || !strings.Contains(r.Redundancy.Paths[1].Reason, "kmod-nft-dup-inet") {
		t.Errorf("pseudowire %+v, paths %+v", r, r.Redundancy.Paths)
	}
	if slices.ContainsFunc(p.Tables, func(k kstate.Table) bool { return k.Family == "ip" }) {
		t.Error("table ip is wanted")
	}
	if !slices.ContainsFunc(p.Warnings, func(s string) bool { return strings.Contains(s, "kmod-nft-dup-inet") }) {
		t.Errorf("warnings %q", p.Warnings)
	}
}

// TestSilent: what counters say of paths.
func TestSilent(t *testing.T) {
	for _, row := range []struct {
		rate        int
		first, copy Arrivals
		want        []bool
	}{
		{0, Arrivals{9, 9, 9}, Arrivals{9, 9, 9}, []bool{false, false}},
		{0, Arrivals{9, 9, 0}, Arrivals{9, 9, 9}, []bool{false, false}}, // may be on its way
		{0, Arrivals{9, 0, 0}, Arrivals{9, 9, 9}, []bool{true, false}},
		{0, Arrivals{9, 9, 9}, Arrivals{9, 0, 0}, []bool{false, true}},
		{0, Arrivals{9, 0, 0}, Arrivals{9, 2, 3}, []bool{false, false}}, // too few to tell
		{0, Arrivals{0, 0, 0, 0}, Arrivals{2, 2, 1, 1}, []bool{true, false}},
		{0, Arrivals{1, 0, 0, 0}, Arrivals{2, 2, 1, 1}, []bool{false, false}},
		{0, Arrivals{0, 0, 0, 0}, Arrivals{0, 0, 0, 0}, []bool{false, false}},
		{800, Arrivals{9, 9, 9}, Arrivals{9, 0, 0}, []bool{false, true}},
		{64, Arrivals{9, 9, 9, 9, 9}, Arrivals{9, 9, 0, 0, 0}, []bool{false, false}}, // the limit lets few pass
		{64, Arrivals{9, 9, 9, 9, 9}, Arrivals{0, 0, 0, 0, 0}, []bool{false, true}},
		{64, Arrivals{9, 9, 9, 0, 0}, Arrivals{9, 9, 9, 9, 9}, []bool{true, false}},
	} {
		r := RedundancyPlan{Rate: row.rate, Paths: []PathPlan{{State: PathFirst, Received: "0"}, {State: PathCopies, Received: "1"}, {State: PathDown, Received: "1"}}}
		got := r.Silent(func(c string) Arrivals { return []Arrivals{row.first, row.copy}[c[0]-'0'] })
		if !slices.Equal(got, append(row.want, false)) {
			t.Errorf("%+v: %v", row, got)
		}
	}
}

// TestWidowed: while the first path is dead everything is copied, whatever is usually chosen.
func TestWidowed(t *testing.T) {
	for name, f := range map[string]func(*Facts){
		"silent": func(f *Facts) { f.Silent = map[string]bool{"overlay_in_dc2_1": true} },
		"down":   func(f *Facts) { f.Down = map[string]bool{"wan": true} },
		"sound":  func(*Facts) {},
	} {
		w := doubledPeer()
		f(&w.f)
		for _, table := range Compute(w.c, w.f).Tables {
			text := table.String()
			if table.Family == "ip" && (strings.Contains(text, "meta length") || strings.Contains(text, "limit rate")) != (name == "sound") {
				t.Errorf("%s:\n%s", name, text)
			}
		}
	}
}

// TestTranslated: which lines cannot carry copies. Two private ends, as in a provider's own network, can.
func TestTranslated(t *testing.T) {
	for local, want := range map[string]bool{
		"192.0.2.1": false, "192.168.1.2": true, "10.0.0.1": true, "172.31.0.1": true, "172.32.0.1": false, "100.64.0.1": true, "100.127.255.255": true,
		"100.128.0.1": false, "192.0.0.2": true, "192.0.0.9": false,
	} {
		if got := translated(addr(local), addr("198.51.100.1")); got != want {
			t.Errorf("%s: %v", local, got)
		}
		if translated(addr(local), addr("10.9.9.9")) {
			t.Errorf("%s to a private address", local)
		}
	}
}

// TestOneToOne: a line behind a NAT carries copies once the far end's come by it, which only a NAT of one address to one lets happen.
func TestOneToOne(t *testing.T) {
	w := doubledNAT()
	w.f.Came = map[string]bool{"overlay_in_dc2_2": true}
	if p := Compute(w.c, w.f).Pseudowires[0].Redundancy.Paths[1]; p.State != PathCopies {
		t.Errorf("path %+v", p)
	}
}
