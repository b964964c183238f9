package sites

import (
	"os"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestPseudowireAdopted ends and starts the daemon in every way, and changes something else, while a datagram is sent every 5 ms: none is
// lost, and the device stays. What is no longer wanted goes, all of it.
func TestPseudowireAdopted(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{})
	n.B.Host.Echo()
	n.A.Charon, n.B.Charon = lab.StartCharon(n.A.Router), lab.StartCharon(n.B.Router)
	before := map[*lab.Site]string{n.A: left(n.A), n.B: left(n.B)}
	pw := cable{options: []string{"l2spec none", "cookie 01020304", "peer_cookie 01020304"}}
	start(n, pw)
	n.Reaches(20 * time.Second)
	time.Sleep(500 * time.Millisecond) // the pass that follows the first
	d, index := n.A.Daemon, deviceIndex(n.A, "pw")
	state := strings.TrimSuffix(d.Socket, ".sock") + ".state"
	other := cable{name: "more", id: 9, clear: true, bridge: "-", options: []string{"local_port 1709", "remote_port 1709"}}
	settle := func() { time.Sleep(time.Second) }
	for _, c := range []struct {
		name string
		do   func()
	}{
		{"stopped and started", func() { d.Stop(); settle(); d.Start(); settle() }},
		{"killed and started", func() { d.Kill(); settle(); d.Start(); settle() }},
		{"state file lost", func() { d.Kill(); os.Remove(state); d.Start(); settle() }},
		{"reloaded with more", func() { d.Write(config(n.A, pw, other)); d.Reload(); settle() }},
		{"reloaded with less", func() { d.Write(config(n.A, pw)); d.Reload(); settle() }},
	} {
		flow := n.A.Host.UDPFlow(lab.Echo(n.B.Host4), lab.FlowOptions{Interval: 5 * time.Millisecond})
		flow.WaitAnswer(t, time.Time{}, time.Second)
		c.do()
		r := flow.Stop()
		if r.Lost() > 0 {
			gap, _ := r.LongestGap()
			t.Errorf("%s: %d of %d lost, longest gap %v", c.name, r.Lost(), len(r.Packets), gap)
		}
		if now := deviceIndex(n.A, "pw"); now != index {
			t.Errorf("%s: the device is another: %s, was %s", c.name, now, index)
		}
	}

	for _, s := range []*lab.Site{n.A, n.B} {
		s.Daemon.Write(s.UCI(debug))
		s.Daemon.Reload()
	}
	empty := func(s *lab.Site) bool {
		return s.Router.IP("l2tp show tunnel") == "" && !strings.Contains(left(s), "link pw") && !strings.Contains(left(s), "block") && s.Router.IP("xfrm state") == ""
	}
	for _, s := range []*lab.Site{n.A, n.B} {
		if !lab.Wait(5*time.Second, func() bool { return empty(s) }) {
			t.Errorf("%s has more than steering after the sections are gone:\n%s", s.Name, left(s))
		}
		s.Daemon.Write(config(s, pw))
		s.Daemon.Reload()
	}
	n.Reaches(10 * time.Second)
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Daemon.Stop()
		if out, err := s.Daemon.CLI("stop", "--vici", s.Charon.Socket()); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		same(t, s, before[s])
	}
}

func deviceIndex(s *lab.Site, dev string) string {
	index, _, _ := strings.Cut(s.Router.IP("-o link show dev %s", dev), ":")
	return index
}
