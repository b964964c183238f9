package config

import (
	"errors"
	"fmt"
	"slices"

	"multiwan/src/core/uci"
)

// Load reads a configuration file. name stands in the diagnostics, which hold every error and warning of the file in file order.
//
// The Config is never nil and always whole: sections with errors are left out, and so is each reference to them, with a warning. Without
// errors it is what the file says, and a reload may take it; with errors it is what a boot can still run. After an UCI syntax error
// nothing is known of the file: the Config is then empty and not enabled. Warnings need nobody's attention to run.
func Load(name string, text []byte) (*Config, Diagnostics) {
	l := &loader{
		file: name, config: &Config{}, named: make(map[string]*section),
		members: make(map[string]Member), devices: make(map[string]string), joined: make(map[string]Interface),
	}
	file, err := uci.Parse(name, text)
	if err != nil {
		l.syntax(err)
		file = &uci.File{}
	}
	l.read(file)
	l.globals()
	l.checkSteering()
	l.probes()
	l.interfaces()
	l.tunnels()
	l.policies(false)
	l.joins()
	l.policies(true)
	l.rules()
	l.builtins()
	if err != nil {
		l.config.Globals.Enabled = false
	}
	l.diags.sort()
	return l.config, l.diags
}

// loader holds what Load knows so far.
type loader struct {
	file     string
	config   *Config
	sections []*section // of known types, in file order
	named    map[string]*section
	diags    Diagnostics
	enabled  int               // interfaces
	members  map[string]Member // by section
	devices  map[string]string // by device, whose it is
	// joined are the WANs that pseudowires and bonds can be, by section. Policies that name one put it among the interfaces.
	joined map[string]Interface
}

func (l *loader) report(s *section, option string, it item, warning bool, want string) {
	d := Diagnostic{File: l.file, Line: it.line, Section: s.label, Option: option, Value: it.text, Want: want, Warning: warning}
	if s.doc != nil {
		if od := s.doc.Option(option); od != nil && od.Kind == KindSecret {
			d.Value = ""
		}
	}
	l.diags = append(l.diags, d)
}

// fail reports an error and has the section left out.
func (l *loader) fail(s *section, option string, it item, format string, args ...any) {
	s.bad = true
	l.report(s, option, it, false, fmt.Sprintf(format, args...))
}

// drop reports an error that leaves the section in, without that value.
func (l *loader) drop(s *section, option string, it item, format string, args ...any) {
	l.report(s, option, it, false, fmt.Sprintf(format, args...))
}

func (l *loader) warn(s *section, option string, it item, format string, args ...any) {
	l.report(s, option, it, true, fmt.Sprintf(format, args...))
}

func (l *loader) syntax(err error) {
	d := Diagnostic{File: l.file, Want: "want UCI text: " + err.Error()}
	if se := (*uci.SyntaxError)(nil); errors.As(err, &se) {
		d.Line, d.Want = se.Line, fmt.Sprintf("want UCI text: %s (byte %d of the line); nothing of this file can be used", se.Reason, se.Byte)
	}
	l.diags = append(l.diags, d)
}

// read decodes all sections of known types.
func (l *loader) read(file *uci.File) {
	docs := Sections()
	var types []string
	byType := make(map[string]*SectionDoc)
	for i := range docs {
		byType[docs[i].Type] = &docs[i]
		types = append(types, docs[i].Type)
	}
	count := make(map[string]int)
	for _, raw := range file.Sections {
		label := raw.Name
		if raw.Anonymous {
			label = fmt.Sprintf("@%s[%d]", raw.Type, count[raw.Type])
		}
		count[raw.Type]++
		doc := byType[raw.Type]
		if doc == nil {
			l.unknownSection(raw, label, types)
			continue
		}
		s := l.decode(doc, raw, label)
		if raw.Anonymous && !doc.Anonymous {
			l.fail(s, "", item{line: raw.Line}, "want a name: config %s 'NAME'", raw.Type)
		}
		for _, line := range raw.Again {
			l.fail(s, "", item{text: raw.Name, line: line}, "want another name, the section in line %d has this one", raw.Line)
		}
		l.sections = append(l.sections, s)
		l.named[raw.Name] = s
	}
}

func (l *loader) unknownSection(raw *uci.Section, label string, types []string) {
	s := &section{raw: raw, label: label}
	it := item{text: raw.Type, line: raw.Line}
	l.warn(s, "", it, "unknown section type, section ignored%s", hint(raw.Type, types))
}

// of returns the sections of a type, in file order.
func (l *loader) of(typ string) []*section {
	var ss []*section
	for _, s := range l.sections {
		if s.doc.Type == typ {
			ss = append(ss, s)
		}
	}
	return ss
}

// refer resolves one reference of s. Where it names nothing that reference is reported as an error, where it names a section with errors
// as a warning; both are left out.
func (l *loader) refer(s *section, option string, it item) (*section, bool) {
	od := s.doc.Option(option)
	target := l.named[it.text]
	if target == nil || !slices.Contains(od.Refers, target.doc.Type) {
		var names []string
		for _, t := range l.sections {
			if slices.Contains(od.Refers, t.doc.Type) && !t.raw.Anonymous {
				names = append(names, t.raw.Name)
			}
		}
		l.drop(s, option, it, "want the name of a section %s%s%s", orList(od.Refers), orWords(od.Values), hint(it.text, append(names, od.Values...)))
		return nil, false
	}
	if target.bad {
		l.warn(s, option, it, "has errors and is left out here too")
		return nil, false
	}
	return target, true
}

func orWords(words []string) string {
	if len(words) == 0 {
		return ""
	}
	return ", or " + orList(words)
}
