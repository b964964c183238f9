package config

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

func TestParseTarget(t *testing.T) {
	addr := netip.MustParseAddr
	for _, c := range []struct {
		method, text string
		want         Target
	}{
		{"ping", "1.1.1.1", Target{Addr: addr("1.1.1.1")}},
		{"arping", "gateway", Target{Gateway: true}},
		{"dns", "resolver.example", Target{Host: "resolver.example"}},
		{"tcp", "2001:db8::1", Target{Addr: addr("2001:db8::1")}},
		{"http", "example.com", Target{Host: "example.com"}},
		{"http", "http://example.com/", Target{Host: "example.com", Path: "/"}},
		{"http", "example.com:8080/a?b=c", Target{Host: "example.com", Port: 8080, Path: "/a?b=c"}},
		{"http", "2001:db8::1", Target{Addr: addr("2001:db8::1")}},
		{"http", "[2001:db8::1]:81/x", Target{Addr: addr("2001:db8::1"), Port: 81, Path: "/x"}},
		{"http", "192.0.2.1:81", Target{Addr: addr("192.0.2.1"), Port: 81}},
	} {
		c.want.Text = c.text
		got, err := parseTarget(c.method, c.text)
		if err != nil {
			t.Errorf("%s %s: %v", c.method, c.text, err)
		}
		if diff := cmp.Diff(c.want, got, addrs...); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", c.method, c.text, diff)
		}
	}
	for _, text := range []string{"example.com:0", "example.com:", "[2001:db8::1", "[2001:db8::1]81", "[]:80", "http://", "/x", "192.0.2.1:http", "https://example.com", "a:1:2"} {
		if got, err := parseTarget("http", text); err == nil {
			t.Errorf("http %q: want an error, got %+v", text, got)
		}
	}
}

// TestFor: each family asks its own targets and both the names; the gateway counts only where there is nothing else.
func TestFor(t *testing.T) {
	texts := func(ts []Target) string {
		var s []string
		for _, t := range ts {
			s = append(s, t.Text)
		}
		return strings.Join(s, " ")
	}
	for _, c := range []struct {
		method, targets                    string
		counted4, evidence4, counted6, ev6 string
		needed4, needed6                   int
	}{
		{"ping", strings.Join(builtinTargets, " "), "1.1.1.1 8.8.8.8", "gateway", "2606:4700:4700::1111 2001:4860:4860::8888", "gateway", 2, 2},
		{"ping", "1.1.1.1 gateway", "1.1.1.1", "gateway", "gateway", "", 1, 1},
		{"ping", "1.1.1.1", "1.1.1.1", "", "", "", 1, 0},
		{"arping", "gateway", "gateway", "", "gateway", "", 1, 1},
		{"dns", "dns.example 1.1.1.1", "dns.example 1.1.1.1", "", "dns.example", "", 2, 1},
		{"loopback", "", "far end", "", "far end", "", 1, 1},
	} {
		p := Probe{Method: c.method, Targets: strings.Fields(c.targets), Reliability: 2}
		counted4, evidence4 := p.For(kstate.IPv4)
		counted6, evidence6 := p.For(kstate.IPv6)
		want := []string{c.counted4, c.evidence4, c.counted6, c.ev6}
		got := []string{texts(counted4), texts(evidence4), texts(counted6), texts(evidence6)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.targets, diff)
		}
		if n4, n6 := p.Needed(kstate.IPv4), p.Needed(kstate.IPv6); n4 != c.needed4 || n6 != c.needed6 {
			t.Errorf("%s: needed %d and %d, want %d and %d", c.targets, n4, n6, c.needed4, c.needed6)
		}
	}
	p := Probe{Method: "http", Targets: []string{"a.example", "b.example:81/y"}, Port: 80, Path: "/x"}
	counted, _ := p.For(kstate.IPv6)
	want := []Target{{Text: "a.example", Host: "a.example", Port: 80, Path: "/x"}, {Text: "b.example:81/y", Host: "b.example", Port: 81, Path: "/y"}}
	if diff := cmp.Diff(want, counted, addrs...); diff != "" {
		t.Errorf("http (-want +got):\n%s", diff)
	}
}

// TestLoopbackProbe: the built-in probe of pseudowires has one nameless target in both families.
func TestLoopbackProbe(t *testing.T) {
	p := LoopbackProbe()
	checkProbe(t, p)
	if p.Name != LoopbackName || p.Method != "loopback" || p.Interval != time.Second || p.Down != 3 || p.Up != 2 || p.Needed(kstate.IPv6) != 1 {
		t.Errorf("built-in probe of pseudowires %+v", p)
	}
}
