package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// howShown is for how many pseudowires the table says how their MTU was computed.
const howShown = 8

// sites writes the tables of what joins sites. A reason is given where something does not work.
func (p *printer) sites(d *Document) {
	rows := [][]string{{"PSEUDOWIRE", "STATE", "FOR", "VIA", "REMOTE", "IPSEC", "MTU", "MSS", "RTT", "REASON"}}
	var how []string
	for _, name := range slices.Sorted(maps.Keys(d.Pseudowires)) {
		w := d.Pseudowires[name]
		rows = append(rows, []string{name, w.State, age(d.Time, w.Since), dash(w.Interface), dash(w.Remote), w.protection(), size(w.MTU),
			pair(w.MSS4, w.MSS6), milli(w.RTT), fault(w.State, w.Reason, w.Detached)})
		if w.How != "" && len(how) < howShown {
			how = append(how, fmt.Sprintf("  mtu of %s: %s\n", name, w.How))
		}
	}
	p.table(rows, 1)
	p.b.WriteString(strings.Join(how, ""))
	rows = [][]string{{"IPSEC", "STATE", "FOR", "REMOTE", "IN", "OUT", "REKEY", "CIPHER", "REASON"}}
	for _, name := range slices.Sorted(maps.Keys(d.IPsec)) {
		x := d.IPsec[name]
		rekey := "-"
		if x.RekeyIn > 0 {
			rekey = Span(x.RekeyIn)
		}
		rows = append(rows, []string{name, x.State, age(d.Time, x.Since), dash(x.Remote), Volume(x.BytesIn), Volume(x.BytesOut), rekey,
			dash(x.ESPProposal), fault(x.State, x.Reason, "")})
	}
	p.table(rows, 1)
	rows = [][]string{{"BOND", "STATE", "FOR", "MODE", "ACTIVE", "MEMBERS", "MTU", "REASON"}}
	for _, name := range slices.Sorted(maps.Keys(d.Bonds)) {
		b := d.Bonds[name]
		var members []string
		for _, m := range b.Members {
			word := m.Verdict
			if !m.In {
				word = "out"
			}
			members = append(members, m.Name+" "+word)
		}
		rows = append(rows, []string{name, b.State, age(d.Time, b.Since), b.Mode, dash(strings.Join(b.Active, ",")),
			strings.Join(members, ", "), size(b.MTU), cmp.Or(fault(b.State, b.Reason, b.Detached), b.Why)})
	}
	p.table(rows, 1)
	rows = [][]string{{"TUNNEL", "STATE", "FOR", "VIA", "REMOTE", "PREFIX", "MTU", "REASON"}}
	for _, name := range slices.Sorted(maps.Keys(d.Tunnels)) {
		t := d.Tunnels[name]
		rows = append(rows, []string{name, t.State, age(d.Time, t.Since), dash(t.Interface), dash(t.Remote), dash(t.Prefix), size(t.MTU),
			fault(t.State, t.Reason, "")})
	}
	p.table(rows, 1)
}

// protection is the connection that protects a pseudowire, with the kernel's word on it where that is not "protected".
func (w Pseudowire) protection() string {
	switch {
	case !w.Protected:
		return "in clear"
	case w.Guard == "" || w.Guard == "protected":
		return w.IPsec
	}
	return w.IPsec + " (" + w.Guard + ")"
}

// fault is what keeps something from working, "" where nothing does.
func fault(state, reason, detached string) string {
	if state == "up" {
		return detached
	}
	return reason
}

func size(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func pair(four, six int) string {
	if four == 0 && six == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", four, six)
}

// Volume writes bytes as people say them: 999 B, 1.5 kB, 20.1 MB.
func Volume(bytes uint64) string {
	if bytes < 1000 {
		return fmt.Sprintf("%d B", bytes)
	}
	v, unit := float64(bytes)/1000, 0
	for v >= 999.95 && unit < 4 {
		v /= 1000
		unit++
	}
	return fmt.Sprintf("%.1f %cB", v, "kMGTP"[unit])
}
