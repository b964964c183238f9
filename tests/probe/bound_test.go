package probe_test

import (
	"fmt"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/tests/lab"
)

// Every method works by the second WAN while the main table prefers the
// first, and none of its packets is ever seen on the first: with the routes in
// place, without any route, and while the device is down.
func TestNeverLeavesByAnotherWAN(t *testing.T) {
	n := lab.T1(t, 2)
	route(n)
	serve(t, n.Internet)
	other, own := n.WANs[0], n.WANs[1]
	families(t, func(t *testing.T, f kstate.Family) {
		p := start(t, n.Router)
		// Anything of ours: the WAN's source, or a target.
		a, b := targets(f)
		const reset = 0x04
		ours := func(fr lab.Frame) bool {
			// The kernel refuses an answer that comes after its socket was closed (tcp_v6_send_reset): that packet has no socket, so no device.
			return fr.Out && (fr.Proto != 6 || fr.Flags&reset == 0) && (fr.Src == own.Addr4 || fr.Src == own.Addr6 || fr.Dst == a || fr.Dst == b || fr.EtherType == 0x0806 && fr.Dst == own.Gateway4)
		}
		leaked, sent := n.Router.Capture(other.Device, ours), n.Router.Capture(own.Device, ours)
		methods := []string{"ping", "dns", "tcp", "http"}
		for _, m := range methods {
			id := p.add(path(t, own, f, n.Router), fast(m, f))
			p.state(id, 0, "up", 5*time.Second)
		}
		p.state(p.add(path(t, own, f, n.Router), gateway("arping", f)), 0, "up", 5*time.Second)
		p.state(p.add(path(t, own, f, n.Router), gateway("ping", f)), 0, "up", 5*time.Second)
		if sent.Count() < 6 {
			t.Errorf("only %d packets seen on %s", sent.Count(), own.Device)
		}
		flag := map[kstate.Family]string{kstate.IPv4: "-4", kstate.IPv6: "-6"}[f]
		n.Router.IP("%s route flush table %d", flag, 19712+own.Index)
		n.Router.IP("%s route del default dev %s", flag, own.Device)
		mark := p.mark()
		p.state(1, mark, "down", 5*time.Second)
		time.Sleep(500 * time.Millisecond)
		n.Router.IP("link set dev %s down", own.Device)
		time.Sleep(500 * time.Millisecond)
		for _, fr := range leaked.Stop() {
			t.Errorf("left by %s: %v -> %v proto %d", other.Device, fr.Src, fr.Dst, fr.Proto)
		}
		n.Router.Sysctl("net/ipv6/conf/"+own.Device+"/keep_addr_on_down", "1")
		n.Router.IP("link set dev %s up", own.Device)
		restore(n, own)
	})
}

// restore gives a WAN back the routes and addresses that a test or a link
// that was down took.
func restore(n *lab.Network, w *lab.WAN) {
	n.Router.TryIP("-6 address add %s/64 dev %s nodad", w.Addr6, w.Device)
	n.Router.IP("route replace default via %s dev %s metric %d", w.Gateway4, w.Device, 10*(w.Index+1))
	n.Router.IP("-6 route replace default via %s dev %s metric %d", w.Gateway6, w.Device, 10*(w.Index+1))
	n.Router.IP("route replace default via %s dev %s table %d", w.Gateway4, w.Device, 19712+w.Index)
	n.Router.IP("-6 route replace default via %s dev %s table %d", w.Gateway6, w.Device, 19712+w.Index)
}

// Sockets recover by themselves when the device goes down and up, when it is
// made anew with the same name, and with SetPath when the address changes.
func TestSocketsAreRebuilt(t *testing.T) {
	families(t, func(t *testing.T, f kstate.Family) {
		n := lab.T1(t, 2)
		route(n)
		serve(t, n.Internet)
		w := n.WANs[1]
		p := start(t, n.Router)
		methods := []string{"ping", "dns", "tcp", "http", "arping"}
		for _, m := range methods {
			pr := fast(m, f)
			if m == "arping" {
				pr = gateway(m, f)
			}
			p.state(p.add(path(t, w, f, n.Router), pr), 0, "up", 5*time.Second)
		}
		all := func(mark int, state string) {
			t.Helper()
			for i, m := range methods {
				e := p.state(i, mark, state, 10*time.Second)
				t.Logf("%s: %s: %s", m, state, e.Reason)
			}
		}
		m := p.mark()
		n.Router.IP("link set dev %s down", w.Device)
		all(m, "down")
		m = p.mark()
		n.Router.IP("link set dev %s up", w.Device)
		restore(n, w)
		all(m, "up")

		m = p.mark()
		n.Router.IP("link del dev %s", w.Device)
		all(m, "down")
		m = p.mark()
		relink(n, w)
		for i := range methods { // hold-down has begun to count: give it the new path as the daemon does
			p.order(order{Do: "path", Runner: i, Path: path(t, w, f, n.Router)})
		}
		for i := range methods {
			p.wait(m, 30*time.Second, "up", func(e event) bool { return e.Runner == i && e.To == "up" })
		}
	})
}

// relink makes the deleted link of a WAN again, with other indices.
func relink(n *lab.Network, w *lab.WAN) {
	n.Router.IP("link add name %s index 901 type veth peer name cust index 902 netns %s", w.Device, w.ISP.Path())
	w.ISP.Up("cust", w.Gateway4.String()+"/24,"+w.Gateway6.String()+"/64,2001:db8:2::1/64")
	n.Router.Up(w.Device, w.Addr4.String()+"/24,"+w.Addr6.String()+"/64")
	restore(n, w)
}

// A new address needs one SetPath; until then probes are lost, not misled.
func TestAddressChange(t *testing.T) {
	n := lab.T1(t, 2)
	route(n)
	families(t, func(t *testing.T, f kstate.Family) {
		w := n.WANs[1]
		p := start(t, n.Router)
		now := path(t, w, f, n.Router)
		id := p.add(now, fast("ping", f))
		p.state(id, 0, "up", 5*time.Second)
		old, next, bits := now.Source, now.Source.Next(), 24
		if f == kstate.IPv6 {
			bits = 64
		}
		seen := n.Router.Capture(w.Device, func(fr lab.Frame) bool { return fr.Out && (fr.Src == old || fr.Src == next) })
		m := p.mark()
		// The old one goes first: with it go other addresses of its IPv4 prefix.
		n.Router.DelAddr(w.Device, fmt.Sprintf("%s/%d", old, bits))
		n.Router.AddAddr(w.Device, fmt.Sprintf("%s/%d", next, bits))
		if f == kstate.IPv4 {
			n.Router.IP("route replace default via %s dev %s table %d", w.Gateway4, w.Device, 19712+w.Index)
		}
		now.Source = next
		at := time.Now()
		p.order(order{Do: "path", Runner: id, Path: now})
		if !lab.Wait(3*time.Second, func() bool { s := p.snapshot(id); return s.LastGood.After(at) && s.State.Usable() }) {
			t.Fatalf("no answer by the new address: %s", p.dump(m))
		}
		frames := seen.Stop()
		if len(frames) == 0 || frames[len(frames)-1].Src != next {
			t.Errorf("the last packet is not from %s", next)
		}
	})
}
