package uci

// File is one parsed package.
type File struct {
	// Name is the package's name, normally the base name of its file.
	Name string
	// Sections stand in file order.
	Sections []*Section
}

// Section is one `config TYPE ['NAME']` with everything that the file says of it,
// also where the same name appears several times.
type Section struct {
	Type string
	// Name is the given name, or libuci's generated one (cfgNNHHHH) where the
	// section is anonymous.
	Name      string
	Anonymous bool
	// Line is where the section begins first, counted from 1; Again are the lines where the same name goes on with it.
	Line  int
	Again []int
	// Options stand in order of first appearance.
	Options []*Option
	// Empty are the places of `option NAME ''` by name, the last one of each: libuci takes them for absent, and so do Options.
	Empty map[string]int
}

// Option is one option or list of a section.
type Option struct {
	Name string
	// List tells `list` from `option`. An option has exactly one value.
	List   bool
	Values []Value
	// Line is where the option got its (first) value, counted from 1; Replaced are the lines of earlier values that no longer stand.
	Line     int
	Replaced []int
}

// Value is one value with the place in the source where it begins.
type Value struct {
	// Text is free of NUL, otherwise any bytes.
	Text string
	// Line and Column (in bytes) count from 1; an opening quote belongs to the value.
	Line, Column int
}

// Section returns the section of that name.
func (f *File) Section(name string) (*Section, bool) {
	for _, s := range f.Sections {
		if s.Name == name {
			return s, true
		}
	}
	return nil, false
}

// Option returns the option or list of that name.
func (s *Section) Option(name string) (*Option, bool) {
	for _, o := range s.Options {
		if o.Name == name {
			return o, true
		}
	}
	return nil, false
}

// Get returns the value of an option, of a list its last item: the one that
// would stand if the file had said `option` each time.
func (s *Section) Get(name string) (Value, bool) {
	o, ok := s.Option(name)
	if !ok {
		return Value{}, false
	}
	return o.Values[len(o.Values)-1], true
}

// Bool reads a boolean in the words that OpenWrt's scripts take (config_get_bool); ok is false for any other word.
func Bool(text string) (is, ok bool) {
	switch text {
	case "1", "on", "yes", "true", "enabled":
		return true, true
	case "0", "off", "no", "false", "disabled":
		return false, true
	}
	return false, false
}

// List returns the items of a list, of a single option its one value, and nil
// where there is neither.
func (s *Section) List(name string) []Value {
	o, ok := s.Option(name)
	if !ok {
		return nil
	}
	return o.Values
}
