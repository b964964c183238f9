package config

import (
	"fmt"
	"slices"
	"strings"

	"multiwan/src/core/order"
	"multiwan/src/core/uci"
)

// section is a section of the file with its options read by their kinds.
type section struct {
	doc   *SectionDoc
	raw   *uci.Section
	label string // in diagnostics
	opts  map[string]*given
	bad   bool // has errors: left out
}

// given is an option that the file has.
type given struct {
	items []item
	not   bool // negated
	wrong bool // has items with errors, which are not in items
}

// item is one value of an option.
type item struct {
	value any
	text  string
	line  int
}

// decode reads the options of a section. Values that are wrong are reported and left out.
func (l *loader) decode(doc *SectionDoc, raw *uci.Section, label string) *section {
	s := &section{doc: doc, raw: raw, label: label, opts: make(map[string]*given)}
	for _, o := range raw.Options {
		od := doc.Option(o.Name)
		if od == nil {
			l.unknownOption(s, o)
			continue
		}
		s.opts[o.Name] = l.decodeOption(s, od, o)
		if n := len(o.Replaced); n > 0 {
			l.warn(s, o.Name, item{text: o.Values[0].Text, line: o.Line}, "replaces the value in line %d%s", o.Replaced[n-1], listHint(od))
		}
	}
	for i := range doc.Options {
		od := &doc.Options[i]
		if line := raw.Empty[od.Name]; line > 0 && od.Guard != "" && s.opts[od.Name] == nil {
			s.opts[od.Name] = &given{wrong: true}
			l.fail(s, od.Name, item{line: line}, "want a value: without it %s", od.Guard)
		}
		if s.opts[od.Name] == nil && od.Required && s.applies(od) {
			l.fail(s, od.Name, item{line: raw.Line}, "want this option: %s", firstSentence(od.Help))
		}
	}
	l.checkConditions(s)
	return s
}

func (l *loader) unknownOption(s *section, o *uci.Option) {
	var names []string
	for _, od := range s.doc.Options {
		for _, was := range od.Was {
			if was == o.Name {
				l.warn(s, o.Name, item{line: o.Line}, "unknown option, ignored; here it is called %q", od.Name)
				return
			}
		}
		names = append(names, od.Name)
	}
	if od := s.doc.Option(nearest(o.Name, names)); od != nil && od.Guard != "" {
		if s.opts[od.Name] == nil {
			s.opts[od.Name] = &given{wrong: true}
		}
		l.fail(s, o.Name, item{line: o.Line}, "want %s, or a name that is less like it: ignored, %s", od.Name, od.Guard)
		return
	}
	l.warn(s, o.Name, item{line: o.Line}, "unknown option, ignored%s", hint(o.Name, names))
}

// listHint reminds of how several values are given.
func listHint(od *OptionDoc) string {
	if !od.List {
		return ""
	}
	return fmt.Sprintf(", for both write list %s", od.Name)
}

func (l *loader) decodeOption(s *section, od *OptionDoc, o *uci.Option) *given {
	g := &given{}
	if !od.List && len(o.Values) > 1 {
		v := o.Values[1]
		l.fail(s, od.Name, item{text: v.Text, line: v.Line}, "want one value, not a list")
		g.wrong = true
		return g
	}
	plain := false
	for _, v := range o.Values {
		for _, w := range words(od, v.Text) {
			it := item{text: w.text, line: v.Line}
			if w.not {
				g.not = true
			} else {
				plain = true
			}
			value, err := od.parse(w.bare)
			if err != nil {
				l.fail(s, od.Name, it, "%s", err)
				g.wrong = true
				continue
			}
			it.value = value
			g.items = append(g.items, it)
			l.checkHostBits(s, od, it, w.bare)
		}
	}
	if g.not && plain {
		l.fail(s, od.Name, item{line: o.Line}, "want all values negated by ! or none")
		g.wrong = true
	}
	return g
}

// checkHostBits says what became of 192.168.1.20/24 in a match.
func (l *loader) checkHostBits(s *section, od *OptionDoc, it item, bare string) {
	if od.Kind != KindMatch {
		return
	}
	if p, ok := hostPrefix(bare); ok && p != p.Masked() {
		l.warn(s, od.Name, it, "has host bits, taken as %s", p.Masked())
	}
}

// word is one value as written, and without the "!" that negates it.
type word struct {
	text, bare string
	not        bool
}

