package sites

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestFaults has what is missing, wrong or somebody else's.
func TestFaults(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	later := cable{bridge: "br-later", options: []string{"local_port 1711", "remote_port 1711"}, id: 11, name: "later", clear: true}
	taken := cable{name: "taken", id: 12, clear: true, bridge: "-", options: []string{"local_port 1712", "remote_port 1712"}}
	n.A.Router.IP("l2tp add tunnel tunnel_id 12 peer_tunnel_id 99 encap ip local %s remote %s", n.A.WANs[0].Addr4, n.B.WANs[0].Addr4)
	theirs := n.A.Router.IP("l2tp show tunnel")

	long := filepath.Join(t.TempDir(), "multiwan")
	if err := os.WriteFile(long, []byte(config(n.A, cable{name: "a_name_of_17_bytes", clear: true})), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := n.A.Router.Exec("", lab.Binary(t), "check", "--config", long); err == nil || !strings.Contains(fmt.Sprint(out, err), "1 - 15 characters") {
		t.Errorf("check of a long name: %v\n%s", err, out)
	}

	// No charon and no peer, no bridge, a tunnel of somebody else's with our id.
	nowhere := filepath.Join(t.TempDir(), "vici")
	n.A.Daemon = lab.StartDaemon(n.A.Router, config(n.A, cable{}, later, taken), "--vici", nowhere)
	said := func(part string) bool {
		for _, w := range n.A.Status().Warnings {
			if strings.Contains(w, part) {
				return true
			}
		}
		return false
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
	if !strings.Contains(n.A.Router.IP("l2tp show tunnel"), strings.TrimSpace(theirs)) {
		t.Errorf("the other program's tunnel was\n%sand is among\n%s", theirs, n.A.Router.IP("l2tp show tunnel"))
	}
	n.A.Router.IP("link add name br-later type bridge")
	if !lab.Wait(5*time.Second, func() bool {
		return strings.Contains(n.A.Router.IP("-o link show dev later"), "master br-later")
	}) {
		t.Error("the pseudowire did not join the bridge that appeared")
	}
	n.A.Daemon.Stop()
	n.A.Router.IP("l2tp del tunnel tunnel_id 12")

	// A wrong key, and no storm of lines about it.
	n.A.Start(config(n.A, cable{psk: "another"}))
	reason := func(cause string) bool { return n.A.Status().IPsec["sa_pw"].Cause == cause }
	if !lab.Wait(20*time.Second, func() bool { return reason("unreachable") }) {
		t.Errorf("without a peer: %+v", n.A.Status().IPsec)
	}
	n.B.Start(config(n.B, cable{}))
	if !lab.Wait(20*time.Second, func() bool { return reason("auth") }) {
		t.Errorf("with the wrong key: %+v", n.A.Status().IPsec)
	}
	counted := func() int {
		lines := 0
		for line := range strings.Lines(n.A.Daemon.Log()) {
			if !strings.Contains(line, "level=debug") {
				lines++
			}
		}
		return lines
	}
	was := counted()
	time.Sleep(30 * time.Second)
	t.Logf("%d lines in 30 s with the wrong key", counted()-was)
	if more := counted() - was; more > 5 {
		t.Errorf("%d lines in 30 s with the wrong key", more)
	}
	n.A.Daemon.Write(config(n.A, cable{}))
	n.A.Daemon.Reload()
	n.Reaches(20 * time.Second)

	t.Run("both initiate", func(t *testing.T) {
		for _, s := range []*lab.Site{n.A, n.B} {
			s.Daemon.Write(config(s, cable{ipsec: []string{"initiate yes"}}))
			s.Daemon.Reload()
		}
		for range 5 {
			n.A.Charon.Swanctl("--terminate", "--ike", "multiwan-sa_pw", "--timeout", "1")
			time.Sleep(300 * time.Millisecond)
		}
		n.Reaches(10 * time.Second)
		time.Sleep(15 * time.Second)
		flow := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 20 * time.Millisecond})
		time.Sleep(5 * time.Second)
		if r := flow.Stop(); r.Lost() > 0 {
			t.Errorf("%d of %d pings lost", r.Lost(), len(r.Packets))
		}
		out, err := n.A.Charon.Swanctl("--list-sas")
		if c := strings.Count(out, "multiwan-sa_pw: #"); err != nil || c > 2 {
			t.Errorf("%d IKE_SAs:\n%s", c, out)
		}
	})

	t.Run("power loss of the peer", func(t *testing.T) {
		n.B.Daemon.Kill()
		n.B.Charon.Kill()
		n.B.Router.NFT("flush ruleset")
		n.B.Router.IP("l2tp del tunnel tunnel_id 1")
		n.B.Router.IP("xfrm state flush")
		n.B.Router.IP("xfrm policy flush")
		os.Remove(strings.TrimSuffix(n.B.Daemon.Socket, ".sock") + ".state")
		time.Sleep(3 * time.Second)
		begin := time.Now()
		n.B.Charon.Start()
		n.B.Daemon.Start()
		p := n.Reaches(20 * time.Second)
		t.Logf("frames pass %v after the peer's start", p.Received.Sub(begin))
	})
}

