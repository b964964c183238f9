package sites

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// hub is A in the middle of spokes, which call it from anywhere: pseudowires between inner addresses in tunnel mode, the spoke n at
// 172.30.201.n+1.
type hub struct {
	*lab.Sites
	spokes []*lab.Site
}

func newHub(t *testing.T) *hub {
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	// Two of them have the same address, each behind the NAT of its provider.
	return &hub{Sites: n, spokes: []*lab.Site{n.B, n.Add("c", lab.SameSubnet), n.Add("d", lab.SameSubnet)}}
}

const hubSection = `config ipsec 'to_%[1]s'
	option mode 'tunnel'
	option interface 'wan0'
	option remote '%[2]s'
	option local_id '%[3]s'
	option remote_id '%[4]s'
	option initiate '%[5]s'
	option psk 'secret of %[1]s'

config pseudowire 'pw_%[1]s'
	option local '172.30.201.%[6]d'
	option remote '172.30.201.%[7]d'
	option local_port '%[8]d'
	option remote_port '%[9]d'
	option tunnel_id '%[10]d'
	option ipsec 'to_%[1]s'
	option bridge 'br-lan'
`

// config of the hub, for some of its spokes, with more options for each pseudowire.
func (h *hub) config(spokes []*lab.Site, options string) string {
	text := []string{debug}
	for i, s := range h.spokes {
		for _, wanted := range spokes {
			if s == wanted {
				text = append(text, fmt.Sprintf(hubSection, s.Name, "any", "hub", s.Name, "no", 1, i+2, 1711+i, 1701, i+1)+options+"\n")
			}
		}
	}
	return h.A.UCI(text...)
}

// spoke is the configuration of spoke i.
func (h *hub) spoke(i int) string {
	s := h.spokes[i]
	return s.UCI(debug, fmt.Sprintf(hubSection, s.Name, h.A.WANs[0].Addr4, s.Name, "hub", "yes", i+2, 1, 1701, 1711+i, i+1))
}

// pairs has a flow between each two hosts of the sites.
func pairs(sites ...*lab.Site) map[string]*lab.Flow {
	flows := map[string]*lab.Flow{}
	for i, from := range sites {
		for _, to := range sites[i+1:] {
			flows[from.Name+" to "+to.Name] = from.Host.PingFlow(to.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
		}
	}
	return flows
}

// answered waits until every flow has an answer to what is sent from now on.
func answered(t *testing.T, flows map[string]*lab.Flow, limit time.Duration) {
	t.Helper()
	begin := time.Now()
	for name, f := range flows {
		if !lab.Wait(time.Until(begin.Add(limit)), func() bool { return !f.Report().FirstAfter(begin).Received.IsZero() }) {
			t.Errorf("%s: no answer within %v", name, limit)
		}
	}
}

// TestHub has a hub and three spokes on one layer 2, two of which are behind NAT with the same address. Each reaches each. One spoke dies
// and comes back, one leaves the hub's configuration and comes back: the others lose nothing. Isolated, spokes reach the hub alone.
func TestHub(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	h := newHub(t)
	b, c, d := h.spokes[0], h.spokes[1], h.spokes[2]
	wire := h.Wire(lab.Frame.L2TP)
	begin := time.Now()
	h.A.Start(h.config(h.spokes, ""))
	for i, s := range h.spokes {
		s.Start(h.spoke(i))
	}
	all := pairs(h.A, b, c, d)
	answered(t, all, 30*time.Second)
	t.Logf("all six pairs reach each other %v after the start", time.Since(begin))
	for _, f := range all {
		f.Stop()
	}
	if t.Failed() {
		t.FailNow()
	}

	others := pairs(h.A, b, c)
	undisturbed := func(what string) {
		t.Helper()
		for name, f := range others {
			if r := f.Report().Between(time.Time{}, time.Now().Add(-300*time.Millisecond)); r.Lost() > 0 {
				t.Errorf("%s: %d of %d pings from %s lost", what, r.Lost(), len(r.Packets), name)
			}
		}
	}
	state := func(want string) func() bool {
		return func() bool { return h.A.Status().Pseudowires["pw_d"].State == want }
	}
	answered(t, others, time.Second)
	loses(d)
	died := d.WANs[0].BlackHole()
	if !lab.Wait(15*time.Second, state("down")) {
		t.Errorf("a dead spoke is %+v", h.A.Status().Pseudowires["pw_d"])
	}
	t.Logf("the hub knows of the dead spoke after %v", time.Since(died))
	time.Sleep(5 * time.Second)
	undisturbed("one spoke is dead")
	for _, s := range []*lab.Site{b, c} {
		if w := h.A.Status().Pseudowires["pw_"+s.Name]; w.State != "up" {
			t.Errorf("of another spoke the hub says %+v", w)
		}
	}
	d.WANs[0].Heal()
	back := time.Now()
	d.Charon.Start()
	d.Daemon.Start()
	again := pairs(d, c)
	answered(t, again, 30*time.Second)
	t.Logf("the spoke is back after %v", time.Since(back))
	undisturbed("the spoke is back")

	h.A.Daemon.Write(h.config(h.spokes[:2], ""))
	h.A.Daemon.Reload()
	if !lab.Wait(10*time.Second, func() bool { return !strings.Contains(h.A.Router.IP("l2tp show tunnel"), "to 172.30.201.4") }) {
		t.Errorf("a removed spoke has a tunnel:\n%s", h.A.Router.IP("l2tp show tunnel"))
	}
	undisturbed("one spoke is removed")
	h.A.Daemon.Write(h.config(h.spokes, ""))
	h.A.Daemon.Reload()
	answered(t, again, 30*time.Second)
	undisturbed("the spoke is added")

	h.A.Daemon.Write(h.config(h.spokes, "\toption isolated '1'\n"))
	h.A.Daemon.Reload()
	lab.Wait(5*time.Second, func() bool {
		return others["b to c"].Report().FirstAfter(time.Now().Add(-500 * time.Millisecond)).Received.IsZero()
	})
	since := time.Now()
	time.Sleep(time.Second)
	for _, f := range []*lab.Flow{others["b to c"], again["d to c"]} {
		if p := f.Report().FirstAfter(since); !p.Received.IsZero() {
			t.Error("a ping passed between isolated spokes")
		}
	}
	for _, name := range []string{"a to b", "a to c"} {
		if r := others[name].Stop(); r.Lost() > 0 {
			t.Errorf("%d of %d pings from %s lost while spokes were isolated", r.Lost(), len(r.Packets), name)
		}
	}
	noClear(t, wire)
	if tunnels := strings.Count(h.A.Router.IP("l2tp show tunnel"), "Tunnel "); tunnels != 3 {
		t.Errorf("the hub has %d tunnels", tunnels)
	}
}
