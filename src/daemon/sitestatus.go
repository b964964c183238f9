package daemon

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/core/status"
	"multiwan/src/ipsec"
	"multiwan/src/kernel/xfrm"
	"multiwan/src/reconcile"
)

// lookTime is how long the kernel is asked for the status; what it does not answer in time is left out.
const lookTime = 2 * time.Second

// sitesOf collects what the status shows of what joins sites. The kernel is asked only where there is something to ask for.
func (d *daemon) sitesOf(s *reconcile.Snapshot) *status.Sites {
	if s.Overlay == nil {
		return nil
	}
	ctx, stop := context.WithTimeout(context.Background(), lookTime)
	defer stop()
	out := &status.Sites{Plan: s.Overlay, Standings: d.record.standings(), Indexes: s.Indexes, Conns: connsOf(d.ike.Status(), time.Now()), Arrivals: d.arrivals.now()}
	j, want := d.kernel.joining, s.Overlay.Want
	if len(want.Sessions) > 0 {
		out.Traffic = j.traffic(ctx)
	}
	if len(want.Blocks) > 0 && j.xfrm != nil {
		out.Guards = j.guards(ctx, want)
	}
	if len(s.Overlay.Bonds) > 0 {
		out.Bonds = j.bonds(ctx)
	}
	return out
}

func (r *record) standings() map[string]status.Standing {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sites.standings // made anew by each pass
}

func (j *joining) traffic(ctx context.Context) map[kstate.SessionKey]status.Traffic {
	counters, err := j.l2tp.Counters(ctx)
	if err != nil {
		return nil
	}
	out := make(map[kstate.SessionKey]status.Traffic, len(counters))
	for key, c := range counters {
		out[key] = status.Traffic{RxFrames: c.RxPackets, RxBytes: c.RxBytes, RxErrors: c.RxErrors, Rejected: c.CookieDiscards,
			TxFrames: c.TxPackets, TxBytes: c.TxBytes, TxErrors: c.TxErrors}
	}
	return out
}

// guards says what happens to the packets of each protected tunnel, by its id: the worse of the two directions.
func (j *joining) guards(ctx context.Context, want kstate.Overlay) map[uint32]string {
	policies, err := j.xfrm.Policies(ctx)
	if err != nil {
		return nil
	}
	sas, err := j.xfrm.SAs(ctx)
	if err != nil {
		return nil
	}
	// A thousand tunnels have thousands of policies; most are for two addresses.
	var wide []kstate.Policy
	between := map[[2]netip.Prefix][]kstate.Policy{}
	for _, p := range policies {
		if ends := [2]netip.Prefix{p.Src, p.Dst}; p.Src.IsSingleIP() && p.Dst.IsSingleIP() {
			between[ends] = append(between[ends], p)
		} else {
			wide = append(wide, p)
		}
	}
	fates := []xfrm.State{xfrm.Protected, xfrm.Waiting, xfrm.Blocked, xfrm.Clear} // from good to bad
	out := map[uint32]string{}
	for _, t := range want.Tunnels {
		worst := 0
		for _, b := range t.Blocks() {
			worst = max(worst, slices.Index(fates, xfrm.Protect(b, order.Join(between[[2]netip.Prefix{b.Src, b.Dst}], wide), sas).State))
		}
		out[t.ID] = string(fates[worst])
	}
	return out
}

func (j *joining) bonds(ctx context.Context) map[string]status.BondNow {
	st, err := j.link.Observe(ctx, nil)
	if err != nil {
		return nil
	}
	out := make(map[string]status.BondNow, len(st.Bonds))
	for name, b := range st.Bonds {
		now := status.BondNow{Active: b.Active}
		if b.Aggregator.PartnerMAC != "" && b.Aggregator.PartnerMAC != "00:00:00:00:00:00" {
			now.Partner, now.PartnerPorts = b.Aggregator.PartnerMAC, b.Aggregator.Ports
		}
		for _, s := range b.Slaves {
			if s.Works {
				now.Working = append(now.Working, s.Device)
			}
		}
		out[name] = now
	}
	return out
}

// connsOf puts what is known of IKE connections into the words of the status.
func connsOf(all map[string]ipsec.Status, now time.Time) map[string]status.IPsec {
	span := func(t time.Time) (since, age int64) {
		if t.IsZero() {
			return 0, 0
		}
		return t.Unix(), int64(now.Sub(t) / time.Second)
	}
	out := make(map[string]status.IPsec, len(all))
	for name, c := range all {
		sa, child := c.SA, c.SA.Child
		x := status.IPsec{State: c.State, Reason: reasonOf(c), Cause: string(c.Reason.Cause), Failures: c.Failures, Initiator: sa.Initiator,
			LocalID: sa.LocalID, RemoteID: sa.RemoteID, IKE: sa.State, IKEID: sa.ID, IKEProposal: sa.Proposal, IKERekeyIn: int64(sa.RekeyIn / time.Second),
			Child: child.State, ChildID: child.ID, ESPProposal: child.Proposal, RekeyIn: int64(child.RekeyIn / time.Second), Encap: child.Encap, SAs: c.SAs,
			BytesIn: child.BytesIn, BytesOut: child.BytesOut, PacketsIn: child.PacketsIn, PacketsOut: child.PacketsOut}
		x.Since, _ = span(c.Since)
		x.Established, x.Age = span(sa.Established)
		if sa.Local.IsValid() {
			x.Local = sa.Local.Addr().String()
		}
		if sa.Remote.IsValid() {
			x.Remote = sa.Remote.Addr().String()
		}
		out[name] = x
	}
	return out
}

// reasonOf says why a connection is not up: what it means to a user, and what charon said.
func reasonOf(c ipsec.Status) string {
	r := c.Reason
	text := meaning(r.Cause)
	switch {
	case r.Cause == "" && c.State == "absent":
		return "the IKE daemon (charon) does not answer"
	case r.Cause == "" && c.State == "waiting":
		return "the far end is to set it up"
	case text == "":
		return r.Text
	case r.Text != "":
		text += ": " + r.Text
	}
	if r.Count > 1 {
		text += fmt.Sprintf(" (%d times)", r.Count)
	}
	return text
}

func meaning(c ipsec.Cause) string {
	switch c {
	case ipsec.CauseAuth:
		return "wrong key or identity, here or there"
	case ipsec.CauseCertificate:
		return "a certificate is missing or not trusted"
	case ipsec.CauseProposal:
		return "the two ends share no algorithms"
	case ipsec.CauseSelectors:
		return "the two ends protect different addresses or ports"
	case ipsec.CauseResolve:
		return "the name of the far end has no address"
	case ipsec.CauseKernel:
		return "the kernel refused it"
	case ipsec.CauseConfig:
		return "the IKE daemon refused it"
	case ipsec.CausePeer:
		return "the far end refused it"
	}
	return ""
}
