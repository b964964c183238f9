package ipsec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
)

// What the elements of a VICI message begin with (README.md of charon's vici plugin).
const (
	sectionStart = 1
	sectionEnd   = 2
	keyValue     = 3
	listStart    = 4
	listItem     = 5
	listEnd      = 6
	messageEnd   = -1 // nothing is left
)

// errElement says that a key or value is longer than VICI can tell.
var errElement = errors.New("too long for VICI")

// append encodes the section as a VICI message, reading the files.
func (s section) append(b []byte) ([]byte, error) {
	var err error
	for _, f := range s {
		switch {
		case f.sub != nil:
			b = appendKey(b, sectionStart, f.key)
			if b, err = f.sub.append(b); err != nil {
				return nil, err
			}
			b = append(b, sectionEnd)
		case f.list != nil:
			b, err = appendList(b, f.key, f.list)
		case f.files != nil:
			var contents []string
			for _, name := range f.files {
				text, err := os.ReadFile(name)
				if err != nil {
					return nil, fmt.Errorf("read %s: %w", f.key, err)
				}
				contents = append(contents, string(text))
			}
			b, err = appendList(b, f.key, contents)
		default:
			b, err = appendValue(appendKey(b, keyValue, f.key), f.value)
		}
		if err == nil && len(f.key) > math.MaxUint8 {
			err = errElement
		}
		if err != nil {
			return nil, fmt.Errorf("set %s: %w", f.key, err)
		}
	}
	return b, nil
}

func appendKey(b []byte, kind byte, key string) []byte {
	return append(append(b, kind, byte(len(key))), key...)
}

func appendValue(b []byte, value string) ([]byte, error) {
	if len(value) > math.MaxUint16 {
		return nil, errElement
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(value))), value...), nil
}

func appendList(b []byte, key string, list []string) ([]byte, error) {
	b = appendKey(b, listStart, key)
	var err error
	for _, v := range list {
		if b, err = appendValue(append(b, listItem), v); err != nil {
			return nil, err
		}
	}
	return append(b, listEnd), nil
}

// message is the rest of a VICI message that is being read; nil once it was found to be cut short.
type message []byte

// next takes the next bytes.
func (m *message) next(n int) []byte {
	if *m == nil || n > len(*m) {
		*m = nil
		return nil
	}
	b := (*m)[:n]
	*m = (*m)[n:]
	return b
}

// kind takes the type of the next element.
func (m *message) kind() int {
	if len(*m) == 0 {
		return messageEnd
	}
	return int(m.next(1)[0])
}

func (m *message) key() string {
	n := m.next(1)
	if n == nil {
		return ""
	}
	return string(m.next(int(n[0])))
}

func (m *message) value() string {
	n := m.next(2)
	if n == nil {
		return ""
	}
	return string(m.next(int(binary.BigEndian.Uint16(n))))
}

// section reads to the end of a section: sectionEnd, or messageEnd for the outermost. It is never nil without an error.
func (m *message) section(end int) (section, error) {
	out := section{}
	for {
		switch kind := m.kind(); kind {
		case end:
			return out, nil
		case sectionStart:
			f := field{key: m.key()}
			var err error
			if f.sub, err = m.section(sectionEnd); err != nil {
				return nil, err
			}
			out = append(out, f)
		case keyValue:
			f := field{key: m.key()}
			f.value = m.value()
			out = append(out, f)
		case listStart:
			f := field{key: m.key(), list: []string{}}
			kind := m.kind()
			for ; kind == listItem; kind = m.kind() {
				f.list = append(f.list, m.value())
			}
			if kind != listEnd {
				return nil, errPacket
			}
			out = append(out, f)
		default:
			return nil, errPacket
		}
	}
}

// get returns the field of a key, or an empty one.
func (s section) get(key string) field {
	for _, f := range s {
		if f.key == key {
			return f
		}
	}
	return field{}
}
