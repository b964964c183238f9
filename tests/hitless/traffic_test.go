package hitless

import (
	"testing"
	"time"

	"multiwan/tests/lab"
)

// traffic are flows between the hosts, both ways.
type traffic struct {
	t     *testing.T
	names []string
	flows []*lab.Flow
}

// traffic starts datagrams from each host to the other, those from A in frames with a VLAN tag, and pings every 50 ms; it returns when all are
// answered.
func (p *pair) traffic(t *testing.T, interval time.Duration) *traffic {
	t.Helper()
	return p.trafficOf(t, lab.FlowOptions{Interval: interval})
}

// trafficOf is traffic with other datagrams.
func (p *pair) trafficOf(t *testing.T, o lab.FlowOptions) *traffic {
	t.Helper()
	f := &traffic{t: t, names: []string{"datagrams from A", "datagrams from B", "pings"}}
	f.flows = []*lab.Flow{
		p.A.Host.UDPFlow(lab.Echo(tagged), o),
		p.B.Host.UDPFlow(lab.Echo(p.A.Host4), o),
		p.A.Host.PingFlow(p.B.Host4, lab.FlowOptions{Interval: 50 * ms}),
	}
	for _, flow := range f.flows {
		flow.WaitAnswer(t, time.Time{}, 5*time.Second)
	}
	return f
}

// result of a flow.
type result struct {
	sent, lost, twice int
	gap               time.Duration
}

// stop ends the flows, logs and returns what became of each.
func (f *traffic) stop() []result {
	f.t.Helper()
	var all []result
	for i, flow := range f.flows {
		r := flow.Stop()
		gap, from := r.LongestGap()
		began := r.Packets[0].Sent
		res := result{len(r.Packets), r.Lost(), r.Duplicates(), gap}
		f.t.Logf("%s: %d of %d lost, %d came twice, longest gap %d ms, %d ms after the first", f.names[i], res.lost, res.sent, res.twice,
			gap.Milliseconds(), from.Sub(began).Milliseconds())
		for _, p := range r.Packets {
			if p.Lost() {
				f.t.Logf("the first lost was sent %d ms after the first", p.Sent.Sub(began).Milliseconds())
				break
			}
		}
		all = append(all, res)
	}
	return all
}

// whole ends the flows and fails the test if a packet was lost or came twice.
func (f *traffic) whole() {
	f.t.Helper()
	for i, r := range f.stop() {
		if r.lost > 0 || r.twice > 0 {
			f.t.Errorf("of %d %s %d were lost and %d came twice", r.sent, f.names[i], r.lost, r.twice)
		}
	}
}
