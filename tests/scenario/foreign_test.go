package scenario_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// foreigners puts objects of others beside, and nearly into, what is ours: close
// priorities, near numbers of tables, marks with other masks, another protocol,
// tables with names like ours. None may ever be touched.
func foreigners(n *lab.Network) {
	h := n.Router
	h.IP("rule add pref 5999 from 192.0.2.1 lookup 100")
	h.IP("rule add pref 7000 fwmark 0x1/0xff lookup 19711") // just below our tables
	h.IP("rule add pref 7001 fwmark 0x2/0xff lookup 19968") // just behind
	h.IP("rule add pref 1001 iif lan fwmark 0x100/0x3f00 lookup 1 proto 4")
	h.IP("rule add pref 220 lookup 220")
	h.IP("-6 rule add pref 5270 from 2001:db8:ff::/48 lookup 52")
	h.IP("-6 rule add pref 7000 to 2001:db8:fe::/48 prohibit")
	h.IP("route add default via %s table 100", n.WANs[1].Gateway4)
	h.IP("route add 192.0.2.0/24 via %s table 19711 proto static", n.WANs[1].Gateway4)
	h.IP("route add 192.0.2.0/24 via %s table 19968 proto 76", n.WANs[1].Gateway4)
	h.IP("route add 203.0.113.0/24 via %s proto 78", n.WANs[1].Gateway4)
	h.IP("-6 route add 2001:db8:fd::/48 via %s dev wan1 table 52 proto static", n.WANs[1].Gateway6)
	h.NFT(`table inet multiwan_of_another { chain c { type filter hook prerouting priority -160; meta mark and 0x40 != 0 counter; }
}
table arp multiwan { chain c { }
}
table inet fw4 { set multiwan { type ipv4_addr; flags timeout; }
	chain multiwan { type nat hook postrouting priority 100; oifname "wan*" ct mark and 0xff == 0x11 masquerade; }
}
`)
}

// TestS36Foreign lets objects of others survive the start, a switch, a reload, a
// kill, and the removal.
func TestS36Foreign(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	foreigners(n)
	if out, err := n.Router.TryIP("nexthop add id 77 via %s dev wan1 proto static", n.WANs[1].Gateway4); err != nil {
		t.Logf("without nexthop objects: %v %s", err, out)
	}
	want := withSettings(t, n.Router, dump(t, n.Router)).others()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	check := func(what string) {
		t.Helper()
		same(t, what+": what others made", want, withSettings(t, n.Router, dump(t, n.Router)).others())
	}
	check("start")
	if w := steeringWarnings(r.status()); len(w) != 0 {
		t.Errorf("neighbours of our numbers are taken for collisions: %q", w)
	}
	r.command("down", "wan0")
	r.await(patience, "the switch", func(d status.Document) bool { return d.Policies["default"].State == "backup" })
	check("switch")
	r.command("up", "wan0")
	r.Write(n.UCI(fastProbe))
	r.command("reload")
	r.steady()
	check("reload")
	r.Kill()
	r.Start()
	r.steady()
	check("restart")
	r.command("stop")
	check("stop")
	if got := ours(t, n.Router); strings.Join([]string{got["rules -4"], got["rules -6"], got["routes -4"], got["routes -6"], got["nftables"]}, "") != "" {
		t.Errorf("left behind: %v", got)
	}
}

