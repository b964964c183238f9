package uci

import (
	"bytes"
	"sort"
)

// Parse reads one package from the text of its file. Errors are *SyntaxError; as
// with the real uci, the first one ends the reading.
func Parse(name string, text []byte) (*File, error) {
	p := &parser{
		scan:     newScanner(name, text),
		file:     &File{Name: name},
		sections: make(map[string]*Section),
		starts:   lineStarts(text),
	}
	for p.scan.nextLine() {
		if err := p.line(); err != nil {
			return nil, err
		}
	}
	return p.file, nil
}

type parser struct {
	scan     *scanner
	file     *File
	sections map[string]*Section // the first of each name
	section  *Section            // that options belong to now
	starts   []int               // offset of each line of the text
}

// line runs the commands of one logical line.
func (p *parser) line() error {
	p.scan.skipSpace()
	for {
		word, width := p.scan.command()
		if word == "" || word[0] == '#' {
			return nil
		}
		var err error
		switch word {
		case "package", "p":
			err = p.packageName(width)
		case "config", "c":
			err = p.config(width)
		case "option", "o":
			err = p.option(width, false)
		case "list", "l":
			err = p.option(width, true)
		default:
			err = p.scan.fail(reasonCommand)
		}
		if err != nil {
			return err
		}
	}
}

// packageName checks a package line. It renames nothing: a file is loaded under
// the name by which it was asked for.
func (p *parser) packageName(width int) error {
	if err := p.scan.skipCommand(width, reasonNoPackage); err != nil {
		return err
	}
	if _, err := p.name(validPackage); err != nil {
		return err
	}
	return p.endOfCommand()
}

// config opens a section, or goes on with the one that has this name already.
func (p *parser) config(width int) error {
	offset := p.scan.sourceOffset(p.scan.pos)
	if err := p.scan.skipCommand(width, reasonNoConfig); err != nil {
		return err
	}
	typ, err := p.scan.argument()
	if err != nil {
		return err
	}
	if typ.text == "" {
		return p.scan.fail(reasonArguments)
	}
	if !validType(typ.text) {
		return p.scan.fail(reasonType)
	}
	name, err := p.scan.argument()
	if err != nil {
		return err
	}
	if name.text != "" && !validName(name.text) {
		return p.scan.fail(reasonName)
	}
	if err := p.endOfCommand(); err != nil {
		return err
	}
	line, _ := p.place(offset)
	if old := p.sections[name.text]; old != nil {
		if old.Type != typ.text {
			return p.scan.fail(reasonOtherType)
		}
		old.Again = append(old.Again, line)
		p.section = old
		return nil
	}
	p.add(&Section{Type: typ.text, Name: name.text, Line: line})
	return nil
}

func (p *parser) add(s *Section) {
	if s.Name == "" {
		s.Anonymous = true
		s.Name = anonymousName(len(p.file.Sections)+1, s.Type)
	}
	p.file.Sections = append(p.file.Sections, s)
	if p.sections[s.Name] == nil {
		p.sections[s.Name] = s
	}
	p.section = s
}

// option sets an option or adds an item to a list.
func (p *parser) option(width int, list bool) error {
	if p.section == nil {
		return p.scan.fail(reasonNoSection)
	}
	if err := p.scan.skipCommand(width, reasonNoOption); err != nil {
		return err
	}
	name, err := p.name(validName)
	if err != nil {
		return err
	}
	arg, err := p.scan.argument()
	if err != nil {
		return err
	}
	if err := p.endOfCommand(); err != nil {
		return err
	}
	value := Value{Text: arg.text}
	value.Line, value.Column = p.place(arg.offset)
	p.section.set(name, value, list)
	return nil
}

// set applies `option NAME VALUE` or `list NAME VALUE`.
func (s *Section) set(name string, v Value, list bool) {
	if !list && v.Text == "" {
		if s.Empty == nil {
			s.Empty = make(map[string]int)
		}
		s.Empty[name] = v.Line
		return // libuci has no empty options; an existing value stays
	}
	o, ok := s.Option(name)
	if !ok {
		o = &Option{Name: name, Line: v.Line}
		s.Options = append(s.Options, o)
	}
	if list {
		o.List = true
		o.Values = append(o.Values, v)
		return
	}
	replaced := o.Replaced
	for _, old := range o.Values {
		replaced = append(replaced, old.Line)
	}
	*o = Option{Name: name, Line: v.Line, Values: []Value{v}, Replaced: replaced}
}

// name reads an argument that must be there and must be valid.
func (p *parser) name(valid func(string) bool) (string, error) {
	arg, err := p.scan.argument()
	if err != nil {
		return "", err
	}
	if arg.text == "" {
		return "", p.scan.fail(reasonArguments)
	}
	if !valid(arg.text) {
		return "", p.scan.fail(reasonName)
	}
	return arg.text, nil
}

func (p *parser) endOfCommand() error {
	arg, err := p.scan.argument()
	if err == nil && arg.text != "" {
		err = p.scan.fail(reasonTooMany)
	}
	return err
}

// place returns line and column, from 1, of an offset in the text.
func (p *parser) place(offset int) (line, column int) {
	line = sort.SearchInts(p.starts, offset+1)
	return line, offset - p.starts[line-1] + 1
}

func lineStarts(text []byte) []int {
	starts := []int{0}
	for offset := 0; ; {
		end := bytes.IndexByte(text[offset:], '\n')
		if end < 0 {
			return starts
		}
		offset += end + 1
		starts = append(starts, offset)
	}
}
