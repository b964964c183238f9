package status

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"multiwan/src/core/order"
)

// WriteTable writes the document for a terminal. colour adds ANSI colours to states.
func WriteTable(w io.Writer, d *Document, colour bool) error {
	p := &printer{colour: colour}
	p.head(d)
	p.interfaces(d)
	p.policies(d)
	p.sites(d)
	p.rules(d)
	p.warnings(d)
	_, err := io.WriteString(w, p.b.String())
	return err
}

type printer struct {
	b      strings.Builder
	colour bool
}

func (p *printer) head(d *Document) {
	fmt.Fprintf(&p.b, "multiwan %s, running for %s, configuration %s\n", d.Version, Span(d.Time-d.Started), p.paint(d.Config.State))
	for _, e := range d.Config.Errors {
		fmt.Fprintf(&p.b, "  %s\n", e.Text(d.Config.File))
	}
	for _, e := range d.Config.Warnings {
		fmt.Fprintf(&p.b, "  warning: %s\n", e.Text(d.Config.File))
	}
}

// Text returns the finding in one line: file:line: section.option: "value": message.
func (e Diagnostic) Text(file string) string {
	where := e.Section
	if e.Option != "" {
		where += "." + e.Option
	}
	if where != "" {
		where += ": "
	}
	if e.Value != "" {
		where += fmt.Sprintf("%q: ", e.Value)
	}
	if e.File != "" {
		file = e.File
	}
	return fmt.Sprintf("%s:%d: %s%s", file, e.Line, where, e.Message)
}

func (p *printer) interfaces(d *Document) {
	rows := [][]string{{"WAN", "FAMILY", "STATE", "FOR", "DEVICE", "ADDRESS", "GATEWAY", "RTT", "LOSS", "REASON"}}
	for _, name := range order.Keys(d.Interfaces) {
		i := d.Interfaces[name]
		sides := 0
		for _, s := range []struct {
			family string
			*Side
		}{{"ipv4", i.IPv4}, {"ipv6", i.IPv6}} {
			if s.Side == nil {
				continue
			}
			sides++
			rows = append(rows, []string{name, s.family, s.State, age(d.Time, s.Since), dash(i.Device), dash(s.Address), dash(s.Gateway),
				milli(s.RTT), percent(s.Loss), s.reasonAndHold(d.Time)})
		}
		if sides == 0 {
			rows = append(rows, []string{name, "-", i.State, age(d.Time, i.Since), dash(i.Device), "-", "-", "-", "-", i.Reason})
		}
	}
	p.table(rows, 2)
}

func (s *Side) reasonAndHold(now int64) string {
	if s.HeldUntil <= now {
		return s.Reason
	}
	return strings.TrimPrefix(fmt.Sprintf("%s, held down for another %s", s.Reason, Span(s.HeldUntil-now)), ", ")
}

func (p *printer) policies(d *Document) {
	rows := [][]string{{"POLICY", "FAMILY", "STATE", "CARRIED BY"}}
	for _, name := range order.Keys(d.Policies) {
		pol := d.Policies[name]
		for _, f := range []struct {
			family string
			*PolicyFamily
		}{{"ipv4", pol.IPv4}, {"ipv6", pol.IPv6}} {
			if f.PolicyFamily == nil {
				continue
			}
			var by []string
			for _, s := range f.Active {
				by = append(by, fmt.Sprintf("%s %.0f %%", s.Interface, s.Percent))
			}
			rows = append(rows, []string{name, f.family, f.State, dash(strings.Join(by, ", "))})
		}
	}
	p.table(rows, 2)
}

// rulesShown is how many rules the table has; more do not fit on a screen.
const rulesShown = 30

func (p *printer) rules(d *Document) {
	rows := [][]string{{"RULE", "ORIGIN", "HITS", "POLICY", "MATCH"}}
	for _, r := range d.Rules {
		if !r.Enabled {
			continue
		}
		hits := "-"
		if r.Hits != nil {
			hits = strconv.FormatUint(*r.Hits, 10)
		}
		rows = append(rows, []string{r.Name, r.Origin, hits, r.Policy, r.Match})
	}
	p.table(rows[:min(len(rows), rulesShown+1)], -1)
	if more := len(rows) - 1 - rulesShown; more > 0 {
		fmt.Fprintf(&p.b, "and %d more rules, see multiwan status --json\n", more)
	}
}

func (p *printer) warnings(d *Document) {
	if len(d.Warnings) == 0 {
		return
	}
	p.b.WriteString("\nWarnings:\n")
	for _, w := range d.Warnings {
		fmt.Fprintf(&p.b, "  %s\n", w)
	}
}

// table writes rows in columns as wide as needed, with a blank line before; a table of its header alone is left out. painted is the
// column of states, -1 for none.
func (p *printer) table(rows [][]string, painted int) {
	if len(rows) < 2 {
		return
	}
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	p.b.WriteByte('\n')
	for n, r := range rows {
		var line strings.Builder
		for i, cell := range r {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2)
			if i == painted && n > 0 {
				cell = p.paint(cell)
			}
			line.WriteString(cell + pad)
		}
		p.b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}

// paint colours a state: green works, yellow works with a but, red does not.
func (p *printer) paint(state string) string {
	if !p.colour {
		return state
	}
	code := "31"
	switch state {
	case "up", ConfigOK:
		code = "32"
	case "suspect", "degraded", "waiting", "connecting", "backup", "best_effort", "main", ConfigLastGood:
		code = "33"
	case "disabled", "none":
		code = "2"
	}
	return "\x1b[" + code + "m" + state + "\x1b[0m"
}

// Span writes seconds as people say them: 9s, 3m20s, 2h5m, 12d3h.
func Span(seconds int64) string {
	s := max(seconds, 0)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%ds", s/60, s%60)
	case s < 86400:
		return fmt.Sprintf("%dh%dm", s/3600, s%3600/60)
	}
	return fmt.Sprintf("%dd%dh", s/86400, s%86400/3600)
}

func age(now, since int64) string {
	if since == 0 {
		return "-"
	}
	return Span(now - since)
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func milli(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f ms", *v)
}

func percent(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", *v)
}

func clock(t float64, layout string, zone *time.Location) string {
	return time.UnixMilli(int64(t*1000 + 0.5)).In(zone).Format(layout)
}
