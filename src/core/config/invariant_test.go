package config

import (
	"slices"
	"testing"

	"multiwan/src/core/kstate"
)

// checkInvariants holds what every Config promises to its readers, with or without errors in the file.
func checkInvariants(t *testing.T, c *Config, ds Diagnostics) {
	t.Helper()
	if !slices.IsSortedFunc(ds, func(a, b Diagnostic) int { return a.Line - b.Line }) {
		t.Errorf("diagnostics are not in file order:\n%s", ds)
	}
	g := c.Globals
	if g.RuleBase < 1 || g.RuleBase+999 >= 32766 || g.TableBase < 256 || g.TableBase+255 < g.TableBase || g.MarkMask == 0 || g.HookDir == "" || g.Steering == "" {
		t.Errorf("globals out of bounds: %+v", g)
	}
	names := map[string]string{}
	enabled, joined := 0, 0
	for _, p := range c.Pseudowires {
		names[p.Name] = "pseudowire"
	}
	for _, b := range c.Bonds {
		names[b.Name] = "bond"
	}
	for _, p := range c.Probes {
		names[p.Name] = "probe"
		checkProbe(t, p)
	}
	for _, i := range c.Interfaces {
		if i.Enabled && names[i.Name] != "" {
			joined++
		}
		names[i.Name] = "interface"
		if i.Enabled {
			enabled++
		}
		if len(i.Families) == 0 || len(i.Probes) == 0 || i.Metric < 1 || i.Weight < 1 || (i.SNAT == "address") != i.SNATAddr.IsValid() {
			t.Errorf("interface %+v", i)
		}
		for _, p := range i.Probes {
			if names[p] != "probe" {
				t.Errorf("interface %s: probe %q is missing", i.Name, p)
			}
		}
	}
	if enabled > MaxWANs {
		t.Errorf("%d enabled interfaces", enabled)
	}
	for _, p := range c.Policies {
		names[p.Name] = "policy"
		if len(p.Members) == 0 || p.LastResort == "" || p.Failback == "" {
			t.Errorf("policy %+v", p)
		}
		for _, m := range p.Members {
			if names[m.Interface] != "interface" || m.Metric < 1 || m.Weight < 1 {
				t.Errorf("policy %s: member %+v", p.Name, m)
			}
		}
	}
	if enabled > joined && names[DefaultPolicy] != "policy" {
		t.Error("no default policy")
	}
	for _, r := range c.Rules {
		checkRule(t, r, names)
	}
	checkJoins(t, c, names)
}

// checkJoins holds what the readers of pseudowires, connections and bonds rely on.
func checkJoins(t *testing.T, c *Config, names map[string]string) {
	t.Helper()
	conns, wires := map[string]IPsec{}, map[string]Pseudowire{}
	carried := func(name, iface, policy string) {
		if iface != "" && policy != "" || iface != "" && names[iface] != "interface" || policy != "" && names[policy] != "policy" {
			t.Errorf("%s: carried by interface %q, policy %q", name, iface, policy)
		}
	}
	for _, i := range c.IPsec {
		conns[i.Name] = i
		carried(i.Name, i.Interface, i.Policy)
		if (len(i.PSK) > 0) == (i.Cert != "") || (i.Cert == "") != (i.Key == "") || !i.Any && !i.Remote.IsValid() && i.RemoteHost == "" ||
			i.Any && i.Mode != kstate.ModeTunnel || i.Family == 0 || len(i.ESPProposals) == 0 || i.Rekey <= 0 {
			t.Errorf("ipsec %+v", i)
		}
	}
	for _, p := range c.Pseudowires {
		wires[p.Name] = p
		carried(p.Name, p.Interface, p.Policy)
		x, known := conns[p.IPsec]
		if p.IPsec != "" && !known || p.Device == "" || len(p.Device) > 15 || p.TunnelID == 0 || p.PeerTunnel == 0 || p.SessionID == 0 || p.PeerID == 0 ||
			p.Family == 0 || len(p.Probes) == 0 || !p.Remote.IsValid() && p.RemoteHost == "" || (p.Encap == "udp") != (p.LocalPort > 0) {
			t.Errorf("pseudowire %+v", p)
		}
		if p.Policy != "" && x.Mode != kstate.ModeTunnel || known && (x.Interface != p.Interface || x.Policy != p.Policy) {
			t.Errorf("pseudowire %s by %q %q, its ipsec %+v", p.Name, p.Interface, p.Policy, x)
		}
		if p.Encap == "udp" && !slices.Contains(c.Globals.FixedPorts, p.LocalPort) {
			t.Errorf("pseudowire %s: port %d is not fixed: %v", p.Name, p.LocalPort, c.Globals.FixedPorts)
		}
		for _, probe := range p.Probes {
			if names[probe] != "probe" {
				t.Errorf("pseudowire %s: probe %q is missing", p.Name, probe)
			}
		}
	}
	for _, b := range c.Bonds {
		if len(b.Members) == 0 || b.Device == "" || (b.Monitor == "arp") && len(b.ARPTargets) == 0 {
			t.Errorf("bond %+v", b)
		}
		for _, m := range b.Members {
			p, known := wires[m.Name]
			if m.Pseudowire && (!known || p.Device != m.Device || b.Enabled && p.Enabled && p.Attach.Bond != b.Name) || !m.Pseudowire && len(m.Probes) == 0 {
				t.Errorf("bond %s: member %+v", b.Name, m)
			}
		}
	}
	for _, u := range c.Tunnels {
		if names[u.Interface] != "interface" || names[u.Name] != "interface" || !u.Remote.IsValid() {
			t.Errorf("tunnel %+v", u)
		}
	}
}

func checkProbe(t *testing.T, p Probe) {
	t.Helper()
	if (len(p.Targets) == 0) != (p.Method == loopback) || p.Interval <= 0 || p.Timeout <= 0 || p.DownInterval <= 0 || p.Down < 1 || p.Up < 1 || p.Window < 2 {
		t.Errorf("probe %+v", p)
	}
	if p.LossDown > 0 && p.LossUp >= p.LossDown || p.LatencyDown > 0 && p.LatencyUp >= p.LatencyDown {
		t.Errorf("probe without hysteresis: %+v", p)
	}
	for _, f := range kstate.Families {
		if counted, _ := p.For(f); len(counted) > 0 && (p.Needed(f) < 1 || p.Needed(f) > len(counted)) {
			t.Errorf("probe %s needs %d of %d targets", p.Name, p.Needed(f), len(counted))
		}
	}
}

func checkRule(t *testing.T, r Rule, names map[string]string) {
	t.Helper()
	if k := names[r.Policy]; k != "policy" && k != "interface" && !slices.Contains(reservedNames, r.Policy) {
		t.Errorf("rule %s: policy %q is missing", r.Name, r.Policy)
	}
	if (len(r.Sport.List) > 0 || len(r.Dport.List) > 0) && len(r.Proto) == 0 {
		t.Errorf("rule %s: ports of no protocol", r.Name)
	}
	if r.Origin != "forwarded" && (r.Src.Not || r.Dest.Not || r.Sport.Not || r.Dport.Not || len(r.SrcIface.List) > 0 || r.NFTSet != "" || len(r.DSCP.List) > 0 || r.StickySet) {
		t.Errorf("rule %s cannot be a routing rule: %+v", r.Name, r)
	}
	for _, f := range []kstate.Family{onlyFamily(r.Src.List), onlyFamily(r.Dest.List)} {
		if f != 0 && f != r.Family {
			t.Errorf("rule %s: family %v, addresses %v", r.Name, r.Family, f)
		}
	}
}
