package netifd

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden file anew")

// events are recorded changes of a real netifd, in the order in which they were made. NAME.txt has what was done and the notifications of
// network.interface, NAME.json the dump afterwards.
var events = []string{"carrier-loss", "carrier-back", "ifdown", "ifup", "device-gone", "ppp-drop", "reload-metric", "dhcp-renew", "reload-newif",
	"disable", "dynamic", "remove", "dhcp-carrier-loss", "dhcp-carrier-back"}

func dump(t *testing.T, name string) []network {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	all, err := parseDump(text)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// notices returns what was done in an event, and the payloads of its notifications.
func notices(t *testing.T, name string) (what string, list []string) {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if line[0] == '#' {
			what = strings.TrimSpace(line[1:])
			continue
		}
		_, payload, _ := strings.Cut(line, ": ")
		list = append(list, strings.TrimSuffix(strings.TrimSpace(payload), " }"))
	}
	return what, list
}

// wans are the configured WANs of the test; wan6 is found to be wan's.
var wans = []string{"wan", "wanb", "wanc", "wand", "wane", "dyn0", "vpn"}

func facts(s *state) string {
	var b strings.Builder
	for _, name := range wans {
		j, ok := s.join(WAN{Name: name, Others: wans})
		if !ok {
			fmt.Fprintf(&b, "  %s: none\n", name)
			continue
		}
		fmt.Fprintf(&b, "  %s:", name)
		if j.Interface6 != "" {
			fmt.Fprintf(&b, " with %s", j.Interface6)
		}
		fmt.Fprintf(&b, " dev %q addrs %v", j.Device, j.Addrs)
		if j.Gateway4.IsValid() {
			fmt.Fprintf(&b, " via %s", j.Gateway4)
		}
		if j.Gateway6.IsValid() {
			fmt.Fprintf(&b, " via %s", j.Gateway6)
		}
		if len(j.Prefixes) > 0 {
			fmt.Fprintf(&b, " prefixes %v", j.Prefixes)
		}
		if len(j.DNS) > 0 {
			fmt.Fprintf(&b, " dns %v", j.DNS)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// TestEvents replays the events. Their notifications alone bring about the facts of the dump that follows, but for interfaces that are
// gone; told twice they are no news; and the facts are those of the golden file.
func TestEvents(t *testing.T) {
	s := newState()
	s.replace(dump(t, "all-up"))
	last := facts(s)
	got := "all up\n" + last
	for _, event := range events {
		what, list := notices(t, event)
		var changed []string
		for _, payload := range list {
			n, err := parseNotice([]byte(payload))
			if err != nil {
				t.Fatalf("%s: %v", event, err)
			}
			if s.apply(n) {
				changed = append(changed, n.Name)
			}
			if s.apply(n) {
				t.Errorf("%s: the same again is news", event)
			}
		}
		told := facts(s)
		more := s.replace(dump(t, event))
		now := facts(s)
		got += fmt.Sprintf("%s: told of %v, then seen %v\n", what, changed, more)
		for line := range strings.Lines(now) {
			if !strings.Contains(last, line) {
				got += line
			}
			if !strings.Contains(told, line) && !strings.HasSuffix(line, ": none\n") {
				t.Errorf("%s: only the dump tells %s", event, line)
			}
		}
		if more := s.replace(dump(t, event)); len(more) != 0 {
			t.Errorf("%s: the same dump again changes %v", event, more)
		}
		last = now
	}
	if *update {
		if err := os.WriteFile("testdata/facts.golden", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/facts.golden")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Error(d)
	}
}

// TestOrder: interfaces in another order, and facts that come one by one, lead to the same.
func TestOrder(t *testing.T) {
	all := dump(t, "all-up")
	s := newState()
	s.replace(all)
	r := newState()
	slices.Reverse(all)
	for _, n := range all {
		r.apply(n)
	}
	if d := cmp.Diff(facts(s), facts(r)); d != "" {
		t.Error(d)
	}
}
