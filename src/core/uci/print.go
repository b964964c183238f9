package uci

import (
	"bytes"
	"fmt"
	"io"
	"strings"
)

// Show writes the file as `uci show NAME` prints it: anonymous sections as
// @type[index].
func (f *File) Show(w io.Writer) error {
	count := make(map[string]int) // sections of a type so far, named ones too
	return f.show(w, func(s *Section) string {
		index := count[s.Type]
		count[s.Type]++
		if s.Anonymous {
			return fmt.Sprintf("@%s[%d]", s.Type, index)
		}
		return s.Name
	})
}

// ShowNames writes the file as `uci -X show NAME` prints it: anonymous sections
// under their generated names.
func (f *File) ShowNames(w io.Writer) error {
	return f.show(w, func(s *Section) string { return s.Name })
}

func (f *File) show(w io.Writer, reference func(*Section) string) error {
	var b bytes.Buffer
	for _, s := range f.Sections {
		ref := reference(s)
		fmt.Fprintf(&b, "%s.%s=%s\n", f.Name, ref, s.Type)
		for _, o := range s.Options {
			fmt.Fprintf(&b, "%s.%s.%s=", f.Name, ref, o.Name)
			for i, v := range o.Values {
				if i > 0 {
					b.WriteByte(' ')
				}
				b.WriteString(quote(v.Text))
			}
			b.WriteByte('\n')
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// Export writes the file as `uci export NAME` prints it. Parse reads it back to
// the same sections, unless a type contains one of `'"\;#`: libuci writes types
// without quotes.
func (f *File) Export(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "package %s\n", escape(f.Name))
	for _, s := range f.Sections {
		fmt.Fprintf(&b, "\nconfig %s", escape(s.Type))
		if !s.Anonymous {
			b.WriteString(" " + quote(s.Name))
		}
		b.WriteByte('\n')
		for _, o := range s.Options {
			keyword := "option"
			if o.List {
				keyword = "list"
			}
			for _, v := range o.Values {
				fmt.Fprintf(&b, "\t%s %s %s\n", keyword, o.Name, quote(v.Text))
			}
		}
	}
	b.WriteByte('\n')
	_, err := w.Write(b.Bytes())
	return err
}

func quote(s string) string { return "'" + escape(s) + "'" }

// escape writes a quote character as libuci does: end, escaped quote, begin again.
func escape(s string) string { return strings.ReplaceAll(s, "'", `'\''`) }
