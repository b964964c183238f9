package uci

import "fmt"

// validName tells whether a section or option may be called so: letters, digits
// and underscores, as shells allow.
func validName(s string) bool {
	return validWord(s, func(c byte) bool { return false })
}

// validPackage is validName with the dash added.
func validPackage(s string) bool {
	return validWord(s, func(c byte) bool { return c == '-' })
}

// validType allows every printable character except the blank.
func validType(s string) bool {
	return validWord(s, func(c byte) bool { return c > ' ' && c < 0x7f })
}

func validWord(s string, also func(byte) bool) bool {
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case also(c):
		default:
			return false
		}
	}
	return s != ""
}

// anonymousName is the name that libuci gives to the n-th section of a file (from
// 1, named ones counted) when the file gives none: a hash over its type. Options
// are not in it, because a file's section has none yet when it is named (list.c,
// uci_fixup_section).
func anonymousName(n int, typ string) string {
	hash := uint32(5381) // D. J. Bernstein's string hash
	for i := range len(typ) {
		hash = hash*33 + uint32(typ[i])
	}
	return fmt.Sprintf("cfg%02x%04x", n, hash&0xffff)
}