// TestS36Stale removes at the start what an earlier configuration of ours left,
// and what is ours but wrong: of the wrong family, with a wrong mask or table.
// The plan names each of these before, and nothing else.
func TestS36Stale(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	r := start(t, n, n.UCI(fastProbe, bySecond))
	want := dump(t, n.Router)
	r.Kill()
	gw4, gw6 := n.WANs[0].Gateway4.String(), n.WANs[0].Gateway6.String()
	named := map[string]int{
		"nft delete table bridge multiwan":         0, // of the wrong family
		"nft delete chain inet multiwan leftover":  0,
		"nft delete rule inet multiwan prerouting": 0,
	}
	for _, c := range []struct{ stale, plan string }{
		{"rule add pref 6500 fwmark 0x5000000/0x7f000000 lookup 19717", "ip -4 rule delete pref 6500 fwmark 0x5000000/0x7f000000 lookup 19717"},
		{"rule add pref 6500 fwmark 0x1000000/0x3f00 lookup 19713", "ip -4 rule delete pref 6500 fwmark 0x1000000/0x3f00 lookup 19713"}, // wrong mask
		{"rule add pref 6200 iif lo from 198.18.7.2 lookup 19720", "ip -4 rule delete pref 6200 from 198.18.7.2/32 iif lo lookup 19720"},
		{"-6 rule add pref 6200 iif lo from 2001:db8:9::2 lookup 19720", "ip -6 rule delete pref 6200 from 2001:db8:9::2/128 iif lo lookup 19720"},
		{"rule add pref 9000 lookup 19999", "ip -4 rule delete pref 9000 lookup 19999"}, // of a predecessor with other numbers
		{"-6 rule add pref 6900 iif lo lookup 19778", "ip -6 rule delete pref 6900 iif lo lookup 19778"},
		{"route add default via " + gw4 + " table 19720", "ip -4 route delete default via " + gw4 + " dev wan0 table 19720"},
		{"route add 192.0.2.0/24 via " + gw4 + " table 19713", "ip -4 route delete 192.0.2.0/24 via " + gw4 + " dev wan0 table 19713"},
		{"route add default via " + gw4 + " table 19713 metric 7", "ip -4 route delete default via " + gw4 + " dev wan0 table 19713 metric 7"},
		{"-6 route add default via " + gw6 + " dev wan0 table 20000", "ip -6 route delete default via " + gw6 + " dev wan0 table 20000"},
		{"route add 198.51.100.0/24 via " + gw4, "ip -4 route delete 198.51.100.0/24 via " + gw4 + " dev wan0 table main"}, // in main
	} {
		n.Router.IP("%s proto 77", c.stale)
		named[c.plan] = 0
	}
	n.Router.NFT("table bridge multiwan { chain old { }\n}\nadd chain inet multiwan leftover\nadd rule inet multiwan prerouting accept\n")
	var changes status.Changes
	r.ask(&changes, "plan", "--json")
	for _, o := range changes.Operations {
		found := false
		for text := range named {
			if o.Command == text || strings.HasPrefix(o.Command, text+" ") {
				found, named[text] = true, named[text]+1
			}
		}
		if !found {
			t.Errorf("the plan says %q too", o.Command)
		}
	}
	for text, times := range named {
		if times != 1 {
			t.Errorf("the plan says %d times %q, want once", times, text)
		}
	}
	r.Start()
	r.steady()
	same(t, "stale objects of ours", want, dump(t, n.Router))
	r.newByBoth(t)
}

// TestS36Collision has another program use our priorities and tables: move finds
// other numbers and steers with them, refuse ends with a message that names what
// collides.
func TestS36Collision(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Router.IP("rule add pref 6300 from 192.0.2.0/24 lookup 19800")
	n.Router.IP("-6 rule add pref 6300 from 2001:db8:ff::/48 lookup 19800")
	n.Router.IP("route add default via %s table 19800", n.WANs[1].Gateway4)
	before := withSettings(t, n.Router, dump(t, n.Router))
	globals := "config globals 'globals'\n\toption collision '%s'\n"

	// The daemon ends before its socket can be relied upon, so it is run to its end.
	file := t.TempDir() + "/multiwan"
	writeFile(t, file, n.UCI(fastProbe, fmt.Sprintf(globals, "refuse")))
	_, err := n.Router.Exec("", "timeout", "10", lab.Binary(t), "run", "--config", file, "--socket", t.TempDir()+"/control.sock")
	if err == nil || !strings.Contains(err.Error(), "pref 6300") || !strings.Contains(err.Error(), "19800") || !strings.Contains(err.Error(), "rule_base") {
		t.Errorf("refuse: %v; want the rule, the table and what to do", err)
	}
	same(t, "refuse changed the kernel", before, withSettings(t, n.Router, dump(t, n.Router)))

	r := start(t, n, n.UCI(fastProbe, bySecond, fmt.Sprintf(globals, "move")))
	if w := strings.Join(r.status().Warnings, "\n"); !strings.Contains(w, "rules moved to 7000, tables to 19968") {
		t.Errorf("move: warnings %q", w)
	}
	if rules := n.Router.IP("rule show"); !strings.Contains(rules, "7500:") || strings.Contains(rules, "6500:") {
		t.Errorf("move: rules\n%s", rules)
	}
	r.newByBoth(t)
	// The next start stays where the first went, whatever it can remember.
	moved := dump(t, n.Router)
	r.Kill()
	r.Start()
	if d := r.steady(); d.Counters.Writes != 0 {
		t.Errorf("move: the second start wrote: %s", brief(d))
	}
	same(t, "move: after a restart", moved, dump(t, n.Router))
	r.noSpoofing()
	r.command("stop")
	r.gone(before)
}

