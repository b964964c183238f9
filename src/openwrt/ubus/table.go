package ubus

import (
	"encoding/binary"
	"iter"
	"math"
)

// Kind is the type of a value, with the number that it has in messages and in published signatures.
type Kind byte

// The kinds. Bool is an integer of eight bits.
const (
	Null Kind = iota
	List
	Map
	String
	Int64
	Int32
	Int16
	Bool
	Double
	kinds // how many there are
)

// Table is the data of a message: named values, in their order, as the wire has them. The zero Table has none.
type Table []byte

// Value is one value of a Table.
type Value struct {
	Kind Kind
	body []byte
}

// String returns the text of a String, "" for other kinds.
func (v Value) String() string {
	if v.Kind != String {
		return ""
	}
	s, _ := text(v.body)
	return s
}

// Int returns an integer of any size; false for other kinds.
func (v Value) Int() (int64, bool) {
	switch v.Kind {
	case Int64:
		return int64(binary.BigEndian.Uint64(v.body)), true
	case Int32:
		return int64(int32(binary.BigEndian.Uint32(v.body))), true
	case Int16:
		return int64(int16(binary.BigEndian.Uint16(v.body))), true
	}
	return 0, false
}

// Bool returns a Bool; false for other kinds.
func (v Value) Bool() bool { return v.Kind == Bool && v.body[0] != 0 }

// Float returns a Double; 0 for other kinds.
func (v Value) Float() float64 {
	if v.Kind != Double {
		return 0
	}
	return math.Float64frombits(binary.BigEndian.Uint64(v.body))
}

// Table returns the members of a Map, or the elements of a List under empty names; none for other kinds.
func (v Value) Table() Table {
	if v.Kind != Map && v.Kind != List {
		return nil
	}
	return v.body
}

// All returns the values with their names. Of a Table that came by a Conn none is malformed.
func (t Table) All() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		for rest := []byte(t); len(rest) > 0; {
			name, v, r, err := cutValue(rest)
			if err != nil || !yield(name, v) {
				return
			}
			rest = r
		}
	}
}

// Get returns the first value of a name; false where there is none.
func (t Table) Get(name string) (Value, bool) {
	for n, v := range t.All() {
		if n == name {
			return v, true
		}
	}
	return Value{}, false
}

// check walks through a whole table.
func (t Table) check() error { return checkDepth(t, 0) }

func checkDepth(b []byte, depth int) error {
	if depth > maxDepth {
		return errMalformed
	}
	for len(b) > 0 {
		_, v, rest, err := cutValue(b)
		if err != nil {
			return err
		}
		if err := checkDepth(v.Table(), depth+1); err != nil {
			return err
		}
		b = rest
	}
	return nil
}

// cutValue takes the first value off a table: its body begins with the length of the name, the name and a NUL, padded.
func cutValue(b []byte) (name string, v Value, rest []byte, err error) {
	a, rest, err := cut(b)
	if err != nil {
		return "", v, nil, err
	}
	if !a.named || len(a.body) < 3 {
		return "", v, nil, errMalformed
	}
	n := int(binary.BigEndian.Uint16(a.body))
	after := padded(2 + n + 1)
	if 2+n+1 > len(a.body) {
		return "", v, nil, errMalformed
	}
	name, ok := text(a.body[2 : 2+n+1])
	v = Value{Kind: Kind(a.id), body: a.body[min(after, len(a.body)):]}
	if !ok || !v.fits() {
		return "", v, nil, errMalformed
	}
	return name, v, rest, nil
}

// fits says whether the body is one of the kind. Lists and maps are looked into by check.
func (v Value) fits() bool {
	switch v.Kind {
	case String:
		_, ok := text(v.body)
		return ok
	case Int64, Double:
		return len(v.body) == 8
	case Int32:
		return len(v.body) == 4
	case Int16:
		return len(v.body) == 2
	case Bool:
		return len(v.body) == 1
	}
	return v.Kind < kinds
}

// Writer makes a Table. The zero Writer is ready.
type Writer struct {
	out  []byte
	open []int // where lists and maps that are not closed begin
}

// Table returns what was written.
func (w *Writer) Table() Table { return w.out }

func (w *Writer) begin(name string, k Kind) int {
	start := len(w.out)
	w.out = begin(w.out, byte(k)|0x80)
	w.out = binary.BigEndian.AppendUint16(w.out, uint16(len(name)))
	w.out = append(append(w.out, name...), 0)
	w.out = append(w.out, make([]byte, padded(2+len(name)+1)-(2+len(name)+1))...)
	return start
}

func (w *Writer) end(start int) { w.out = finish(w.out, start) }

// Null adds a value that is none.
func (w *Writer) Null(name string) { w.end(w.begin(name, Null)) }

// String adds text, up to a NUL, which the wire cannot have.
func (w *Writer) String(name, s string) {
	start := w.begin(name, String)
	for i := range len(s) {
		if s[i] == 0 {
			s = s[:i]
			break
		}
	}
	w.out = append(append(w.out, s...), 0)
	w.end(start)
}

// Bool adds a boolean.
func (w *Writer) Bool(name string, b bool) {
	start := w.begin(name, Bool)
	var v byte
	if b {
		v = 1
	}
	w.out = append(w.out, v)
	w.end(start)
}

// Int32 adds an integer of 32 bits.
func (w *Writer) Int32(name string, n int32) {
	start := w.begin(name, Int32)
	w.out = binary.BigEndian.AppendUint32(w.out, uint32(n))
	w.end(start)
}

// Int64 adds an integer of 64 bits.
func (w *Writer) Int64(name string, n int64) {
	start := w.begin(name, Int64)
	w.out = binary.BigEndian.AppendUint64(w.out, uint64(n))
	w.end(start)
}

// Int adds an integer of 32 bits where they are enough, as OpenWrt's own programs do, of 64 bits otherwise.
func (w *Writer) Int(name string, n int64) {
	if n == int64(int32(n)) {
		w.Int32(name, int32(n))
	} else {
		w.Int64(name, n)
	}
}

// Double adds a number with a fraction.
func (w *Writer) Double(name string, f float64) {
	start := w.begin(name, Double)
	w.out = binary.BigEndian.AppendUint64(w.out, math.Float64bits(f))
	w.end(start)
}

// Open begins a Map or a List, whose elements have empty names; Close ends the one begun last.
func (w *Writer) Open(name string, k Kind) { w.open = append(w.open, w.begin(name, k)) }

// Close ends what Open began last.
func (w *Writer) Close() {
	last := len(w.open) - 1
	w.end(w.open[last])
	w.open = w.open[:last]
}

// Value adds a value as it is.
func (w *Writer) Value(name string, v Value) {
	start := w.begin(name, v.Kind)
	w.out = append(w.out, v.body...)
	w.end(start)
}
