package daemon

import (
	"bytes"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/src/core/status"
	"multiwan/src/hook"
	"multiwan/src/ipsec"
	"multiwan/src/journal"
	"multiwan/src/probe"
	"multiwan/src/reconcile"
)

// joinedRecord is a record that hears of one protected pseudowire in a bond.
type joinedRecord struct {
	*record
	log    bytes.Buffer
	conn   ipsec.Status
	heard  []string // hooks
	waits  string
	state  string // of the far end
	active string
}

func newJoined() *joinedRecord {
	j := &joinedRecord{waits: "ipsec dc is not established", state: "waiting", active: "pw"}
	j.record = newRecord(journal.New(&j.log))
	j.sites.conns = func() map[string]ipsec.Status { return map[string]ipsec.Status{"dc": j.conn} }
	j.sites.hook = func(e hook.Event) {
		j.heard = append(j.heard, strings.TrimSpace(e.Action+" "+e.Type+" "+e.Interface+" "+e.Reason))
	}
	return j
}

// pass makes a pass, and returns what was logged and what the hooks heard.
func (j *joinedRecord) pass(t *testing.T) (log, heard []string) {
	t.Helper()
	p := &overlay.Plan{Conns: []kstate.Conn{{Name: "dc"}},
		Pseudowires: []overlay.PseudowirePlan{{Name: "pw", Device: "pw0", State: overlay.Ready, IPsec: "dc", Waits: j.waits}},
		Bonds: []overlay.BondPlan{{Name: "ha", State: overlay.Ready, Mode: "active-backup", Active: j.active, ActiveWhy: "why", Members: []overlay.MemberPlan{
			{Name: "pw", In: true, Verdict: "up"}, {Name: "tap", In: true, Verdict: "up"}}}}}
	j.record.pass(reconcile.Snapshot{Plan: &plan.Plan{}, Overlay: p, FarEnds: map[string]string{"pw": "because"},
		Joins: overlay.Facts{Verdicts: map[string]plan.Verdict{"pw": {State: j.state}}}})
	for line := range strings.Lines(written(t, j.record, &j.log)) {
		_, message, _ := strings.Cut(strings.TrimSpace(line), "msg=")
		log = append(log, strings.ReplaceAll(message, `"`, ""))
	}
	heard, j.heard = j.heard, nil
	return log, heard
}

// verdict is a change of the far end's health, and the pass that it causes.
func (j *joinedRecord) verdict(from, to health.State) {
	j.transitions(probe.Update{WAN: "pw", Transitions: []health.Transition{{From: from, To: to, At: time.Unix(1790000000, 0), Reason: "probes"}},
		Snapshot: health.Snapshot{State: to}})
	j.state = to.String()
}

// TestSitesAreSaidOnce follows a pseudowire through a wrong key, its SA, its far end's answer, the loss of the SA and of the far end.
func TestSitesAreSaidOnce(t *testing.T) {
	j := newJoined()
	at := time.Unix(1790000000, 0)
	wrong := func(n int) ipsec.Reason {
		return ipsec.Reason{Cause: ipsec.CauseAuth, Text: "AUTHENTICATION_FAILED", Count: n}
	}
	for _, step := range []struct {
		name       string
		do         func()
		log, hooks []string
	}{
		{"first", func() { j.conn = ipsec.Status{State: "connecting", Since: at} },
			[]string{"waiting: ipsec dc is not established pseudowire=pw", "up bond=ha"}, []string{"up bond ha"}},
		{"wrong key", func() { j.conn.State, j.conn.Reason = "retrying", wrong(1) },
			[]string{"retrying: wrong key or identity, here or there: AUTHENTICATION_FAILED ipsec=dc"}, nil},
		{"again", func() { j.conn.State, j.conn.Reason = "connecting", wrong(2) }, nil, nil},
		{"another reason", func() { j.conn.Reason = ipsec.Reason{Cause: ipsec.CauseUnreachable, Text: "no answer from 192.0.2.7"} },
			[]string{"connecting: no answer from 192.0.2.7 ipsec=dc"}, nil},
		{"wrong key, not said again", func() { j.conn.Reason = wrong(3) }, nil, nil},
		{"SA", func() {
			j.conn, j.waits = ipsec.Status{State: "up", Since: at.Add(210 * time.Millisecond)}, ""
		}, []string{"up in 210 ms ipsec=dc"}, nil},
		{"far end", func() { j.verdict(health.Waiting, health.Up) },
			[]string{"up, was waiting: probes family=layer2 pseudowire=pw"}, []string{"up pseudowire pw because"}},
		{"suspicion", func() { j.verdict(health.Up, health.Suspect) }, nil, nil},
		{"SA lost", func() { j.conn.State, j.waits = "connecting", "ipsec dc is not established" },
			[]string{"waiting, was up: ipsec dc is not established pseudowire=pw", "connecting, was up ipsec=dc"},
			[]string{"down pseudowire pw ipsec dc is not established"}},
		{"SA back", func() { j.conn.State, j.waits = "up", "" },
			[]string{"up, was waiting: because pseudowire=pw", "up, was connecting ipsec=dc"}, []string{"up pseudowire pw because"}},
		{"far end lost", func() { j.verdict(health.Suspect, health.Down); j.active = "tap" },
			[]string{"down, was suspect: probes family=layer2 pseudowire=pw", "active tap, was pw: why bond=ha"},
			[]string{"down pseudowire pw because", "failover bond ha pw to tap: why"}},
		{"nothing", func() {}, nil, nil},
	} {
		step.do()
		log, hooks := j.pass(t)
		if d := cmp.Diff(step.log, log); d != "" {
			t.Errorf("%s: log: %s", step.name, d)
		}
		if d := cmp.Diff(step.hooks, hooks); d != "" {
			t.Errorf("%s: hooks: %s", step.name, d)
		}
	}
	var history []string
	for _, h := range j.history(0, "pw") {
		history = append(history, h.Family+" "+h.From+" "+h.To)
	}
	if d := cmp.Diff([]string{"layer2 waiting up", "pseudowire up waiting", "pseudowire waiting up", "layer2 suspect down"}, history); d != "" {
		t.Errorf("history: %s", d)
	}
	j.record.pass(reconcile.Snapshot{Plan: &plan.Plan{}})
	if want := []string{"down bond ha removed from the configuration"}; !slices.Equal(j.heard, want) || len(j.standings()) != 0 {
		t.Errorf("removed: hooks %q, standings %v", j.heard, j.standings())
	}
}

