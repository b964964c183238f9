package sites

import (
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// resolver makes the internet's first address the resolver of this machine, with one name whose address changes.
func resolver(t *testing.T, n *lab.Sites, host string, a netip.Addr) *atomic.Value {
	t.Helper()
	was, err := os.ReadFile("/etc/resolv.conf")
	missing := os.IsNotExist(err)
	if err := os.WriteFile("/etc/resolv.conf", []byte("nameserver "+lab.Internet4.String()+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if missing {
			os.Remove("/etc/resolv.conf")
		} else {
			os.WriteFile("/etc/resolv.conf", was, 0o644)
		}
	})
	var is atomic.Value
	is.Store(a)
	n.Internet.ServeDNS(lab.Internet4, func(name string) netip.Addr {
		if name == host {
			return is.Load().(netip.Addr)
		}
		return netip.Addr{}
	})
	return &is
}

// TestNamedPeer has a peer that is known by its name, which gets another address, as dialled-up lines do: the name is asked for again as soon
// as the peer is silent, and tunnel and IPsec follow. Its own end, which has a fixed address for its peer, follows its line.
func TestNamedPeer(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon, lab.Machine)
	for _, clear := range []bool{true, false} {
		t.Run(map[bool]string{true: "clear", false: "protected"}[clear], func(t *testing.T) {
			if clear {
				lab.Long(t)
			}
			n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true})
			wire := n.Wire(lab.Frame.L2TP)
			const name = "b.example.net"
			is := resolver(t, n, name, n.B.WANs[0].Addr4)
			n.A.Start(strings.ReplaceAll(config(n.A, cable{clear: clear}), "option remote '"+n.B.WANs[0].Addr4.String()+"'", "option remote '"+name+"'"))
			n.B.Start(config(n.B, cable{clear: clear}))
			n.Reaches(20 * time.Second)
			for i, to := range []string{"198.18.1.77", "198.18.1.78"} {
				time.Sleep(2 * time.Second)
				readdress(n.B, to)
				begin := time.Now()
				if i == 1 { // the name follows later than the address
					time.Sleep(8 * time.Second)
					begin = time.Now()
				}
				is.Store(netip.MustParseAddr(to))
				within(t, n, fmt.Sprintf("the name stands for %s", to), begin, 15*time.Second)
				if remote := n.A.Status().Pseudowires["pw"].Remote; remote != to {
					t.Errorf("status says that the far end is %s", remote)
				}
				if tunnels := n.A.Router.IP("l2tp show tunnel"); strings.Count(tunnels, "Tunnel ") != 1 || !strings.Contains(tunnels, "to "+to) {
					t.Errorf("want one tunnel, to %s:\n%s", to, tunnels)
				}
			}
			if !clear {
				noClear(t, wire)
			}
		})
	}
}
