package sites

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestFaults has what is missing, wrong or somebody else's, one after the other in one network.
func TestFaults(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon, lab.Netem)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	for _, f := range []struct {
		name string
		test func(*testing.T, *lab.Sites)
	}{
		{"name too long", longName}, {"missing and foreign", missing}, {"no peer, wrong key", wrongKey},
		{"both initiate", bothInitiate}, {"power loss of the peer", powerLoss},
	} {
		if !t.Run(f.name, func(t *testing.T) { f.test(t, n) }) {
			return
		}
	}
}

func longName(t *testing.T, n *lab.Sites) {
	file := filepath.Join(t.TempDir(), "multiwan")
	if err := os.WriteFile(file, []byte(config(n.A, cable{name: "a_name_of_17_bytes", clear: true})), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := n.A.Router.Exec("", lab.Binary(t), "check", "--config", file); err == nil || !strings.Contains(fmt.Sprint(out, err), "1 - 15 characters") {
		t.Errorf("check of a long name: %v\n%s", err, out)
	}
}

// missing starts one end without charon and without a bridge, beside somebody else's tunnel with the id of one of ours.
func missing(t *testing.T, n *lab.Sites) {
	later := cable{bridge: "br-later", options: []string{"local_port 1711", "remote_port 1711"}, id: 11, name: "later", clear: true}
	taken := cable{name: "taken", id: 12, clear: true, bridge: "-", options: []string{"local_port 1712", "remote_port 1712"}}
	n.A.Router.IP("l2tp add tunnel tunnel_id 12 peer_tunnel_id 99 encap ip local %s remote %s", n.A.WANs[0].Addr4, n.B.WANs[0].Addr4)
	theirs := strings.TrimSpace(n.A.Router.IP("l2tp show tunnel"))
	n.A.Daemon = lab.StartDaemon(n.A.Router, config(n.A, cable{}, later, taken), "--vici", filepath.Join(t.TempDir(), "vici"))
	said := func(part string) bool {
		return slices.ContainsFunc(n.A.Status().Warnings, func(w string) bool { return strings.Contains(w, part) })
	}
	if !lab.Wait(5*time.Second, func() bool { return said("charon") && said("tunnel id 12") }) {
		t.Errorf("warnings are %q", n.A.Status().Warnings)
	}
	st := n.A.Status()
	if w := st.Pseudowires["later"]; !strings.Contains(w.Detached, "br-later") {
		t.Errorf("without its bridge it is %+v", w)
	}
	if w := st.Pseudowires["taken"]; w.State != "refused" {
		t.Errorf("with the id of another's tunnel it is %+v", w)
	}
	if all := n.A.Router.IP("l2tp show tunnel"); !strings.Contains(all, theirs) {
		t.Errorf("the other program's tunnel was\n%s\nand is among\n%s", theirs, all)
	}
	n.A.Router.IP("link add name br-later type bridge")
	joined := func() bool {
		return strings.Contains(n.A.Router.IP("-o link show dev later"), "master br-later")
	}
	if !lab.Wait(5*time.Second, joined) {
		t.Error("the pseudowire did not join the bridge that appeared")
	}
	n.A.Daemon.Stop()
	n.A.Router.IP("l2tp del tunnel tunnel_id 12")
}

// wrongKey calls a peer that is not there, then one with another key, and counts what is logged.
func wrongKey(t *testing.T, n *lab.Sites) {
	n.A.Start(config(n.A, cable{psk: "another"}))
	fails(t, n.A, "unreachable", 10*time.Second)
	n.B.Start(config(n.B, cable{}))
	fails(t, n.A, "auth", 30*time.Second)
	n.A.Daemon.Write(config(n.A, cable{}))
	n.A.Daemon.Reload()
	n.Reaches(20 * time.Second)
}

// fails waits until the status of a site gives a cause why its SA is not up, and counts what is logged from then on.
func fails(t *testing.T, s *lab.Site, cause string, during time.Duration) {
	t.Helper()
	lines := func() (count int) {
		for line := range strings.Lines(s.Daemon.Log()) {
			if !strings.Contains(line, "level=debug") {
				count++
			}
		}
		return count
	}
	if !lab.Wait(20*time.Second, func() bool { return s.Status().IPsec["sa_pw"].Cause == cause }) {
		t.Errorf("%s: %+v", cause, s.Status().IPsec)
	}
	was := lines()
	time.Sleep(during)
	now := lines()
	t.Logf("%s: %s: %d lines in %v", s.Name, cause, now-was, during)
	if now-was > 5 {
		t.Errorf("%s: %s: %d lines in %v", s.Name, cause, now-was, during)
	}
}

// bothInitiate tells both ends to set the SA up, and takes it away from both at the same moment: one SA is left.
func bothInitiate(t *testing.T, n *lab.Sites) {
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Daemon.Write(config(s, cable{ipsec: []string{"initiate yes"}}))
		s.Daemon.Reload()
	}
	n.A.WANs[0].Shape(lab.Quality{Delay: 100 * time.Millisecond}) // none has heard of the other's call when it calls
	defer n.A.WANs[0].Shape(lab.Quality{})
	var ends sync.WaitGroup
	for _, s := range []*lab.Site{n.A, n.B} {
		ends.Go(func() { s.Charon.Swanctl("--terminate", "--ike", "multiwan-sa_pw", "--force", "--timeout", "1") })
	}
	ends.Wait()
	n.Reaches(10 * time.Second)
	begin := time.Now()
	sas := func() (all []int) {
		for _, s := range []*lab.Site{n.A, n.B} {
			out, err := s.Charon.Swanctl("--list-sas")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, strings.Count(out, ", ESTABLISHED, IKEv2"))
		}
		return all
	}
	t.Logf("IKE_SAs at either end: %v", sas())
	if !lab.Wait(30*time.Second, func() bool { return slices.Equal(sas(), []int{1, 1}) }) {
		t.Errorf("IKE_SAs after 30 s: %v", sas())
	}
	t.Logf("one each after %v", time.Since(begin))
	flow := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
	time.Sleep(4 * time.Second)
	if r := flow.Stop(); r.Lost() > 0 {
		t.Errorf("%d of %d pings lost", r.Lost(), len(r.Packets))
	}
}

