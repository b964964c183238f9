package scenario_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/tests/lab"
)

// kernelState is what the kernel of a host holds, by kind: rules and routes of
// all tables, nexthops, the ruleset of nftables and, with settings, each of them
// by its path.
type kernelState map[string]string

// dump reads it.
func dump(t *testing.T, h *lab.Host) kernelState {
	t.Helper()
	d := kernelState{}
	for _, f := range []string{"-4", "-6"} {
		d["rules "+f] = sorted(h.IP("%s -d rule show", f))
		d["routes "+f] = sorted(h.IP("%s -d route show table all", f))
	}
	d["nexthops"] = h.IP("nexthop show")
	out, err := h.Exec("", "nft", "-s", "list", "ruleset")
	if err != nil {
		t.Fatal(err)
	}
	d["nftables"] = arranged(out)
	return d
}

// arranged orders the chains and sets of each table of a ruleset: nft lists them
// as they came. A blank line stands between two of them.
func arranged(ruleset string) string {
	tables := strings.Split(ruleset, "\n}\n")
	for i, table := range tables {
		head, body, ok := strings.Cut(table, " {\n")
		if !ok {
			continue // behind the last
		}
		parts := strings.Split(body, "\n\n")
		slices.Sort(parts)
		tables[i] = head + " {\n" + strings.Join(parts, "\n\n")
	}
	return strings.Join(tables, "\n}\n")
}

// sorted orders lines: rules of one priority stand in the order in which they
// were made, which means nothing.
func sorted(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// volatile are settings that tell what happens, not what was set.
var volatile = regexp.MustCompile(`/(nf_conntrack_count|nf_conntrack_tcp_be_liberal_count)$`)

// withSettings adds every setting of the network to a dump.
func withSettings(t *testing.T, h *lab.Host, d kernelState) kernelState {
	t.Helper()
	h.Do(func() {
		const root = "/proc/sys/net"
		filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || volatile.MatchString(path) {
				return nil
			}
			if b, err := os.ReadFile(path); err == nil {
				d[path] = strings.TrimSpace(string(b))
			}
			return nil
		})
	})
	if len(d) < 500 {
		t.Fatalf("only %d settings were read", len(d))
	}
	return d
}

// ours is the part of it that is ours.
func ours(t *testing.T, h *lab.Host) kernelState {
	t.Helper()
	d := kernelState{}
	for _, f := range []string{"-4", "-6"} {
		d["rules "+f] = sorted(withProtocol(h.IP("%s -d rule show", f), true))
		d["routes "+f] = sorted(h.IP("%s route show table all proto 77", f))
	}
	d["nexthops"] = h.IP("nexthop show proto 77")
	out, err := h.Exec("", "nft", "-s", "list", "ruleset")
	if err != nil {
		t.Fatal(err)
	}
	d["nftables"] = nftTables(arranged(out), true)
	return d
}

// others keeps the lines of rules and routes, and the nftables, that are not ours.
func (d kernelState) others() kernelState {
	out := kernelState{}
	for k, v := range d {
		switch {
		case k == "nftables":
			v = nftTables(v, false)
		case strings.HasPrefix(k, "rules "), strings.HasPrefix(k, "routes "):
			v = withProtocol(v, false)
		}
		out[k] = v
	}
	return out
}

// withProtocol keeps the lines that carry our protocol number, or those that do
// not.
func withProtocol(text string, is bool) string {
	var keep []string
	for _, line := range strings.Split(text, "\n") {
		if strings.Contains(line+" ", " proto 77 ") == is {
			keep = append(keep, line)
		}
	}
	return strings.Join(keep, "\n")
}

// nftTables keeps our tables of a ruleset, or all others.
func nftTables(ruleset string, ours bool) string {
	var b strings.Builder
	keep := false
	for _, line := range strings.Split(ruleset, "\n") {
		if strings.HasPrefix(line, "table ") {
			f := strings.Fields(line)
			keep = (f[2] == "multiwan" && slices.Contains([]string{"inet", "bridge", "ip", "ip6"}, f[1])) == ours
		}
		if keep {
			b.WriteString(line + "\n")
		}
	}
	return strings.TrimSpace(b.String())
}

// same fails the test where two dumps differ, and shows where.
func same(t *testing.T, what string, want, got kernelState) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s:\n%s", what, d)
	}
}

// handle finds the handle of the first line of our table that contains a text.
func handle(t *testing.T, h *lab.Host, chain, text string) string {
	t.Helper()
	out, err := h.Exec("", "nft", "-a", "list", "chain", "inet", "multiwan", chain)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(out, "\n") {
		if before, number, ok := strings.Cut(line, " # handle "); ok && strings.Contains(before, text) && !strings.HasPrefix(before, "\tchain ") {
			return strings.TrimSpace(number)
		}
	}
	t.Fatalf("no %q in\n%s", text, out)
	return ""
}

// mustNFT runs nft with words.
func mustNFT(t *testing.T, h *lab.Host, format string, args ...any) {
	t.Helper()
	if _, err := h.Exec("", "nft", strings.Fields(fmt.Sprintf(format, args...))...); err != nil {
		t.Fatal(err)
	}
}