// TestFlaps lets SAs and the line come and go; nothing is left of it.
func TestFlaps(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	flaps := 50
	if os.Getenv("MULTIWAN_LONG") != "" {
		flaps = 1000
	}
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	wire := n.Wire(lab.Frame.L2TP)
	start(n, cable{})
	n.Reaches(20 * time.Second)
	time.Sleep(2 * time.Second)
	before := counts(n.A)
	for i := range flaps {
		switch i % 3 {
		case 0:
			n.A.Charon.Swanctl("--terminate", "--ike", "multiwan-sa_pw", "--timeout", "1")
		case 1:
			n.A.WANs[0].BlackHole()
			time.Sleep(200 * time.Millisecond)
			n.A.WANs[0].Heal()
		case 2:
			n.A.WANs[0].CarrierDown()
			n.A.WANs[0].CarrierUp()
		}
	}
	n.Reaches(20 * time.Second)
	if !lab.Wait(20*time.Second, func() bool { return counts(n.A) == before }) {
		t.Errorf("after %d flaps there is %s, before %s", flaps, counts(n.A), before)
	}
	noClear(t, wire)
}

// counts says how much of everything a router has; SAs by number, since their names are new each time.
func counts(s *lab.Site) string {
	tally := map[string]int{}
	for line := range strings.Lines(left(s)) {
		kind, _, _ := strings.Cut(line, " ")
		tally[kind]++
	}
	return fmt.Sprint(tally)
}

// TestMovingPeer changes the address of the WAN that carries a pseudowire in tunnel mode, whose far end waits for us from anywhere.
func TestMovingPeer(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	wire := n.Wire(lab.Frame.L2TP)
	for _, s := range []*lab.Site{n.A, n.B} {
		own, far := "10.7.0.1", "10.7.0.2"
		if s == n.B {
			own, far = far, own
		}
		text := config(s, cable{ipsec: []string{"mode tunnel", "initiate " + map[bool]string{true: "yes", false: "no"}[s == n.A]}, options: []string{"local " + own}})
		outer := fmt.Sprintf("\toption remote '%s'\n\toption tunnel_id", s.Far.WANs[0].Addr4)
		text = strings.Replace(text, outer, fmt.Sprintf("\toption remote '%s'\n\toption tunnel_id", far), 1)
		if s == n.B {
			text = strings.Replace(text, "config ipsec 'sa_pw'\n\toption remote '"+n.A.WANs[0].Addr4.String()+"'", "config ipsec 'sa_pw'\n\toption remote 'any'", 1)
		}
		s.Start(text)
	}
	n.Reaches(20 * time.Second)
	n.A.Router.DelAddr("wan0", "198.18.0.2/24")
	n.A.Router.AddAddr("wan0", "198.18.0.77/24")
	n.A.Router.IP("route replace default via %s dev wan0 metric 10", n.A.WANs[0].Gateway4)
	begin := time.Now()
	time.Sleep(200 * time.Millisecond)
	p := n.Reaches(20 * time.Second)
	t.Logf("frames pass %v after the change of address", p.Received.Sub(begin))
	noClear(t, wire)
}
