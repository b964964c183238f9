package sites

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// left is everything in a router's kernel that the program makes: devices, addresses, tunnels, IPsec, rules, routes, tables.
func left(s *lab.Site) string {
	var out []string
	keep := func(what, text string, field int) {
		for line := range strings.Lines(text) {
			if words := strings.Fields(line); len(words) > field && !strings.HasPrefix(line, " ") {
				out = append(out, what+" "+strings.Join(words[field:], " "))
			}
		}
	}
	out = append(out, words("link", s.Router.IP("-br link"), 1)...)
	out = append(out, words("address", s.Router.IP("-br address"), 99)...)
	keep("tunnel", s.Router.IP("l2tp show tunnel"), 0)
	keep("session", s.Router.IP("l2tp show session"), 0)
	keep("rule", s.Router.IP("rule"), 0)
	keep("rule6", s.Router.IP("-6 rule"), 0)
	keep("route", s.Router.IP("route show table all"), 0)
	out = append(out, fmt.Sprint("route6 ", strings.Count(s.Router.IP("-6 route show table all proto 77"), "\n")))
	keep("policy", s.Router.IP("xfrm policy"), 0)
	keep("state", s.Router.IP("xfrm state"), 0)
	tables, err := s.Router.Exec("", "nft", "list", "tables")
	keep("nft", fmt.Sprint(tables, err), 0)
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// words are the first words of lines.
func words(what, text string, n int) []string {
	var out []string
	for line := range strings.Lines(text) {
		if w := strings.Fields(line); len(w) > 1 && strings.HasPrefix(w[0], "lo") || len(w) > 1 && n == 1 {
			out = append(out, what+" "+strings.Join(w[:min(n, len(w))], " "))
		}
	}
	return out
}

// same waits until a router has what it had, and says what it has more or less.
func same(t *testing.T, s *lab.Site, before string) {
	t.Helper()
	if lab.Wait(5*time.Second, func() bool { return left(s) == before }) {
		return
	}
	is, was := strings.Split(left(s), "\n"), strings.Split(before, "\n")
	for _, l := range is {
		if !slices.Contains(was, l) {
			t.Errorf("%s: left behind: %s", s.Name, l)
		}
	}
	for _, l := range was {
		if !slices.Contains(is, l) {
			t.Errorf("%s: gone: %s", s.Name, l)
		}
	}
}