// TestConnsOf: every figure of an SA arrives, and a reason in words.
func TestConnsOf(t *testing.T) {
	now := time.Unix(1790000000, 0)
	end := netip.MustParseAddrPort("192.0.2.1:4500")
	got := connsOf(map[string]ipsec.Status{
		"dc": {State: "up", SAs: 1, Since: now.Add(-time.Hour), SA: ipsec.SA{ID: 3, State: "ESTABLISHED", Local: end, Initiator: true, Established: now.Add(-time.Hour),
			RekeyIn: 2 * time.Hour, Child: ipsec.Child{ID: 5, State: "INSTALLED", BytesIn: 7, BytesOut: 8, PacketsIn: 1, PacketsOut: 2, Encap: true,
				Proposal: "AES_GCM_16-128", RekeyIn: time.Minute}}},
		"off": {State: "absent"},
		"bad": {State: "retrying", Failures: 4, Reason: ipsec.Reason{Cause: ipsec.CauseProposal, Text: "NO_PROPOSAL_CHOSEN", Count: 4}},
	}, now)
	want := map[string]status.IPsec{
		"dc": {State: "up", Since: now.Unix() - 3600, IKE: "ESTABLISHED", IKEID: 3, Local: "192.0.2.1", Initiator: true, Established: now.Unix() - 3600,
			Age: 3600, IKERekeyIn: 7200, Child: "INSTALLED", ChildID: 5, ESPProposal: "AES_GCM_16-128", RekeyIn: 60, Encap: true, SAs: 1,
			BytesIn: 7, BytesOut: 8, PacketsIn: 1, PacketsOut: 2},
		"off": {State: "absent", Reason: "the IKE daemon (charon) does not answer"},
		"bad": {State: "retrying", Cause: "proposal", Failures: 4, Reason: "the two ends share no algorithms: NO_PROPOSAL_CHOSEN (4 times)"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestSiteNotes: a connection through a pseudowire, one over the bridge that it is in, and its own outer packets.
func TestSiteNotes(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.7")
	s := &reconcile.Snapshot{Overlay: &overlay.Plan{
		Pseudowires: []overlay.PseudowirePlan{{Name: "pw", Device: "pw0", Local: a, Remote: b, IPsec: "dc", Attached: "br-lan"}},
		Want:        kstate.Overlay{Tunnels: []kstate.Tunnel{{Local: a, Remote: b, Encap: "udp", RemotePort: 1702}}}}}
	by := func(device string) *status.Explanation {
		return &status.Explanation{Kernel: &status.KernelAnswer{Device: device}}
	}
	for _, c := range []struct {
		flow plan.Flow
		e    *status.Explanation
		want []string
	}{
		{plan.Flow{Dst: netip.MustParseAddr("10.0.0.1")}, by("pw0"), []string{"device pw0 is pseudowire pw to 192.0.2.7, dropped unless under ipsec dc"}},
		{plan.Flow{Dst: netip.MustParseAddr("10.0.0.1")}, by("br-lan"), []string{"br-lan has pseudowire pw to 192.0.2.7, dropped unless under ipsec dc"}},
		{plan.Flow{Dst: b, Proto: 17, Dport: 1702}, by("eth0"), []string{"these are outer packets of pseudowire pw, dropped unless under ipsec dc"}},
		{plan.Flow{Dst: b, Proto: 17, Dport: 53}, by("eth0"), nil},
		{plan.Flow{Dst: b, Src: b, Proto: 17, Dport: 1702}, by("eth0"), nil},
	} {
		if d := cmp.Diff(c.want, siteNotes(s, c.flow, c.e)); d != "" {
			t.Errorf("%+v: %s", c.flow, d)
		}
	}
}
