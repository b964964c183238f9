package hitless

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestNAT has the second line of A behind its provider's translation. While that lets nothing in, as a carrier's does, the line carries no copies
// and the status says so; once it translates one address to one, it does, and the first line may die.
func TestNAT(t *testing.T) {
	p := sites(t, options{nat: true})
	p.delays(10*ms, 20*ms)
	line := p.A.WANs[1]
	esp := p.A.Router.Capture(line.Device, func(f lab.Frame) bool { return f.Out && f.ESP() })
	f := p.traffic(t, 10*ms)
	time.Sleep(time.Second)
	f.whole()
	if x := paths(t, p.A); x[0].State != "first" || x[1].State != "nat" || !strings.Contains(x[1].Reason, "is translated on the way") || x[1].Sent != 0 {
		t.Errorf("behind a carrier's NAT: paths %+v", x)
	}
	if w := p.A.Status().Warnings; !slices.ContainsFunc(w, func(s string) bool { return strings.Contains(s, "interface wan1 carries no copies") }) {
		t.Errorf("behind a carrier's NAT: warnings %q", w)
	}
	if n := esp.Count(); n > 0 {
		t.Errorf("%d packets of ESP on a line that carries no copies", n)
	}

	line.ISP.NFT(fmt.Sprintf("table ip translate { chain in { type nat hook prerouting priority -100; ip daddr %s dnat to %s\n}\n}", line.Public4, line.Addr4))
	line.ISP.Exec("", "conntrack", "-F") // what went to the provider itself so far
	if !lab.Wait(5*time.Second, func() bool { return paths(t, p.A)[1].State == "copies" && paths(t, p.B)[1].State == "copies" }) {
		t.Fatalf("one address to one: paths %+v, at B %+v", paths(t, p.A), paths(t, p.B))
	}
	f = p.traffic(t, 10*ms)
	p.holes(600 * ms)
	f.whole()
	p.noClear(t)
}
