package bonds

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// TestBondActiveBackup moves two protected pseudowires' bond by hand, by reload and by the death of a line.
func TestBondActiveBackup(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Bonding, lab.Bridge, lab.Charon)
	p := newPair(t, 2)
	p.charons()
	began := time.Now()
	p.start("option primary 'pw1'")
	flow := p.pings(20 * time.Millisecond)
	t.Logf("first answer %v after the start", flow.WaitAnswer(t, began, 40*time.Second).Received.Sub(began))
	for _, s := range p.both() {
		wait(t, 20*time.Second, s.name+": slaves", s.slaves, "pw1 pw2")
		wait(t, 20*time.Second, s.name+": active", s.active, "pw1")
	}
	for _, s := range p.both() {
		wait(t, 20*time.Second, s.name+": state", s.state, "up")
	}

	at := time.Now()
	must(t, p.a, "down", "wan1")
	wait(t, 2*time.Second, "a: active", p.a.active, "pw2")
	if got := p.b.active(); got != "pw1" {
		t.Errorf("b moved to %s, which nobody told it to", got)
	}
	time.Sleep(2 * time.Second)
	must(t, p.a, "up", "wan1")
	wait(t, 2*time.Second, "a: active", p.a.active, "pw1")
	time.Sleep(time.Second)
	lossless(t, "one end switched by hand, and back", flow.Report(), at)

	at = time.Now()
	p.reload("option primary 'pw2'")
	for _, s := range p.both() {
		wait(t, 5*time.Second, s.name+": active", s.active, "pw2")
	}
	time.Sleep(2 * time.Second)
	lossless(t, "another primary by reload", flow.Report(), at)

	at = p.lines[1].cut()
	for _, s := range p.both() {
		t.Logf("%s left the line after %v", s.name, wait(t, 5*time.Second, s.name+": active", s.active, "pw1"))
	}
	if got := must(t, p.a, "status"); !strings.Contains(got, " uses pw1: ") || !strings.Contains(got, "pw2 down") {
		t.Errorf("status does not say what the bond uses and why:\n%s", got)
	}
	if got := must(t, p.a, "history"); !regexp.MustCompile(`(?m)pw2 .*-> down .*\(`).MatchString(got) {
		t.Errorf("history does not say why pw2 is left:\n%s", got)
	}
	time.Sleep(3 * time.Second)
	gap(t, "black hole, active-backup, probe 0.1 s", flow.Report(), at, time.Second)

	at = p.lines[1].heal()
	for _, s := range p.both() {
		t.Logf("%s is back after %v", s.name, wait(t, 30*time.Second, s.name+": active", s.active, "pw2"))
	}
	time.Sleep(time.Second)
	lossless(t, "failback", flow.Stop(), at)
}

// must runs a command of the program.
func must(t *testing.T, s *site, command string, args ...string) string {
	t.Helper()
	out, err := s.daemon.CLI(command, args...)
	if err != nil {
		t.Fatalf("%v", err)
	}
	return out
}
