package status

import (
	"bytes"
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/config"
	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
)

// twoSites is a bond over two protected pseudowires, one of which cannot come up for a wrong key, one in clear beside them, and a tunnel.
func twoSites() Source {
	s := dualStack()
	s.Diagnostics, s.Warnings, s.Repairs, s.Config.Rules, s.Plan.Policies = nil, nil, nil, nil, nil
	s.ConfigState, s.Config.Interfaces = ConfigOK, s.Config.Interfaces[:1]
	s.Hits = map[string]uint64{"in_1": 4711, "in_2": 4000, "in_3": 4712, "out_2": 17, "out_3": 18}
	wire := func(id uint32, name, sec string) config.Pseudowire {
		return config.Pseudowire{Name: name, Device: name, Enabled: true, Encap: "udp", LocalPort: 1701, RemotePort: 1702, TunnelID: id,
			PeerTunnel: id + 100, SessionID: id + 10, PeerID: id + 110, IPsec: sec}
	}
	s.Config.Pseudowires = []config.Pseudowire{wire(1, "pw_cable", "dc_cable"), wire(2, "pw_telco", "dc_telco"), wire(3, "plain", "")}
	s.Config.IPsec = []config.IPsec{{Name: "dc_cable", Enabled: true, Mode: "transport", PSK: kstate.Secret("hunter2")},
		{Name: "dc_telco", Enabled: true, Mode: "transport"}, {Name: "later", Enabled: true, Mode: "tunnel", LocalID: "a"}, {Name: "off"}}
	s.Config.Bonds = []config.Bond{{Name: "ha", Enabled: true, Monitor: "probe"}}
	a, b := netip.MustParseAddr("198.51.100.10"), netip.MustParseAddr("192.0.2.7")
	how := "1500 path - 20 ipv4 - 33 esp - 8 udp - 8 l2tp - 4 l2spec - 14 ethernet = 1413; device 1500, larger packets in fragments"
	p := &overlay.Plan{
		Conns: []kstate.Conn{{Name: "dc_cable"}, {Name: "dc_telco"}},
		Pseudowires: []overlay.PseudowirePlan{
			{Name: "pw_cable", Device: "pw_cable", State: overlay.Ready, WAN: "wan", Local: a, Remote: b, IPsec: "dc_cable", Established: true,
				MTU: 1500, MSS4: 1369, MSS6: 1349, How: how, Attached: "ha",
				Redundancy: &overlay.RedundancyPlan{Copies: "all", Window: 4096, Paths: []overlay.PathPlan{
					{WAN: "wan", Device: "eth1", Local: a, Remote: b, State: overlay.PathFirst, Sent: "out_1", Received: "in_1"},
					{WAN: "wanb", Device: "eth2", Local: a, Remote: b, State: overlay.PathCopies, Sent: "out_2", Received: "in_2"},
					{WAN: "wanc", Device: "eth3", Local: a, Remote: b, State: overlay.PathCopies, Sent: "out_3", Received: "in_3"},
					{WAN: "lte", Device: "wwan0", Remote: b, State: overlay.PathNAT, Reason: "its packets are translated"}}}},
			{Name: "pw_telco", Device: "pw_telco", State: overlay.Ready, WAN: "wanb", Local: a, Remote: b, IPsec: "dc_telco",
				Waits: "ipsec dc_telco is not established", MTU: 1500, How: how, Attached: "ha"},
			{Name: "plain", Device: "plain", State: overlay.Refused, Reason: "tunnel id 3 is that of a tunnel of another program"},
		},
		Bonds: []overlay.BondPlan{{Name: "ha", Device: "ha", Mode: "active-backup", State: overlay.Ready, Active: "pw_cable",
			ActiveWhy: "primary, its far end answers", MTU: 1500, Attached: "br-lan", Members: []overlay.MemberPlan{
				{Name: "pw_cable", Device: "pw_cable", Verdict: "up", In: true}, {Name: "pw_telco", Device: "pw_telco", Verdict: "down", In: true},
				{Name: "tap0", Device: "tap0", Verdict: "waiting", Reason: "device tap0 does not exist yet"}}}},
		Tunnels: []overlay.TunnelPlan{{Name: "six", Device: "six", State: overlay.Ready, WAN: "wan", Local: a, Prefix: netip.MustParsePrefix("2001:db8:100::/48"), MTU: 1480, How: "1500 path - 20 ipv4 = 1480"}},
	}
	conns := map[string]IPsec{
		"dc_cable": {State: "up", Since: now.Unix() - 3600, IKE: "ESTABLISHED", Child: "INSTALLED", RekeyIn: 2400, IKERekeyIn: 9000, Remote: "192.0.2.7",
			ESPProposal: "AES_GCM_16-128", BytesIn: 1234567, BytesOut: 999, PacketsIn: 1000, PacketsOut: 9, SAs: 1, Initiator: true, Established: now.Unix() - 3600, Age: 3600},
		"dc_telco": {State: "retrying", Since: now.Unix() - 9, Cause: "auth", Reason: "wrong key or identity, here or there: received AUTHENTICATION_FAILED notify error (4 times)", Failures: 4},
	}
	s.Health["pw_cable"] = map[kstate.Family]health.Snapshot{0: s.Health["wan"][kstate.IPv4]}
	s.Sites = &Sites{Plan: p, Standings: map[string]Standing{}, Indexes: map[string]int{"pw_cable": 17}, Conns: conns,
		Traffic:  map[kstate.SessionKey]Traffic{{Tunnel: 1, ID: 11}: {RxFrames: 5, RxBytes: 500, TxFrames: 6, TxBytes: 600, Rejected: 2}},
		Guards:   map[uint32]string{1: "protected", 2: "blocked"},
		Arrivals: map[string]overlay.Arrivals{"in_1": {1800, 50, 50, 50, 50}, "in_2": {1400, 50, 50, 0, 0}, "in_3": {1800, 49, 50, 50, 50}},
		Bonds:    map[string]BondNow{"ha": {Active: "pw_cable", Working: []string{"pw_cable", "pw_telco"}}}}
	facts := overlay.Facts{Verdicts: map[string]plan.Verdict{"pw_cable": {State: "suspect"}, "pw_telco": {State: "down"}}}
	for _, st := range Standings(p, facts, map[string]string{"pw_cable": "probes are answered"}, func(name string) (string, string) {
		return conns[name].State, conns[name].Reason
	}) {
		st.Since = now.Add(-time.Hour)
		s.Sites.Standings[st.Key()] = st
	}
	return s
}