// TestS23Refreshes repeats what DHCP clients and router advertisements do all day
// and what changes nothing, 100 times: no write to the kernel follows, and
// ip_forward is never touched.
func TestS23Refreshes(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	w := n.WANs[0]
	n.Router.IP("address replace %s/24 dev wan0 valid_lft 3600 preferred_lft 3600", w.Addr4)
	n.Router.IP("address replace %s/64 dev wan0 valid_lft 3600 preferred_lft 1800", w.Addr6)
	r := start(t, n, n.UCI(fastProbe, bySecond))
	want, counters := ours(t, n.Router), r.status().Counters
	n.Router.Sysctl("net.ipv4.ip_forward", "0") // whoever writes to it would put it back
	heard := watch(t, n.Router, func() {
		n.Router.IP("rule add pref 30000 from 192.0.2.1 lookup 500")
		n.Router.IP("rule del pref 30000")
	}, "ip", "monitor", "rule", "nexthop")
	sets := watch(t, n.Router, func() { n.Router.NFT("table ip ready\ndelete table ip ready\n") }, "nft", "monitor", "ruleset")
	quietRules, quietSets := heard.String(), sets.String()
	for i := range 100 {
		n.Router.IP("address replace %s/24 dev wan0 valid_lft %d preferred_lft %d", w.Addr4, 3600+i, 3600+i)
		n.Router.IP("address replace %s/64 dev wan0 valid_lft %d preferred_lft %d", w.Addr6, 3600+i, 1800+i)
		n.Router.IP("route replace default via %s dev wan0 metric 10", w.Gateway4)
		n.Router.IP("-6 route replace default via %s dev wan0 metric 10", w.Gateway6)
		n.Router.IP("link set dev wan0 txqueuelen %d", 1000+i%2)
	}
	rest()
	after := r.status().Counters
	if after.Writes != counters.Writes || after.Repairs != counters.Repairs || after.Evicted != counters.Evicted || after.Transitions != counters.Transitions {
		t.Errorf("refreshes that change nothing: %+v, were %+v", after, counters)
	}
	if got := strings.TrimPrefix(heard.String(), quietRules) + strings.TrimPrefix(sets.String(), quietSets); got != "" {
		t.Errorf("the kernel changed:\n%s", got)
	}
	same(t, "after the refreshes", want, ours(t, n.Router))
	if n.Router.GetSysctl("net.ipv4.ip_forward") != "0" {
		t.Error("ip_forward was switched on")
	}
	t.Logf("%d passes for 500 events", after.Passes-counters.Passes)
}

// TestS23DefaultGoneForAMoment takes a WAN's routes and address away and puts
// them back within the debounce, as some clients renew a lease: what the kernel
// removed with them is put back each time, and is nobody's attack.
func TestS23DefaultGoneForAMoment(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	n.Neighbour.Echo()
	w := n.WANs[0]
	r := start(t, n, n.UCI(fastProbe, bySecond))
	flows := streams(t, n)
	want := ours(t, n.Router)
	from := time.Now()
	for range 10 {
		if _, err := n.Router.Exec(fmt.Sprintf("address del %s/24 dev wan0\naddress add %s/24 dev wan0\nroute add default via %s dev wan0 metric 10\n",
			w.Addr4, w.Addr4, w.Gateway4), "ip", "-batch", "-"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(300 * time.Millisecond)
	}
	r.steady()
	same(t, "after renewals", want, ours(t, n.Router))
	unbroken(t, flows, from, "wan1")
	unbroken(t, flows, from, "lan")
	// A pass that fell into such a moment on a busy machine moves the flow away; it is back.
	p := flows["wan0 ipv4"].WaitAnswer(t, time.Now(), patience)
	if n.ByAddr(p.Source.Addr()) != w {
		t.Errorf("the flow of wan0 leaves with %s", p.Source)
	}
	// The same on a busy machine: a pass that looks only after the address is back cannot know who took the routes. Once or twice is no fight.
	for _, f := range r.status().Repairs {
		if f.Count > 3 || f.RestUntil != 0 {
			t.Errorf("what the kernel took with the address is put down to others: %+v", f)
		}
	}
}

// TestBesidePBR: what pbr steers (a mark of its own in prerouting, and a rule just before main) goes its way where a rule of ours leaves it to main, and
// with it what pbr sends into main; everything else is steered by us, whatever pbr marks.
func TestBesidePBR(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Netns, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	serveRules(n, []ruleCase{{port: 7050}, {port: 7051}})
	n.Router.NFT(`table inet fw4 {
	chain mangle_prerouting { type filter hook prerouting priority mangle; udp dport { 7050, 7051 } meta mark set meta mark and 0xff00ffff xor 0x10000; }
}
`)
	for _, f := range []string{"-4", "-6"} {
		n.Router.IP("%s rule add pref 29998 fwmark 0x10000/0xff0000 lookup 256", f)
	}
	n.Router.IP("route add default via %s dev wan1 table 256", n.WANs[1].Gateway4)
	n.Router.IP("-6 route add default via %s dev wan1 table 256", n.WANs[1].Gateway6)
	start(t, n, n.UCI(fastProbe, "config rule 'pbr'\n\toption dest_port '7050'\n\toption policy 'main'\n"))
	for port, want := range map[uint16]string{7050: "wan1", 7051: "wan0"} {
		for from, to := range map[netip.Addr]netip.Addr{lab.Client4: lab.Internet4, lab.Client6: lab.Internet6} {
			seen, err := exchange(n.Client, shot{network: "udp", local: netip.AddrPortFrom(from, 0), to: netip.AddrPortFrom(to, port)})
			if got := outcome(n, seen, err); got != want {
				t.Errorf("port %d from %s: %s (seen as %s, %v), want %s", port, from, got, seen, err, want)
			}
		}
	}
}