// loses takes the power of a site away: its programs end at once, and its kernel forgets.
func loses(s *lab.Site) {
	s.Daemon.Kill()
	s.Charon.Kill()
	s.Router.NFT("flush ruleset")
	for line := range strings.Lines(s.Router.IP("l2tp show tunnel")) {
		if _, id, found := strings.Cut(line, "Tunnel "); found {
			id, _, _ = strings.Cut(id, ",")
			s.Router.IP("l2tp del tunnel tunnel_id %s", id)
		}
	}
	s.Router.IP("xfrm state flush")
	s.Router.IP("xfrm policy flush")
	os.Remove(strings.TrimSuffix(s.Daemon.Socket, ".sock") + ".state")
}

// powerLoss ends everything on B at once, takes away what its kernel had, and gives it its power back, soon and later.
func powerLoss(t *testing.T, n *lab.Sites) {
	times := []time.Duration{3 * time.Second, 20 * time.Second, 60 * time.Second}
	if !lab.Thorough() {
		times = times[1:2]
	}
	for _, off := range times {
		wire := n.Wire(lab.Frame.L2TP)
		loses(n.B)
		time.Sleep(off)
		begin := time.Now()
		n.B.Charon.Start()
		n.B.Daemon.Start()
		up := time.Now()
		p := n.Reaches(30 * time.Second)
		t.Logf("%v without power: frames pass %v after the peer's charon is started, %v after its daemon answers", off, p.Received.Sub(begin), p.Received.Sub(up))
		if d := p.Received.Sub(up); d > 2*time.Second {
			t.Errorf("%v without power: frames pass %v after the peer's daemon answers", off, d)
		}
		wire.Stop()
		noClear(t, wire)
		time.Sleep(5 * time.Second)
	}
}
