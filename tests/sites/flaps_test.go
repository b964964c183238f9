package sites

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestFlaps lets lines, carriers and SAs under a bond of two protected pseudowires come and go; nothing is left of it.
func TestFlaps(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon, lab.Bonding)
	flap(t, 20)
}

func TestThousandFlaps(t *testing.T) {
	lab.Long(t)
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon, lab.Bonding)
	flap(t, 1000)
}

const fast = "config probe 'fast'\n\toption method 'loopback'\n\toption interval '0.1'\n\toption down_interval '0.1'\n\toption down '3'\n\toption up '2'\n\n"

// bonded has a pseudowire over each of two lines, and a bond of them in the bridge.
func bonded(s *lab.Site) string {
	over := func(name string, id int, line string) string {
		text := config(s, cable{name: name, id: id, bridge: "-", options: []string{"probe fast"}})
		text = text[strings.Index(text, "config ipsec"):]
		if line == "wan1" {
			text = strings.NewReplacer("'wan0'", "'wan1'", s.Far.WANs[0].Addr4.String(), s.Far.WANs[1].Addr4.String(),
				"local_id '"+s.Name, "local_id '"+s.Name+"2", "remote_id '"+s.Far.Name, "remote_id '"+s.Far.Name+"2").Replace(text)
		}
		return text
	}
	return s.UCI(fast, over("pw1", 1, "wan0"), over("pw2", 2, "wan1"),
		"config bond 'ha'\n\tlist member 'pw1'\n\tlist member 'pw2'\n\toption primary 'pw1'\n\toption bridge 'br-lan'\n")
}

func flap(t *testing.T, flaps int) {
	t.Helper()
	n := lab.JoinSites(t, lab.SitesOptions{NoIPv6: true, A: make([]lab.Kind, 2), B: make([]lab.Kind, 2)})
	wire := n.Wire(lab.Frame.L2TP)
	for _, s := range []*lab.Site{n.A, n.B} {
		s.Start(bonded(s))
	}
	n.Reaches(20 * time.Second)
	time.Sleep(5 * time.Second)
	before, opened := map[*lab.Site]string{n.A: counts(n.A), n.B: counts(n.B)}, map[*lab.Site][2]int{n.A: files(t, n.A), n.B: files(t, n.B)}
	flow := n.A.Host.PingFlow(n.B.Host4, lab.FlowOptions{Interval: 50 * time.Millisecond})
	for i := range flaps {
		line := n.A.WANs[i%2]
		switch i % 3 {
		case 0: // long enough for the bond to leave it
			line.BlackHole()
			time.Sleep(600 * time.Millisecond)
			line.Heal()
		case 1:
			line.CarrierDown()
			line.CarrierUp()
		case 2:
			n.A.Charon.Swanctl("--terminate", "--ike", fmt.Sprintf("multiwan-sa_pw%d", 1+i%2), "--timeout", "1")
		}
		time.Sleep(200 * time.Millisecond)
	}
	n.Reaches(20 * time.Second)
	r := flow.Stop()
	gap, _ := r.LongestGap()
	moves := strings.Count(n.A.Daemon.Log(), "bond=ha")
	t.Logf("%d flaps: %d of %d pings lost, longest gap %v; the bond said %d times that it changed", flaps, r.Lost(), len(r.Packets), gap, moves)
	if moves < min(flaps/6, 10) { // members that flap are held down, longer each time
		t.Errorf("the bond changed %d times in %d flaps", moves, flaps)
	}
	for _, s := range []*lab.Site{n.A, n.B} {
		// A line that flapped is held down, in the end for minutes, and has its rules after that.
		if !lab.Wait(6*time.Minute, func() bool { return counts(s) == before[s] }) {
			t.Errorf("%s: after %d flaps there is %s, before %s\n%s", s.Name, flaps, counts(s), before[s], left(s))
		}
		is, was := files(t, s), opened[s]
		t.Logf("%s: open files of the daemon and of charon %v, before %v", s.Name, is, was)
		if is[0] > was[0]+3 || is[1] > was[1]+3 { // some are open for a moment
			t.Errorf("%s: open files of the daemon and of charon %v, before %v", s.Name, is, was)
		}
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

// files counts what the programs of a site have open: the daemon and charon.
func files(t *testing.T, s *lab.Site) (n [2]int) {
	t.Helper()
	for i, pid := range []int{s.Daemon.PID(), s.Charon.PID()} {
		all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		n[i] = len(all)
	}
	return n
}
