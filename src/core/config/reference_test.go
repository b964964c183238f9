package config

import (
	"fmt"
	"strings"
	"testing"
)

const referencePath = "../../../docs/configuration.md"

// TestReference holds docs/configuration.md equal to the option table. `go test ./src/core/config -run Reference -update` writes it.
func TestReference(t *testing.T) {
	golden(t, referencePath, reference())
}

const referenceHead = `# /etc/config/multiwan

<!-- Written from the option table in src/core/config: go test ./src/core/config -run Reference -update -->

The file is in OpenWrt's configuration language, on plain Linux too. Every section may be missing; with two interfaces and nothing else
all traffic goes by the lowest metric that works, and what has the same metric shares by weight. Files for common set-ups are in
[examples](examples).

* ` + "`multiwan check`" + ` shows everything that is wrong with a file, each as ` + "`file:line: section.option: \"value\": want …`" + `. A reload takes no
  file with errors: what runs goes on. A boot runs the sections without errors. Warnings hinder nothing.
* Booleans are 1 0 on off yes no true false enabled disabled. Times are in seconds where nothing else is said, decimals are allowed
  (` + "`0.2`" + `).
* Lists are written as ` + "`list name 'value'`" + `, once for each value, or as one option with blanks between the values; ports also with
  commas. Where ` + "`!`" + ` is allowed it stands before every value of a list, or once before all (` + "`! a b`, `!80,443`" + `): then none of them
  may match.
* Names of sections are letters, digits and underscores, of any length, and each stands once in the file, whatever its type. Interfaces,
  tunnels, pseudowires, bonds and policies may not be called unreachable, blackhole or main, all but policies also not default.
* A pseudowire whose ipsec section has errors is left out with it: an error never has it run in clear.
`

func reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, s := range Sections() {
		name := fmt.Sprintf(" '%s'", s.Example)
		fmt.Fprintf(&b, "\n## config %s%s\n\n%s\n\n| option | what | default |\n|---|---|---|\n", s.Type, name, s.Help)
		for i := range s.Options {
			o := &s.Options[i]
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", o.Name, whatCell(o), defaultCell(o))
		}
		if s.Type == "probe" {
			b.WriteString(builtinText())
		}
	}
	b.WriteString(steeringTable())
	return b.String()
}

// whatCell is the form of an option, then its help.
func whatCell(o *OptionDoc) string {
	form := string(o.Kind)
	switch o.Kind {
	case KindBool:
		form = "boolean"
	case KindInt, KindSeconds, KindMillis, KindPercent:
		form = string(o.Kind) + " " + o.bounds()
	case KindEnum:
		form = code(o.Values)
	case KindSNAT:
		form = code(o.Values) + " or an IPv4 address"
	case KindSize:
		form = code(o.Values) + " or a number " + o.bounds()
	case KindCopies:
		form = code(o.Values) + " or `dscp` with code points"
	case KindEnd:
		form = "address or host name"
		if len(o.Values) > 0 {
			form += ", or " + code(o.Values)
		}
	case KindGateway, KindOwn, KindNetwork:
		if o.Family != 0 {
			form = o.Family.String() + " " + form
		}
	case KindReference:
		form = "name of a section " + strings.Join(o.Refers, ", ")
		if len(o.Values) > 0 {
			form += "; or " + code(o.Values)
		}
	}
	if o.List {
		form = "list of: " + form
	}
	if o.Not {
		form += "; `!` negates"
	}
	text := form + ". " + o.Help
	for _, c := range o.With {
		text += fmt.Sprintf(" Only with `%s` %s.", c.Option, code(c.Values))
	}
	return text
}

func code(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }

func defaultCell(o *OptionDoc) string {
	switch {
	case o.Required:
		return "must be given"
	case o.Default != "" && o.DefaultHelp != "":
		return "`" + o.Default + "`; " + o.DefaultHelp
	case o.Default != "":
		return "`" + o.Default + "`"
	}
	return o.DefaultHelp
}

func builtinText() string {
	p := builtinProbe()
	return fmt.Sprintf("\nThe built-in probe, named `%s`, has the defaults of this table and the targets %s. A section of that name replaces it.\n", p.Name, code(p.Targets)) +
		fmt.Sprintf("\nThe built-in probe of pseudowires and bonds, named `%s`, has method `loopback`, down %d, up %d and else the defaults. A section of that name replaces it too.\n",
			LoopbackName, LoopbackProbe().Down, LoopbackProbe().Up)
}

// steeringTable says what steering 'route' cannot do.
func steeringTable() string {
	var b strings.Builder
	b.WriteString("\n## What steering 'mark' and 'route' can do\n\n`route` sets no mark and keeps no state of its own; what it cannot do is refused.\n\n| | mark | route |\n|---|---|---|\n")
	row := func(what, mark, route string) { fmt.Fprintf(&b, "| %s | %s | %s |\n", what, mark, route) }
	row("failover, metrics, weights, IPv4 and IPv6", "yes", "yes")
	row("the router's own traffic by rules", "yes", "yes")
	row("connections from outside to the router by any WAN", "yes", "yes")
	row("connections from outside to hosts behind it (port forwards)", "by any WAN", "by the preferred WAN alone")
	row("negation in rules of forwarded traffic", "yes", "no")
	row("weight", "1 - 1000", fmt.Sprintf("1 - %d", maxRouteWeight))
	for _, s := range Sections() {
		for _, o := range s.Options {
			what := fmt.Sprintf("%s `%s`", s.Type, o.Name)
			if o.MarkOnly {
				row(what, "yes", "no")
			}
			if len(o.MarkValues) > 0 {
				row(what, code(o.Values), code(without(o.Values, o.MarkValues)))
			}
		}
	}
	return b.String()
}
