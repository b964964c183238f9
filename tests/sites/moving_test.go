package sites

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

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
