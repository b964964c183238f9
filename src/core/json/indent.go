package json

import "strings"

// Indent lays valid JSON out for readers: a line for each member, two spaces a level.
func Indent(text []byte) []byte {
	var out []byte
	depth, quoted := 0, false
	line := func() { out = append(append(out, '\n'), strings.Repeat("  ", depth)...) }
	for i := 0; i < len(text); i++ {
		c := text[i]
		if quoted {
			out = append(out, c)
			if c == '\\' {
				i++
				out = append(out, text[i])
			}
			quoted = c != '"'
			continue
		}
		switch c {
		case ' ', '\n', '\t', '\r':
		case '{', '[':
			out = append(out, c)
			depth++
			if end := closing(text[i+1:]); end > 0 {
				i += end
				depth--
				out = append(out, text[i])
				continue
			}
			line()
		case '}', ']':
			depth--
			line()
			out = append(out, c)
		case ',':
			out = append(out, c)
			line()
		case ':':
			out = append(out, ':', ' ')
		default:
			quoted = c == '"'
			out = append(out, c)
		}
	}
	return out
}

// closing is how far away the bracket is that closes what has no members, 0 where there are some.
func closing(text []byte) int {
	for i, c := range text {
		switch c {
		case ' ', '\n', '\t', '\r':
		case '}', ']':
			return i + 1
		default:
			return 0
		}
	}
	return 0
}
