package json

// Members calls each for the members of an object, in their order, with the text of each value; it begins at the value's first byte.
func Members(text []byte, each func(name string, value RawMessage) error) error {
	s := scanner{text: text}
	err := s.object(func(name string) error {
		value, err := s.skip()
		if err != nil {
			return err
		}
		return each(name, value)
	})
	return s.ended(err)
}

// Elements is Members for the elements of a list.
func Elements(text []byte, each func(value RawMessage) error) error {
	s := scanner{text: text}
	err := s.members('[', ']', func() error {
		value, err := s.skip()
		if err != nil {
			return err
		}
		return each(value)
	})
	return s.ended(err)
}

// ended passes an error on, or says that something follows the value.
func (s *scanner) ended(err error) error {
	if err == nil && s.peek() != 0 {
		return s.errorf("want the end")
	}
	return err
}
