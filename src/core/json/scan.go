package json

import (
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds how deep values may lie in each other.
const maxDepth = 200

// scanner walks through text.
type scanner struct {
	text  []byte
	at    int
	depth int
}

func (s *scanner) errorf(format string, args ...any) error {
	return fmt.Errorf("json: at byte %d: %s", s.at, fmt.Sprintf(format, args...))
}

// peek is the next byte that is no space, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\n', '\t', '\r':
		default:
			return c
		}
	}
	return 0
}

func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.at++
	return true
}

// members calls each for every member or element between two brackets; each reads its value.
func (s *scanner) members(open, end byte, each func() error) error {
	if !s.take(open) {
		return s.errorf("want %q", open)
	}
	if s.depth++; s.depth > maxDepth {
		return s.errorf("more than %d levels", maxDepth)
	}
	defer func() { s.depth-- }()
	if s.take(end) {
		return nil
	}
	for {
		if err := each(); err != nil {
			return err
		}
		if s.take(end) {
			return nil
		}
		if !s.take(',') {
			return s.errorf("want a comma or %q", end)
		}
	}
}

// object calls each with the name of every member; each reads the value.
func (s *scanner) object(each func(name string) error) error {
	return s.members('{', '}', func() error {
		name, err := s.string()
		if err != nil {
			return err
		}
		if !s.take(':') {
			return s.errorf("want a colon")
		}
		return each(name)
	})
}

// skip passes over a value and gives its text.
func (s *scanner) skip() ([]byte, error) {
	c := s.peek()
	start := s.at
	var err error
	switch {
	case c == '{':
		err = s.object(func(string) error { _, err := s.skip(); return err })
	case c == '[':
		err = s.members('[', ']', func() error { _, err := s.skip(); return err })
	case c == '"':
		_, err = s.string()
	case c == '-' || isDigit(c):
		err = s.number()
	case !s.word("null") && !s.word("true") && !s.word("false"):
		err = s.errorf("want a value")
	}
	return s.text[start:s.at], err
}

func (s *scanner) word(w string) bool {
	s.peek()
	if len(s.text)-s.at < len(w) || string(s.text[s.at:s.at+len(w)]) != w {
		return false
	}
	s.at += len(w)
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// number passes over a number (RFC 8259, 6).
func (s *scanner) number() error {
	digits := func() bool {
		start := s.at
		for s.at < len(s.text) && isDigit(s.text[s.at]) {
			s.at++
		}
		return s.at > start
	}
	one := func(of string) bool {
		for i := range len(of) {
			if s.at < len(s.text) && s.text[s.at] == of[i] {
				s.at++
				return true
			}
		}
		return false
	}
	one("-")
	ok := one("0") || digits()
	if ok && one(".") {
		ok = digits()
	}
	if ok && one("eE") {
		one("+-")
		ok = digits()
	}
	if !ok {
		return s.errorf("want a number")
	}
	return nil
}

// string reads a string.
func (s *scanner) string() (string, error) {
	if !s.take('"') {
		return "", s.errorf("want a string")
	}
	var out []byte
	for s.at < len(s.text) {
		c := s.text[s.at]
		switch {
		case c == '"':
			s.at++
			return string(out), nil
		case c == '\\':
			r, ok := s.escape()
			if !ok {
				return "", s.errorf("want an escape of JSON")
			}
			out = utf8.AppendRune(out, r)
		case c < ' ':
			return "", s.errorf("want control characters escaped")
		default:
			r, size := utf8.DecodeRune(s.text[s.at:])
			out = utf8.AppendRune(out, r)
			s.at += size
		}
	}
	return "", s.errorf("want the end of a string")
}

// escape reads what begins with a backslash.
func (s *scanner) escape() (rune, bool) {
	if s.at+1 >= len(s.text) {
		return 0, false
	}
	c := s.text[s.at+1]
	if c == 'u' {
		r, ok := s.unicode()
		if utf16.IsSurrogate(r) {
			at := s.at
			if low, ok := s.unicode(); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
				return utf16.DecodeRune(r, low), true
			}
			s.at = at // half a character; it is written as U+FFFD
		}
		return r, ok
	}
	s.at += 2
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	}
	return 0, false
}

// unicode reads \uXXXX.
func (s *scanner) unicode() (rune, bool) {
	if len(s.text)-s.at < 6 || s.text[s.at] != '\\' || s.text[s.at+1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(string(s.text[s.at+2:s.at+6]), 16, 16)
	s.at += 6
	return rune(v), err == nil
}
