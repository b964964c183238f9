package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const pagesPath = "../../../luci-app/luci-app-multiwan/htdocs/luci-static/resources/multiwan/options.js"

// TestReferenceOfPages holds the option table of the LuCI pages equal to the daemon's: names, bounds, defaults, choices and help.
// `make docs` writes it.
func TestReferenceOfPages(t *testing.T) {
	golden(t, pagesPath, pagesTable())
}

const pagesHead = `'use strict';
'require baseclass';

/* Written from the option table in src/core/config by make docs: what the
   daemon takes, its bounds and its defaults. */
return baseclass.extend({
`

func pagesTable() string {
	var b strings.Builder
	b.WriteString(pagesHead)
	for _, s := range Sections() {
		fmt.Fprintf(&b, "\t%s: {\n\t\thelp: _(%s),\n\t\toptions: [\n", s.Type, js(plain(s.Help)))
		for i := range s.Options {
			fmt.Fprintf(&b, "\t\t\t{ %s },\n", strings.Join(s.Options[i].members(), ", "))
		}
		b.WriteString("\t\t]\n\t},\n\n")
	}
	p := builtinProbe()
	fmt.Fprintf(&b, "\tbuiltin: { name: %s, targets: %s, loopback: %s },\n\n", js(p.Name), list(p.Targets), js(LoopbackName))
	fmt.Fprintf(&b, "\tprotocols: %s\n});\n", list(protocolNames()))
	return b.String()
}

// members are those of the object that describes an option; what is absent is left out.
func (o *OptionDoc) members() []string {
	out := []string{"name: " + js(o.Name), "kind: " + js(string(o.Kind))}
	add := func(there bool, name, value string) {
		if there {
			out = append(out, name+": "+value)
		}
	}
	add(o.List, "list", "true")
	add(o.Not, "not", "true")
	add(o.Required, "required", "true")
	add(o.Default != "", "def", js(o.Default))
	add(o.Max != 0, "min", strconv.FormatFloat(o.Min, 'f', -1, 64))
	add(o.Max != 0, "max", strconv.FormatFloat(o.Max, 'f', -1, 64))
	add(len(o.Values) > 0, "values", list(o.Values))
	add(len(o.Refers) > 0, "refers", list(o.Refers))
	add(o.Family != 0, "family", js(o.Family.String()))
	var with []string
	for _, c := range o.With {
		with = append(with, fmt.Sprintf("%s: %s", c.Option, list(c.Values)))
	}
	add(len(with) > 0, "only", "{ "+strings.Join(with, ", ")+" }")
	add(o.DefaultHelp != "", "without", "_("+js(plain(o.DefaultHelp))+")")
	return append(out, "help: _("+js(plain(o.Help))+")")
}

// plain is a text without the marks of code, which forms would show as they are, and without what points into the reference.
func plain(text string) string {
	return strings.NewReplacer("`", "", ", see below", "", ", see probe", "", "; see the table at the end for what that cannot do", "",
		" See steering.md for dnsmasq.", "").Replace(text)
}

func list(words []string) string {
	if len(words) == 0 {
		return "[]"
	}
	quoted := make([]string, len(words))
	for i, w := range words {
		quoted[i] = js(w)
	}
	return "[ " + strings.Join(quoted, ", ") + " ]"
}

func js(text string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`, "\n", `\n`).Replace(text) + "'"
}

func protocolNames() []string {
	var out []string
	for name := range protocols {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
