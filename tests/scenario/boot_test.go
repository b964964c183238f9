package scenario_test

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/status"
	"multiwan/tests/lab"
)

// appear makes the device of a WAN with its link, addresses and default routes,
// as a driver and then netifd would.
func appear(n *lab.Network, w *lab.WAN) {
	n.Link(n.Router, w.Device, fmt.Sprintf("%s/24,%s/64", w.Addr4, w.Addr6),
		w.ISP, "cust", fmt.Sprintf("%s/24,%s/64,2001:db8:%x::1/64", w.Gateway4, w.Gateway6, w.Index+1))
	metric := 10 * (w.Index + 1)
	n.Router.IP("route add default via %s dev %s metric %d", w.Gateway4, w.Device, metric)
	n.Router.IP("-6 route add default via %s dev %s metric %d", w.Gateway6, w.Device, metric)
}

// processor is the time that a process has computed for so far.
func processor(t *testing.T, pid int) time.Duration {
	t.Helper()
	_, rest, _ := strings.Cut(readFile(t, fmt.Sprintf("/proc/%d/stat", pid)), ") ")
	f := strings.Fields(rest) // from the state, field 3 of proc(5)
	var ticks int
	for _, s := range f[11:13] { // utime, stime
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond // USER_HZ is 100 everywhere
}

var numbering = regexp.MustCompile(`counter packets \d+ bytes \d+|expires \d+\w+`)

// whole is everything that the kernel holds of ours.
func (r *router) whole() string {
	out, err := r.Router.Exec("", "nft", "list", "table", "inet", "multiwan")
	if err != nil {
		r.t.Fatal(err)
	}
	routing := strings.Split(r.routing(), "\n")
	for i, l := range routing {
		routing[i] = strings.Join(strings.Fields(l), " ")
	}
	slices.Sort(routing) // rules of one priority never meet the same packet
	_, chains, _ := strings.Cut(strings.TrimSuffix(out, "}\n"), "{\n")
	blocks := strings.Split(strings.TrimSpace(numbering.ReplaceAllString(chains, "")), "\n\n")
	slices.Sort(blocks) // chains and sets are listed as they were made
	return strings.Join(append(routing, blocks...), "\n")
}

// TestS11EveryOrder starts the daemon before any device or address is there and
// lets three WANs appear in every order. It waits without work, and ends in the
// same state each time.
func TestS11EveryOrder(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft)
	n := lab.T1(t, 3)
	n.Internet.Echo()
	var want string
	for i, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		for _, w := range n.WANs {
			n.Router.IP("link del %s", w.Device)
		}
		r := launch(t, n, n.UCI(fastProbe))
		r.await(patience, "all WANs wait", func(d status.Document) bool {
			for _, w := range n.WANs {
				if s := d.Interfaces[w.Name]; s.State != "waiting" || s.Index != 0 {
					return false
				}
			}
			return len(d.Interfaces) == 3 && d.Counters.Passes > 0
		})
		if i == 0 {
			idle(t, r)
		}
		for _, at := range order {
			appear(n, n.WANs[at])
		}
		r.steady()
		r.uses("default", n.WANs[0])
		newFlows(t, n, n.WANs[0])
		switch got := r.whole(); {
		case want == "":
			want = got
		default:
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("order %v ends in another state than the first:\n%s", order, d)
			}
		}
		if _, err := r.CLI("stop"); err != nil {
			t.Fatal(err)
		}
	}
	for _, w := range n.WANs {
		if s := w.Spoofed(); s != 0 {
			t.Errorf("%s dropped %d packets with foreign sources", w.Name, s)
		}
	}
}

// idle measures what the daemon computes while it waits for devices.
func idle(t *testing.T, r *router) {
	t.Helper()
	const watch = 3 * time.Second
	time.Sleep(300 * time.Millisecond) // the start is over
	before, passes := processor(t, r.daemonPID(t)), r.status().Counters.Passes
	time.Sleep(watch)
	used := processor(t, r.daemonPID(t)) - before
	t.Logf("computed for %v in %v of waiting, %d passes", used, watch, r.status().Counters.Passes-passes)
	if used > watch/100 {
		t.Errorf("computed for %v in %v of waiting, want 1 %%", used, watch)
	}
}

// daemonPID is the process of the daemon itself, which took the place of the
// nsenter that started it.
func (r *router) daemonPID(t *testing.T) int {
	t.Helper()
	exe, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.PID()))
	if err != nil || !strings.Contains(exe, "multiwan") {
		t.Fatalf("process %d runs %q (%v), not the daemon", r.PID(), exe, err)
	}
	return r.PID()
}

// TestS11AddressLater brings the devices first, addresses and routes one after
// the other much later.
func TestS11AddressLater(t *testing.T) {
	t.Parallel()
	lab.Need(t, lab.Nft)
	n := lab.T1(t, 2)
	n.Internet.Echo()
	a, b := n.WANs[0], n.WANs[1]
	for _, w := range n.WANs {
		n.Router.IP("address flush dev %s scope global", w.Device)
		n.Router.IP("link set dev %s down", w.Device)
	}
	r := launch(t, n, n.UCI(fastProbe))
	r.await(patience, "both wait", func(d status.Document) bool {
		return d.Interfaces[a.Name].State == "waiting" && d.Interfaces[b.Name].State == "waiting"
	})
	for _, w := range []*lab.WAN{b, a} {
		n.Router.IP("link set dev %s up", w.Device)
		time.Sleep(150 * time.Millisecond)
		n.Router.AddAddr(w.Device, w.Addr4.String()+"/24")
		time.Sleep(150 * time.Millisecond)
		n.Router.IP("route add default via %s dev %s metric %d", w.Gateway4, w.Device, 10*(w.Index+1))
		r.await(patience, w.Name+" up in IPv4", func(d status.Document) bool {
			s := d.Interfaces[w.Name]
			return s.IPv4.State == "up" && (s.IPv6 == nil || s.IPv6.State == "waiting")
		})
		n.Router.AddAddr(w.Device, w.Addr6.String()+"/64")
		n.Router.IP("-6 route add default via %s dev %s metric %d", w.Gateway6, w.Device, 10*(w.Index+1))
		r.up(w)
	}
	r.uses("default", a)
	newFlows(t, n, a)
	r.noSpoofing()
}
