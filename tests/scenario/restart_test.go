package scenario_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
	"multiwan/tests/ubusd"
)

// lines are the non-empty lines of a text.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}

// TestNetworkRestart does what `service network restart` and `service firewall stop` do, with netifd on the bus: it leaves, every rule of both families
// goes, devices go down and lose addresses and routes, all tables of nftables go; then all is there again, netifd last. Our rules stand a second
// later, everything as before once the lines answer, and traffic passes.
func TestNetworkRestart(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	b := ubusd.Start(t)
	leave := netifdOf(t, b, n.WANs)
	n.Router.NFT(fw4Table(1))
	config := regexp.MustCompile(`(?m)^\toption device .*\n`).ReplaceAllString(n.UCI(fastProbe, bySecond), "")
	r := &router{Network: n, Daemon: lab.StartDaemon(n.Router, config, "--ubus", b.Path), t: t}
	r.steady()
	want := ours(t, n.Router)
	routes := map[string][]string{"-4": lines(n.Router.IP("-4 route show default")), "-6": lines(n.Router.IP("-6 route show default"))}
	flow := n.Client.UDPFlow(lab.Echo(lab.Internet4), lab.FlowOptions{})
	flow.WaitAnswer(t, time.Time{}, patience)

	leave()
	for _, family := range []string{"-4", "-6"} {
		flushRules(n, family)
	}
	mustNFT(t, n.Router, "flush ruleset")
	r.repaired(t, time.Now(), want) // a restart takes longer than that
	r.await(patience, "the repair counted", func(s status.Document) bool { return s.Counters.Repairs > 0 })
	for _, w := range n.WANs {
		n.Router.IP("link set dev %s down", w.Device)
		n.Router.IP("address flush dev %s scope global", w.Device)
	}
	time.Sleep(300 * time.Millisecond)
	for _, w := range n.WANs {
		n.Router.Up(w.Device, w.Addr4.String()+"/24,"+w.Addr6.String()+"/64")
	}
	for family, list := range routes {
		for _, line := range list {
			n.Router.IP("%s route replace %s", family, strings.TrimSuffix(strings.TrimSpace(line), " pref medium"))
		}
	}
	netifdOf(t, b, n.WANs)
	n.Router.NFT(fw4Table(2)) // last: what goes out before is translated by nobody, and must not stay so
	at := time.Now()
	for {
		v4, _ := ourRules(n.Router, "-4")
		v6, _ := ourRules(n.Router, "-6")
		if len(v4) > 5 && len(v6) > 5 && strings.Contains(n.Router.IP("-4 route show table 19713"), "default via") {
			break
		}
		if time.Since(at) > time.Second {
			t.Fatalf("a second later: %d and %d rules", len(v4), len(v6))
		}
	}
	t.Logf("rules stand %v after the restart", time.Since(at))
	r.steady()
	same(t, "after the restart", want, ours(t, n.Router))
	flow.WaitAnswer(t, time.Now(), patience)
	r.newByBoth(t)
}
