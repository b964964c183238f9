package mwan3

import (
	"bytes"
	"errors"
	"fmt"
	"sort"

	"multiwan/src/core/uci"
)

// Import translates mwan3's configuration. It fails only where there is nothing to
// translate; everything else that goes wrong is a note.
func Import(f *uci.File) (Result, error) {
	im := &importer{
		taken:    make(map[string]bool),
		wans:     make(map[string]*half),
		members:  make(map[string]*member),
		policies: make(map[string]string),
	}
	byType := make(map[string][]*source)
	for _, section := range f.Sections {
		s := newSource(section, &im.notes)
		im.taken[s.Name] = true
		byType[s.Type] = append(byType[s.Type], s)
		im.other(s)
	}
	if len(byType["interface"]) == 0 {
		return Result{}, errors.New("import mwan3: no section of type interface, so this is not its configuration")
	}

	for _, s := range byType["globals"] {
		s.rest()
	}
	im.interfaces(byType["interface"])
	im.readMembers(byType["member"])
	im.readPolicies(byType["policy"])
	im.readRules(byType["rule"])
	text, err := im.text()
	if err != nil {
		return Result{}, err
	}
	sort.SliceStable(im.notes, func(i, j int) bool { return im.notes[i].Line < im.notes[j].Line })
	return Result{Text: text, Notes: im.notes}, nil
}

// importer collects what the sections of mwan3's file become.
type importer struct {
	notes    []Note
	taken    map[string]bool    // names of sections, mwan3's and ours: UCI has one name space
	wans     map[string]*half   // by the name of mwan3's interface; not those left out
	members  map[string]*member // by name; not those left out
	policies map[string]string  // mwan3's name to what a rule says here

	memberList []*member // members in file order

	wanSections, memberSections, policySections, ruleSections []*uci.Section
}

// other reports sections of types that have no counterpart.
func (im *importer) other(s *source) {
	switch s.Type {
	case "globals", "interface", "member", "policy", "rule":
	case "ipset":
		s.drop("sets live in table inet multiwan and are filled by dnsmasq (nftset) or by hand")
	default:
		s.drop("mwan3 does not know sections of type %s", s.Type)
	}
}

// text writes the sections, interfaces first.
func (im *importer) text() ([]byte, error) {
	f := &uci.File{Name: "multiwan"}
	for _, sections := range [][]*uci.Section{im.wanSections, im.memberSections, im.policySections, im.ruleSections} {
		f.Sections = append(f.Sections, sections...)
	}
	var b bytes.Buffer
	if err := f.Export(&b); err != nil {
		return nil, fmt.Errorf("write the configuration: %w", err)
	}
	_, body, _ := bytes.Cut(b.Bytes(), []byte("\n\n")) // a file has no package line
	return body, nil
}

// name returns the wish, or where a section has that name already, one like it.
func (im *importer) name(wish string) string {
	name := wish
	for n := 2; im.taken[name]; n++ {
		name = fmt.Sprintf("%s_%d", wish, n)
	}
	im.taken[name] = true
	return name
}

// target is a section that is being written.
type target struct{ *uci.Section }

func newTarget(typ, name string, anonymous bool) target {
	return target{&uci.Section{Type: typ, Name: name, Anonymous: anonymous}}
}

// option sets an option, unless the value is empty.
func (t target) option(name, value string) {
	if value != "" {
		t.Options = append(t.Options, &uci.Option{Name: name, Values: []uci.Value{{Text: value}}})
	}
}

func (t target) list(name string, values ...string) {
	if len(values) == 0 {
		return
	}
	o := &uci.Option{Name: name, List: true}
	for _, v := range values {
		o.Values = append(o.Values, uci.Value{Text: v})
	}
	t.Options = append(t.Options, o)
}
