package status

import (
	"fmt"
	"strings"

	"multiwan/src/core/order"
)

// howShown is how many computations of MTUs are shown, each with at most as many pseudowires that share it.
const howShown = 8

// sites writes the tables of what joins sites. Reasons stand below them, where something does not work.
func (p *printer) sites(d *Document) {
	p.pseudowires(d)
	p.ipsec(d)
	p.bonds(d)
	p.tunnels(d)
}

func (p *printer) pseudowires(d *Document) {
	rows := [][]string{{"PSEUDOWIRE", "STATE", "FOR", "VIA", "REMOTE", "IPSEC", "MTU", "MSS", "RTT"}}
	var notes, sizes []string
	how := map[string][]string{} // which pseudowires have an MTU by the same computation
	for _, name := range order.Keys(d.Pseudowires) {
		w := d.Pseudowires[name]
		rows = append(rows, []string{name, w.State, age(d.Time, w.Since), dash(w.Interface), dash(w.Remote), w.protection(), size(w.MTU),
			pair(w.MSS4, w.MSS6), milli(w.RTT)})
		notes = append(notes, note(name, fault(w.State, w.Reason, w.Detached)))
		if w.Redundancy != nil {
			notes = append(notes, note("paths of "+name, w.Redundancy.note()))
		}
		if w.How != "" {
			how[w.How] = append(how[w.How], name)
		}
	}
	for _, h := range order.Keys(how)[:min(len(how), howShown)] {
		names := strings.Join(how[h][:min(len(how[h]), howShown)], ", ")
		if more := len(how[h]) - howShown; more > 0 {
			names += fmt.Sprintf(" and %d more", more)
		}
		sizes = append(sizes, note("mtu of "+names, h))
	}
	p.noted(rows, notes)
	p.b.WriteString(strings.Join(sizes, ""))
}

func (p *printer) ipsec(d *Document) {
	rows := [][]string{{"IPSEC", "STATE", "FOR", "REMOTE", "IN", "OUT", "REKEY", "CIPHER"}}
	var notes []string
	for _, name := range order.Keys(d.IPsec) {
		x := d.IPsec[name]
		rekey := "-"
		if x.RekeyIn > 0 {
			rekey = Span(x.RekeyIn)
		}
		rows = append(rows, []string{name, x.State, age(d.Time, x.Since), dash(x.Remote), Volume(x.BytesIn), Volume(x.BytesOut), rekey,
			dash(x.ESPProposal)})
		notes = append(notes, note(name, fault(x.State, x.Reason, "")))
	}
	p.noted(rows, notes)
}

func (p *printer) bonds(d *Document) {
	rows := [][]string{{"BOND", "STATE", "FOR", "MODE", "ACTIVE", "MEMBERS", "MTU"}}
	var notes []string
	for _, name := range order.Keys(d.Bonds) {
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
			strings.Join(members, ", "), size(b.MTU)})
		notes = append(notes, note(name, fault(b.State, b.Reason, b.Detached)), note(name+" uses "+strings.Join(b.Active, ","), b.Why))
	}
	p.noted(rows, notes)
}

func (p *printer) tunnels(d *Document) {
	rows := [][]string{{"TUNNEL", "STATE", "FOR", "VIA", "REMOTE", "PREFIX", "MTU"}}
	var notes []string
	for _, name := range order.Keys(d.Tunnels) {
		t := d.Tunnels[name]
		rows = append(rows, []string{name, t.State, age(d.Time, t.Since), dash(t.Interface), dash(t.Remote), dash(t.Prefix), size(t.MTU)})
		notes = append(notes, note(name, fault(t.State, t.Reason, "")), note("mtu of "+name, t.How))
	}
	p.noted(rows, notes)
}

// note is a line below a table, "" where there is nothing to say.
func note(about, text string) string {
	if text == "" {
		return ""
	}
	return "  " + about + ": " + text + "\n"
}

// noted writes a table whose second column is a state, and below it what does not fit into columns.
func (p *printer) noted(rows [][]string, notes []string) {
	p.table(rows[:min(len(rows), rulesShown+1)], 1)
	if more := len(rows) - 1 - rulesShown; more > 0 {
		fmt.Fprintf(&p.b, "  and %d more, see multiwan status --json\n", more)
	}
	notes = order.Without(notes, func(n string) bool { return n == "" })
	p.b.WriteString(strings.Join(notes[:min(len(notes), rulesShown)], ""))
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
