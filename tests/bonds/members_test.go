package bonds

import (
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// deviceNames are the names of all devices of a host, in order.
func deviceNames(h *lab.Host) string {
	var names []string
	for _, l := range strings.Split(strings.TrimSpace(h.IP("-br link show")), "\n") {
		name, _, _ := strings.Cut(strings.Fields(l)[0], "@")
		names = append(names, name)
	}
	return sorted(strings.Join(names, " "))
}

func sorted(words string) string {
	list := strings.Fields(words)
	slices.Sort(list)
	return strings.Join(list, " ")
}

const tapBond = fast + `
config bond 'ha'
	list member 'tap0'
	list member 'tap1'
	option bridge 'br-lan'
	list probe 'fast'
`

// TestMembersComeAndGo has members of a bond appear, vanish, and be somebody else's for a while.
func TestMembersComeAndGo(t *testing.T) {
	lab.Need(t, lab.Bonding, lab.Bridge)
	p := newPair(t, 0)
	for _, s := range p.both() {
		s.run(tapBond)
	}
	wait(t, 10*time.Second, "a: port of the bridge", p.a.inBridge, "ha lan")
	index := p.a.index("ha")
	flow := p.pings(20 * time.Millisecond)

	tap := func(name string) time.Time {
		p.lab.Link(p.a.router, name, "", p.b.router, name, "")
		return time.Now()
	}
	at := tap("tap1")
	for _, s := range p.both() {
		wait(t, 5*time.Second, s.name+": slaves", s.slaves, "tap1")
	}
	t.Logf("first answer %v after the first member appeared", flow.WaitAnswer(t, at, 10*time.Second).Received.Sub(at))
	tap("tap0")
	for _, s := range p.both() {
		t.Logf("%s took tap0 after %v", s.name, wait(t, 5*time.Second, s.name+": slaves", func() string { return sorted(s.slaves()) }, "tap0 tap1"))
		wait(t, 5*time.Second, s.name+": active", s.active, "tap1")
	}
	time.Sleep(time.Second)
	at = time.Now()
	p.a.router.IP("link del dev tap1") // and with it its other end
	for _, s := range p.both() {
		wait(t, 5*time.Second, s.name+": active", s.active, "tap0")
	}
	time.Sleep(time.Second)
	gap(t, "the active member vanishes", flow.Report(), at, time.Second)

	// A member that is in a bridge stays there until somebody takes it out.
	p.a.router.IP("link add name br-other type bridge")
	p.lab.Link(p.a.router, "other", "", p.b.router, "tap1", "")
	p.a.router.IP("link set dev other down")
	p.a.router.IP("link set dev other master br-other")
	p.a.router.IP("link set dev other name tap1")
	p.a.router.IP("link set dev tap1 up")
	wait(t, 5*time.Second, "b: slaves", func() string { return sorted(p.b.slaves()) }, "tap0 tap1")
	time.Sleep(time.Second)
	if got := p.a.slaves(); got != "tap0" {
		t.Errorf("slaves %q, tap1 is in another bridge", got)
	}
	p.a.router.IP("link set dev tap1 nomaster")
	wait(t, 5*time.Second, "a: slaves", func() string { return sorted(p.a.slaves()) }, "tap0 tap1")

	time.Sleep(time.Second)
	for _, name := range []string{"tap0", "tap1"} {
		p.a.router.IP("link del dev %s", name)
	}
	wait(t, 5*time.Second, "a: slaves", p.a.slaves, "")
	at = tap("tap0")
	t.Logf("all members gone and one back: first answer after %v", flow.WaitAnswer(t, at, 10*time.Second).Received.Sub(at))
	if got := p.a.index("ha"); got != index {
		t.Errorf("the bond was made anew: index %s, was %s", got, index)
	}
	if got := p.a.inBridge(); got != "ha lan" {
		t.Errorf("ports of the bridge: %s", got)
	}
}

// TestMemberOfTwo is refused before anything is done.
func TestMemberOfTwo(t *testing.T) {
	lab.Need(t, lab.Netns)
	p := newPair(t, 0)
	p.a.run("")
	p.a.daemon.Write(tapBond + "\nconfig bond 'hb'\n\tlist member 'tap1'\n\tlist member 'tap2'\n")
	out, err := p.a.daemon.CLI("check")
	if err == nil || !strings.Contains(out+err.Error(), "tap1") {
		t.Errorf("check takes a member of two bonds: %v %s", err, out)
	}
	t.Log(out)
}

// inBridge are the ports of br-lan.
func (s *site) inBridge() string { return sorted(portsOf(s.router, "br-lan")) }