// words splits the text of a list at blanks, of ports and code points at commas too. A "!" that stands alone or before a comma list
// negates all that follows it.
func words(od *OptionDoc, text string) []word {
	fields := []string{text}
	if od.List {
		fields = strings.Fields(text)
		if len(fields) == 0 {
			fields = []string{""}
		}
	}
	all := false
	if od.Not && len(fields) > 1 && fields[0] == "!" {
		all, fields = true, fields[1:]
	}
	var ws []word
	for _, f := range fields {
		w := word{text: f, bare: f, not: all}
		if bare, ok := strings.CutPrefix(f, "!"); ok && od.Not {
			w.bare, w.not = strings.TrimLeft(bare, " "), true
		}
		if od.List && (od.Kind == KindPorts || od.Kind == KindPort || od.Kind == KindDSCP) && strings.Contains(w.bare, ",") {
			for part := range strings.SplitSeq(w.bare, ",") {
				ws = append(ws, word{text: part, bare: part, not: w.not})
			}
			continue
		}
		ws = append(ws, w)
	}
	return ws
}

// checkConditions holds options against the others that they depend on.
func (l *loader) checkConditions(s *section) {
	for _, o := range s.raw.Options {
		od := s.doc.Option(o.Name)
		if od == nil || s.opts[o.Name].wrong {
			continue
		}
		for _, c := range od.With {
			if g := s.opts[c.Option]; g != nil && g.wrong {
				continue
			}
			have := one[string](s, c.Option)
			if have == "" || slices.Contains(c.Values, have) {
				continue // of a required option that is missing that is what is said
			}
			it := item{text: o.Values[0].Text, line: o.Line}
			if c.Useless {
				l.warn(s, o.Name, it, "has no effect with %s '%s'", c.Option, have)
			} else {
				l.fail(s, o.Name, it, "want this option only with %s %s, not '%s'", c.Option, orList(quoted(c.Values)), have)
			}
		}
	}
}

// applies says whether the options that this one depends on have the values for it.
func (s *section) applies(od *OptionDoc) bool {
	return !order.Any(len(od.With), func(i int) bool { return !slices.Contains(od.With[i].Values, one[string](s, od.With[i].Option)) })
}

func quoted(words []string) []string {
	q := make([]string, len(words))
	for i, w := range words {
		q[i] = "'" + w + "'"
	}
	return q
}

func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSuffix(strings.ToLower(s[:1])+s[1:], ".")
}

// has says that the file gives the option with at least one good value.
func (s *section) has(name string) bool {
	g := s.opts[name]
	return g != nil && len(g.items) > 0
}

// items returns the values of the option that the file gives, or those of its default, at line 0.
func (s *section) items(name string) []item {
	if g := s.opts[name]; g != nil && len(g.items) > 0 {
		return g.items
	}
	od := s.doc.Option(name)
	if od == nil {
		panic("config: section " + s.doc.Type + " has no option " + name)
	}
	if od.Default == "" {
		return nil
	}
	var items []item
	for _, w := range words(od, od.Default) {
		v, err := od.parse(w.bare)
		if err != nil {
			panic(fmt.Sprintf("config: default %q of %s.%s: %v", od.Default, s.doc.Type, name, err))
		}
		items = append(items, item{value: v, text: w.bare})
	}
	return items
}

// first returns the first value of the option with its place; the section's line where the file does not give it.
func (s *section) first(name string) item {
	if items := s.items(name); len(items) > 0 && items[0].line > 0 {
		return items[0]
	}
	return item{line: s.raw.Line}
}

// one returns the value of an option or of its default; the zero T where there is neither.
func one[T any](s *section, name string) T {
	var v T
	if items := s.items(name); len(items) > 0 {
		v = items[len(items)-1].value.(T)
	}
	return v
}

// many returns the values of a list.
func many[T any](s *section, name string) []T {
	var vs []T
	for _, it := range s.items(name) {
		vs = append(vs, it.value.(T))
	}
	return vs
}

// number returns an integer option.
func number(s *section, name string) int { return int(one[int64](s, name)) }

// negated says that the option's values exclude.
func (s *section) negated(name string) bool {
	g := s.opts[name]
	return g != nil && g.not
}

// emptySection is a section of which the file gives nothing.
func emptySection(doc *SectionDoc, name string) *section {
	return &section{doc: doc, raw: &uci.Section{Type: doc.Type, Name: name}, label: name, opts: make(map[string]*given)}
}
