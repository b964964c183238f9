package sites

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// cable is one pseudowire of both sites, over the first WAN of each.
type cable struct {
	name    string // "" is pw
	id      int    // of tunnel and session, the same at both ends; 0 is 1
	v6      bool   // outside
	clear   bool   // without IPsec
	with    string // the cable whose IPsec section protects it, "" has one of its own
	psk     string // "" is the same at both ends
	certs   *certs // instead of a key
	options []string
	ipsec   []string
	bridge  string // "" is br-lan, "-" none
}

// outer is a site's address outside.
func outer(s *lab.Site, v6 bool) netip.Addr {
	if v6 {
		return s.WANs[0].Addr6
	}
	return s.WANs[0].Addr4
}

// uci is one end of it: its sections.
func (c cable) uci(s *lab.Site) string {
	var b strings.Builder
	name, id, remote := c.name, max(c.id, 1), outer(s.Far, c.v6)
	if name == "" {
		name = "pw"
	}
	sec := "sa_" + name
	if c.with != "" {
		sec = "sa_" + c.with
	}
	if !c.clear && c.with == "" {
		psk := c.psk
		if psk == "" {
			psk = "secret of both"
		}
		proof := fmt.Sprintf("\toption psk '%s'\n", psk)
		if c.certs != nil {
			proof = c.certs.uci(s.Name)
		}
		fmt.Fprintf(&b, "config ipsec '%s'\n\toption remote '%s'\n\toption local_id '%s'\n\toption remote_id '%s'\n%s",
			sec, remote, s.Name, s.Far.Name, proof)
		lines(&b, c.ipsec)
	}
	fmt.Fprintf(&b, "config pseudowire '%s'\n\toption interface 'wan0'\n\toption remote '%s'\n\toption tunnel_id '%d'\n", name, remote, id)
	if !c.clear {
		fmt.Fprintf(&b, "\toption ipsec '%s'\n", sec)
	}
	switch c.bridge {
	case "":
		b.WriteString("\toption bridge 'br-lan'\n")
	case "-":
	default:
		fmt.Fprintf(&b, "\toption bridge '%s'\n", c.bridge)
	}
	lines(&b, c.options)
	return b.String()
}

// lines writes options, each as "mtu path".
func lines(b *strings.Builder, options []string) {
	for _, o := range options {
		name, value, _ := strings.Cut(o, " ")
		fmt.Fprintf(b, "\toption %s '%s'\n", name, value)
	}
	b.WriteString("\n")
}

// debug makes the daemon say everything.
const debug = "config globals 'globals'\n\toption log_level 'debug'\n\n"

// start runs both sites with the cables.
func start(n *lab.Sites, cables ...cable) {
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Start(config(s, cables...))
	}
}

// config is a site's configuration with the cables.
func config(s *lab.Site, cables ...cable) string {
	text := make([]string, len(cables))
	for i, c := range cables {
		text[i] = c.uci(s)
	}
	return s.UCI(append([]string{debug}, text...)...)
}

// protected joins two sites by a protected pseudowire through which frames pass, and keeps what is seen of it in clear.
func protected(t *testing.T) (*lab.Sites, *lab.Wire) {
	t.Helper()
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
	wire := n.Wire(lab.Frame.L2TP)
	start(n, cable{})
	n.Reaches(20 * time.Second)
	return n, wire
}

// noClear fails the test if there was anything in clear.
func noClear(t *testing.T, wire *lab.Wire) {
	t.Helper()
	if frames := wire.Frames(); len(frames) > 0 {
		t.Errorf("%d packets of L2TP in clear, the first at %v from %s to %s", len(frames), frames[0].At, frames[0].Src, frames[0].Dst)
	}
}

// TestBridged joins two LANs, and nothing of it is ever in clear.
func TestBridged(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon)
	n := lab.JoinSites(t, lab.SitesOptions{})
	wire := n.Wire(lab.Frame.L2TP)
	begin := time.Now()
	start(n, cable{options: []string{"cookie deadbeef", "peer_cookie deadbeef"}})
	up := n.Reaches(20 * time.Second)
	t.Logf("%v from the start to an answer", up.Received.Sub(begin))
	noClear(t, wire)
}
