package mwan3

import (
	"fmt"

	"multiwan/src/core/uci"
)

// Result is an imported configuration.
type Result struct {
	// Text is the UCI text for /etc/config/multiwan.
	Text []byte
	// Notes tell what was not carried over or changed its meaning, in file order.
	Notes []Note
}

// Note is one thing that the user should know about the import.
type Note struct {
	// Line is where mwan3's file says it, counted from 1; 0 is about the whole file.
	Line int
	// Section is the name of mwan3's section.
	Section string
	// Option and Value are empty where the note is about the whole section; Value
	// is empty also where the file leaves the option to mwan3's default.
	Option, Value string
	// Why says what became of it.
	Why string
}

// String returns the note as a line of a report.
func (n Note) String() string {
	switch {
	case n.Line == 0:
		return n.Why
	case n.Option == "":
		return fmt.Sprintf("line %d: %s: %s", n.Line, n.Section, n.Why)
	case n.Value == "":
		return fmt.Sprintf("line %d: %s.%s (not given): %s", n.Line, n.Section, n.Option, n.Why)
	}
	return fmt.Sprintf("line %d: %s.%s '%s': %s", n.Line, n.Section, n.Option, n.Value, n.Why)
}

// source is a section of mwan3's file that knows which of its options have been
// looked at, so that none is passed over in silence.
type source struct {
	*uci.Section
	seen  map[string]bool
	notes *[]Note
}

func newSource(s *uci.Section, notes *[]Note) *source {
	return &source{Section: s, seen: make(map[string]bool), notes: notes}
}

// get returns an option's value, empty where it is not given.
func (s *source) get(option string) uci.Value {
	s.seen[option] = true
	v, _ := s.Get(option)
	return v
}

func (s *source) list(option string) []uci.Value {
	s.seen[option] = true
	return s.List(option)
}

// on reads a boolean as mwan3 does (config_get_bool).
func (s *source) on(option string, missing bool) bool {
	if is, ok := uci.Bool(s.get(option).Text); ok {
		return is
	}
	return missing
}

// note reports an option; without a value it is one that the file does not give.
func (s *source) note(option string, v uci.Value, why string, args ...any) {
	line := v.Line
	if line == 0 {
		line = s.Line
	}
	*s.notes = append(*s.notes, Note{line, s.Name, option, v.Text, fmt.Sprintf(why, args...)})
}

// drop reports that nothing of the section is carried over.
func (s *source) drop(why string, args ...any) {
	*s.notes = append(*s.notes, Note{Line: s.Line, Section: s.Name, Why: "not carried over: " + fmt.Sprintf(why, args...)})
	for _, o := range s.Options {
		s.seen[o.Name] = true
	}
}

// rest reports the options that nobody asked for.
func (s *source) rest() {
	for _, o := range s.Options {
		if s.seen[o.Name] {
			continue
		}
		why, known := lost[s.Type][o.Name]
		if !known {
			why = "mwan3 does not know this option"
		}
		for _, v := range o.Values {
			s.note(o.Name, v, "not carried over: %s", why)
		}
	}
}