func TestSites(t *testing.T) {
	text, err := json.MarshalIndent(Build(twoSites()), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "sites.json", append(text, '\n'))
	if bytes.Contains(text, []byte("hunter2")) {
		t.Error("a key is in the document")
	}
	var b bytes.Buffer
	if err := WriteTable(&b, Build(twoSites()), false); err != nil {
		t.Fatal(err)
	}
	golden(t, "sites.txt", b.Bytes())
	b.Reset()
	if err := WriteMetrics(&b, MetricsOf(Build(twoSites()))); err != nil {
		t.Fatal(err)
	}
	golden(t, "sites.metrics", b.Bytes())
}

// TestClear: a pseudowire that should be protected and has nothing in the way of its packets is warned about.
func TestClear(t *testing.T) {
	s := twoSites()
	s.Sites.Guards[1] = "clear"
	if d := Build(s); len(d.Warnings) != len(Build(twoSites()).Warnings)+1 || d.Pseudowires["pw_cable"].protection() != "dc_cable (clear)" {
		t.Errorf("warnings %q, shown as %q", d.Warnings, d.Pseudowires["pw_cable"].protection())
	}
}

// TestBondOfTheKernel: links that the kernel finds dead are no bond that works, whatever the plan says.
func TestBondOfTheKernel(t *testing.T) {
	s := twoSites()
	p := &s.Sites.Plan.Bonds[0]
	p.Members = p.Members[:2]
	st := s.Sites.Standings["bond ha"]
	st.State, st.Reason = "up", ""
	s.Sites.Standings["bond ha"] = st
	for want, working := range map[string][]string{"up": {"pw_cable", "pw_telco"}, "degraded": {"pw_telco"}, "down": nil} {
		s.Sites.Bonds["ha"] = BondNow{Working: working}
		if got := Build(s).Bonds["ha"]; got.State != want || (got.Reason == "") != (want == "up") {
			t.Errorf("%v work: %s, %s; want %s", working, got.State, got.Reason, want)
		}
	}
	delete(s.Sites.Bonds, "ha")
	if got := Build(s).Bonds["ha"].State; got != "up" {
		t.Errorf("not looked at: %s", got)
	}
}

// TestSlaveOf finds the end of the detour that LACP takes.
func TestSlaveOf(t *testing.T) {
	want := kstate.Overlay{Links: []kstate.Link{{Name: "v-pw", Peer: "u-pw"}, {Name: "u-pw", Peer: "v-pw"}},
		Mirrors: []kstate.Mirror{{From: "u-pw", To: "pw"}, {From: "pw", To: "u-pw"}}}
	if a, b := slaveOf(want, "pw"), slaveOf(want, "tap0"); a != "v-pw" || b != "tap0" {
		t.Errorf("slaves %q and %q", a, b)
	}
}

