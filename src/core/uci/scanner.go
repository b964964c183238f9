package uci

import (
	"bytes"
	"sort"
)

// scanner cuts a file into commands and arguments. It works as libuci does, in
// place on one buffer that holds the logical line: quotes and backslashes are
// removed by moving the text down, and a NUL written behind an argument ends it.
// That this NUL may fall on text not yet read is what makes libuci's `;` behave as
// it does, so the buffer is part of the rules.
type scanner struct {
	src  []byte
	next int // offset in src of the first byte not yet in buf

	buf   []byte // the logical line; reading behind it gives NUL
	pos   int    // next byte of buf to look at
	size  int    // room that libuci's buffer would have, see readLine
	lines int    // line ends read
	from  []origin

	name string // for errors
}

// origin says that the bytes of the buffer from at on came from src at offset.
type origin struct{ at, offset int }

// argument is one word with its quotes removed, and where it began in src.
type argument struct {
	text   string
	offset int
}

// lineBuffer is the size that libuci's buffer starts with (LINEBUF).
const lineBuffer = 32

func newScanner(name string, src []byte) *scanner {
	return &scanner{name: name, src: src, size: lineBuffer}
}

// nextLine begins a new logical line. It reports false at the end of the file.
func (s *scanner) nextLine() bool {
	if s.next >= len(s.src) {
		return false
	}
	s.pos = 0
	s.from = s.from[:0]
	s.readLine(0)
	return true
}

// readLine puts the next source line into the buffer from at on.
//
// It reads in the pieces in which fgets fills libuci's growing buffer, because
// their borders show in a file that contains NULs (a damaged one): the rest of a
// piece behind a NUL is lost, a piece that begins with NUL ends the line.
func (s *scanner) readLine(at int) {
	s.buf = s.buf[:at]
	for n := len(s.from); n > 0 && s.from[n-1].at >= at; n-- {
		s.from = s.from[:n-1]
	}
	if at >= s.size-1 {
		s.grow()
	}
	for {
		piece := s.src[s.next:]
		if room := s.size - at - 1; len(piece) > room {
			piece = piece[:room]
		}
		if end := bytes.IndexByte(piece, '\n'); end >= 0 {
			piece = piece[:end+1]
		}
		if len(piece) > 0 {
			s.from = append(s.from, origin{at, s.next})
		}
		s.next += len(piece)
		if nul := bytes.IndexByte(piece, 0); nul >= 0 {
			piece = piece[:nul]
		}
		if len(piece) == 0 {
			return
		}
		s.buf = append(s.buf, piece...)
		at += len(piece)
		if piece[len(piece)-1] == '\n' {
			s.lines++
			return
		}
		s.grow()
	}
}

// grow doubles the buffer as libuci does, up to what no file here fills: each
// piece with a NUL in it doubles it, however small, so it must not overflow.
func (s *scanner) grow() {
	if s.size < 1<<30 {
		s.size *= 2
	}
}

func (s *scanner) fail(reason string) error {
	return &SyntaxError{File: s.name, Line: s.lines, Byte: s.pos, Reason: reason}
}

// at returns the byte i places ahead, NUL behind the end of the line.
func (s *scanner) at(i int) byte {
	if s.pos+i >= len(s.buf) {
		return 0
	}
	return s.buf[s.pos+i]
}

func (s *scanner) skipSpace() {
	for isSpace(s.at(0)) {
		s.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// command returns the word at the current place and how far the text behind it is
// away; empty at the end of the line. Only blanks and tabs end a command, and it
// is left in place: the caller skips it when it is known to be right.
func (s *scanner) command() (word string, width int) {
	start := s.pos
	for start < len(s.buf) && isBlank(s.buf[start]) {
		start++
	}
	end := start
	for end < len(s.buf) && s.buf[end] != 0 && !isBlank(s.buf[end]) {
		end++
	}
	word = string(s.buf[start:end])
	if word != "" && end < len(s.buf) {
		s.buf[end] = 0
	}
	return word, end - s.pos + 1
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// skipCommand moves behind a command; a file may end there without a line end.
func (s *scanner) skipCommand(width int, reason string) error {
	if s.pos+width > len(s.buf) {
		return s.fail(reason)
	}
	s.pos += width
	return nil
}

// argument returns the next argument, empty where there is none or where `;` ends
// the command.
func (s *scanner) argument() (argument, error) {
	s.skipSpace()
	start := s.pos
	arg := argument{offset: s.sourceOffset(start)}
	if s.at(0) == ';' {
		s.buf[s.pos] = 0
		s.pos++
		return arg, nil
	}
	end, err := s.text(start)
	if err != nil {
		return arg, err
	}
	arg.text = string(s.buf[start:end])
	// Blank behind the argument: step over it, the NUL below falls on it. In front
	// of a `;` that follows a bare word there is no such place, so the `;` itself
	// is lost, and with it the rest of the line.
	if c := s.at(0); c != 0 && c != ';' {
		s.pos++
	}
	if end < len(s.buf) {
		s.buf[end] = 0
	}
	return arg, nil
}

// text moves one argument down to target and returns its end.
func (s *scanner) text(target int) (int, error) {
	var err error
	for {
		switch s.at(0) {
		case '\'', '"':
			target, err = s.quoted(target, s.at(0))
			if err != nil {
				return target, err
			}
		case '#':
			s.buf[s.pos] = 0
			return target, nil
		case 0, ';':
			return target, nil
		case '\\':
			if s.backslash() {
				target = s.keep(target)
			}
		default:
			target = s.keep(target)
		}
		if c := s.at(0); c == 0 || isSpace(c) {
			return target, nil
		}
	}
}

// quoted moves quoted text down to target; only double quotes know backslashes.
func (s *scanner) quoted(target int, quote byte) (int, error) {
	s.pos++
	for {
		switch c := s.at(0); {
		case c == quote:
			s.pos++
			return target, nil
		case c == 0:
			s.readLine(s.pos)
			if s.at(0) == 0 {
				if quote == '"' {
					return target, s.fail(reasonOpenDouble)
				}
				return target, s.fail(reasonOpenSingle)
			}
		case c == '\\' && quote == '"':
			if s.backslash() {
				target = s.keep(target)
			}
		default:
			target = s.keep(target)
		}
	}
}

// backslash skips a backslash and reports whether the byte behind it belongs to
// the text; at the end of a line it does not, and the next line is read instead.
func (s *scanner) backslash() bool {
	s.pos++
	c := s.at(0)
	if c == 0 || c == '\n' || c == '\r' && s.at(1) == '\n' && s.at(2) == 0 {
		s.readLine(s.pos)
		return false
	}
	return true
}

func (s *scanner) keep(target int) int {
	s.buf[target] = s.buf[s.pos]
	s.pos++
	return target + 1
}

// sourceOffset returns where in src the byte of the buffer at i came from.
func (s *scanner) sourceOffset(i int) int {
	n := sort.Search(len(s.from), func(k int) bool { return s.from[k].at > i })
	if n == 0 {
		return 0
	}
	return s.from[n-1].offset + i - s.from[n-1].at
}
