package ipsec

import (
	"fmt"
	"strings"
)

// section is a part of charon's configuration, in order. It is rendered as a VICI message or as text of swanctl.conf(5), which have the
// same keys.
type section []field

// field is one value, a list, a list of files, or a sub-section. VICI has the contents of files where the text has their names.
type field struct {
	key   string
	value string
	list  []string
	files []string
	sub   section
}

// option appends a value unless it is empty.
func (s section) option(key, value string) section {
	if value == "" {
		return s
	}
	return append(s, field{key: key, value: value})
}

// options appends a list unless it is empty.
func (s section) options(key string, list []string) section {
	if len(list) == 0 {
		return s
	}
	return append(s, field{key: key, list: list})
}

// file appends a file unless it has no name.
func (s section) file(key, name string) section {
	if name == "" {
		return s
	}
	return append(s, field{key: key, files: []string{name}})
}

// section appends a sub-section.
func (s section) section(key string, sub section) section {
	return append(s, field{key: key, sub: sub})
}

// write renders the section as text, indented by tabs.
func (s section) write(b *strings.Builder, depth int) {
	indent := strings.Repeat("\t", depth)
	for _, f := range s {
		switch {
		case f.sub != nil:
			fmt.Fprintf(b, "%s%s {\n", indent, f.key)
			f.sub.write(b, depth+1)
			fmt.Fprintf(b, "%s}\n", indent)
		case f.list != nil:
			fmt.Fprintf(b, "%s%s = %s\n", indent, f.key, quote(strings.Join(f.list, ",")))
		case f.files != nil:
			fmt.Fprintf(b, "%s%s = %s\n", indent, f.key, quote(strings.Join(f.files, ",")))
		default:
			fmt.Fprintf(b, "%s%s = %s\n", indent, f.key, quote(f.value))
		}
	}
}

// quote writes a value as strongswan.conf(5) reads it: bare where nothing could be taken for syntax.
func quote(v string) string {
	for _, c := range v {
		plain := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("-_./:@%,[]+", c)
		if !plain {
			return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(v) + `"`
		}
	}
	return v
}