func TestStandingOfBonds(t *testing.T) {
	member := func(name, verdict string, in bool) overlay.MemberPlan {
		return overlay.MemberPlan{Name: name, Device: "dev-" + name, Verdict: verdict, In: in}
	}
	kernel := overlay.Facts{Have: kstate.Overlay{Links: []kstate.Link{{Name: "b", Bond: &kstate.BondAttrs{ActiveSlave: "dev-y"}}}}}
	for name, c := range map[string]struct {
		plan overlay.BondPlan
		want Standing
	}{
		"all work": {overlay.BondPlan{Mode: "802.3ad", Members: []overlay.MemberPlan{member("x", "up", true), member("y", "waiting", true)}},
			Standing{State: "up", Active: "x y", Why: "all that work"}},
		"one works": {overlay.BondPlan{Mode: "balance-rr", Members: []overlay.MemberPlan{member("x", "down", true), member("y", "up", true)}},
			Standing{State: "degraded", Reason: "x: its far end does not answer", Active: "y", Why: "all that work"}},
		"none works": {overlay.BondPlan{Mode: "balance-rr", Members: []overlay.MemberPlan{member("x", "down", true)}},
			Standing{State: "down", Reason: "x: its far end does not answer", Why: "all that work"}},
		"the kernel chooses": {overlay.BondPlan{Mode: "active-backup", Members: []overlay.MemberPlan{member("x", "up", true), member("y", "up", true)}},
			Standing{State: "up", Active: "y", Why: "chosen by the kernel"}},
	} {
		c.plan.Device, c.plan.State = "b", overlay.Ready
		c.want.Kind, c.want.Device = KindBond, "b"
		if d := cmp.Diff(c.want, bondStanding(c.plan, kernel)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

// TestSaid: each change once, tries of an IKE connection not at all.
func TestSaid(t *testing.T) {
	ike := func(state, reason string) Standing { return Standing{Kind: KindIPsec, State: state, Reason: reason} }
	wire := func(state, reason string) Standing {
		return Standing{Kind: KindPseudowire, State: state, Reason: reason}
	}
	bond := func(active string) Standing {
		return Standing{Kind: KindBond, State: "up", Active: active, Why: "because"}
	}
	quick := ike("up", "")
	quick.Since = time.Time{}.Add(210 * time.Millisecond)
	for _, c := range []struct {
		is, was Standing
		want    string
	}{
		{wire("waiting", "no address"), Standing{}, "waiting: no address"},
		{wire("up", "answers"), wire("waiting", "no address"), "up, was waiting: answers"},
		{wire("up", "answers"), wire("up", "something else"), ""},
		{ike("connecting", ""), Standing{}, ""},
		{quick, ike("connecting", ""), "up in 210 ms"},
		{ike("retrying", "wrong key (2 times)"), ike("connecting", "wrong key"), ""},
		{ike("retrying", "wrong key"), ike("connecting", ""), "retrying: wrong key"},
		{ike("connecting", ""), ike("up", ""), "connecting, was up"},
		{bond("b"), bond("a"), "active b, was a: because"},
		{bond("a"), bond("a"), ""},
	} {
		if got := c.is.Said(c.was); got != c.want {
			t.Errorf("%+v after %+v: %q, want %q", c.is, c.was, got, c.want)
		}
	}
}

func TestVolume(t *testing.T) {
	for n, want := range map[uint64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999949: "999.9 kB", 999950: "1.0 MB", 20100000: "20.1 MB", 1 << 63: "9223.4 PB"} {
		if got := Volume(n); got != want {
			t.Errorf("Volume(%d) = %q, want %q", n, got, want)
		}
	}
}

// TestTooFarBehind: a warning before the window does not cover the difference of the lines.
func TestTooFarBehind(t *testing.T) {
	for last, want := range map[uint64]bool{5000: false, 200000: true} {
		s := twoSites()
		s.Sites.Arrivals["in_1"] = overlay.Arrivals{9 * last, last / 4, last / 4, last / 4, last / 4}
		slow := s.Health["wan"][kstate.IPv4]
		slow.RTT += 40 * time.Millisecond
		s.Health["wanb"] = map[kstate.Family]health.Snapshot{kstate.IPv4: slow}
		d := Build(s)
		r := d.Pseudowires["pw_cable"].Redundancy
		if r.Behind != int(last/25) {
			t.Errorf("%d packets behind, want 40 ms of %d", r.Behind, last)
		}
		if got := slices.ContainsFunc(d.Warnings, func(w string) bool { return strings.Contains(w, "packets behind the fastest") }); got != want {
			t.Errorf("%d packets/s: warned %v", last, got)
		}
	}
}
