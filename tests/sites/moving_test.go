package sites

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// tunnelled joins the sites by a pseudowire between addresses of their own, in tunnel mode: A calls, from wherever it is.
func tunnelled(n *lab.Sites) {
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
}

// readdress gives the line of a site another address, as a provider does.
func readdress(s *lab.Site, to string) {
	w := s.WANs[0]
	s.Router.DelAddr("wan0", w.Addr4.String()+"/24")
	w.Addr4 = netip.MustParseAddr(to)
	s.Router.AddAddr("wan0", to+"/24")
	s.Router.IP("route replace default via %s dev wan0 metric 10", w.Gateway4)
}

// within fails the test where frames do not pass again in time since a change.
func within(t *testing.T, n *lab.Sites, what string, begin time.Time, limit time.Duration) {
	t.Helper()
	took := n.Reaches(20 * time.Second).Received.Sub(begin)
	t.Logf("%s: frames pass after %v", what, took)
	if took > limit {
		t.Errorf("%s: frames pass after %v, want at most %v", what, took, limit)
	}
}

// TestMovingPeer changes the address of the WAN that carries a pseudowire in tunnel mode, whose far end waits for us from anywhere.
func TestMovingPeer(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	wire := n.Wire(lab.Frame.L2TP)
	tunnelled(n)
	n.Reaches(20 * time.Second)
	readdress(n.A, "198.18.0.77")
	begin := time.Now()
	time.Sleep(200 * time.Millisecond)
	within(t, n, "another address, tunnel mode", begin, 2*time.Second)
	noClear(t, wire)
}

// TestMovingSocket changes the address under a pseudowire in transport mode, whose socket has to be made anew at either end; the far end is
// told by a reload.
func TestMovingSocket(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n, wire := protected(t)
	for _, to := range []string{"198.18.0.77", "198.18.0.2"} {
		readdress(n.A, to)
		n.B.Daemon.Write(config(n.B, cable{}))
		begin := time.Now()
		n.B.Daemon.Reload()
		within(t, n, "address "+to+", transport mode", begin, 2*time.Second)
		for _, s := range []*lab.Site{n.A, n.B} {
			ends := fmt.Sprintf("From %s to %s", s.WANs[0].Addr4, s.Far.WANs[0].Addr4)
			if tunnels := s.Router.IP("l2tp show tunnel"); strings.Count(tunnels, "Tunnel ") != 1 || !strings.Contains(tunnels, ends) {
				t.Errorf("%s: want one tunnel, %s:\n%s", s.Name, ends, tunnels)
			}
		}
	}
	noClear(t, wire)
}
