package ubus

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"multiwan/src/core/json"
)

// FromJSON makes a Table of a JSON object, with the kinds that OpenWrt's own programs choose: integers of 32 bits where they are enough,
// booleans of eight bits.
func FromJSON(text []byte) (Table, error) {
	var w Writer
	err := json.Members(text, func(name string, value json.RawMessage) error { return w.json(name, value) })
	if err != nil {
		return nil, err
	}
	if err := w.Table().check(); err != nil {
		return nil, err
	}
	return w.Table(), nil
}

// maxName is the longest name of a member.
const maxName = 1<<16 - 1

func (w *Writer) json(name string, value json.RawMessage) error {
	if len(name) > maxName {
		return errors.New("ubus: the name of a member is too long")
	}
	if len(w.open) > maxDepth {
		return fmt.Errorf("ubus: more than %d levels", maxDepth)
	}
	if len(w.out) > MaxMessage {
		return ErrTooLong
	}
	switch value[0] {
	case '{':
		w.Open(name, Map)
		defer w.Close()
		return json.Members(value, func(name string, v json.RawMessage) error { return w.json(name, v) })
	case '[':
		w.Open(name, List)
		defer w.Close()
		return json.Elements(value, func(v json.RawMessage) error { return w.json("", v) })
	case '"':
		var s string
		if err := json.Unmarshal(value, &s); err != nil {
			return err
		}
		w.String(name, s)
	case 'n':
		w.Null(name)
	case 't', 'f':
		w.Bool(name, value[0] == 't')
	default:
		if n, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			w.Int(name, n)
			return nil
		}
		f, err := strconv.ParseFloat(string(value), 64)
		if err != nil {
			return fmt.Errorf("ubus: number %s: out of range", value)
		}
		w.Double(name, f)
	}
	return nil
}

// JSON writes the Table as an object.
func (t Table) JSON() []byte { return appendMembers(nil, t) }

func appendMembers(out []byte, t Table) []byte {
	before := byte('{')
	for name, v := range t.All() {
		out = appendJSON(append(appendString(append(out, before), name), ':'), v)
		before = ','
	}
	if before == '{' {
		out = append(out, '{')
	}
	return append(out, '}')
}

func appendJSON(out []byte, v Value) []byte {
	switch v.Kind {
	case Map:
		return appendMembers(out, v.Table())
	case List:
		out = append(out, '[')
		first := true
		for _, e := range v.Table().All() {
			if !first {
				out = append(out, ',')
			}
			out, first = appendJSON(out, e), false
		}
		return append(out, ']')
	case String:
		return appendString(out, v.String())
	case Bool:
		return strconv.AppendBool(out, v.Bool())
	case Double:
		if f := v.Float(); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(out, f, 'g', -1, 64)
		}
	case Int64, Int32, Int16:
		n, _ := v.Int()
		return strconv.AppendInt(out, n, 10)
	}
	return append(out, "null"...)
}

func appendString(out []byte, s string) []byte {
	text, _ := json.Marshal(s) // a string always has a form
	return append(out, text...)
}
