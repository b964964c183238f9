package json

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Marshal writes a value without spaces. The members of maps are sorted. Errors: what JSON cannot say (channels, NaN), and those of
// MarshalText.
func Marshal(v any) ([]byte, error) {
	e := encoder{known: fields{}}
	e.value(reflect.ValueOf(v))
	return e.out, e.err
}

type encoder struct {
	out   []byte
	known fields
	err   error // the first
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = err
	}
}

func (e *encoder) text(s string) { e.out = append(e.out, s...) }

func (e *encoder) value(v reflect.Value) {
	if !v.IsValid() || (v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface) && v.IsNil() {
		e.text("null")
		return
	}
	switch x := v.Interface().(type) {
	case RawMessage:
		if len(x) == 0 {
			x = RawMessage("null")
		}
		e.out = append(e.out, x...)
		return
	case encoding.TextMarshaler:
		b, err := x.MarshalText()
		if err != nil {
			e.fail(fmt.Errorf("json: %s: %w", v.Type(), err))
		}
		e.string(string(b))
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		e.value(v.Elem())
	case reflect.Struct:
		e.object(v)
	case reflect.Map:
		e.dictionary(v)
	case reflect.Slice, reflect.Array:
		e.list(v)
	default:
		e.scalar(v)
	}
}

func (e *encoder) scalar(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Bool:
		e.out = strconv.AppendBool(e.out, v.Bool())
	case v.Kind() == reflect.String:
		e.string(v.String())
	case v.CanInt():
		e.out = strconv.AppendInt(e.out, v.Int(), 10)
	case v.CanUint():
		e.out = strconv.AppendUint(e.out, v.Uint(), 10)
	case v.CanFloat():
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			e.fail(fmt.Errorf("json: no number: %v", f))
		}
		e.out = strconv.AppendFloat(e.out, f, 'f', -1, v.Type().Bits())
	default:
		e.fail(fmt.Errorf("json: cannot write a %s", v.Type()))
	}
}

func (e *encoder) object(v reflect.Value) {
	before := byte('{')
	for _, f := range e.known.of(v.Type()) {
		x := v.FieldByIndex(f.index)
		if f.left(x) {
			continue
		}
		e.out = append(e.out, before)
		e.string(f.name)
		e.text(":")
		e.value(x)
		before = ','
	}
	e.end(before, "{}")
}

func (e *encoder) dictionary(v reflect.Value) {
	if v.IsNil() {
		e.text("null")
		return
	}
	values := make(map[string]reflect.Value, v.Len())
	names := make([]string, 0, v.Len())
	for it := v.MapRange(); it.Next(); {
		name := memberName(it.Key())
		values[name] = it.Value()
		names = append(names, name)
	}
	slices.Sort(names)
	before := byte('{')
	for _, name := range names {
		e.out = append(e.out, before)
		e.string(name)
		e.text(":")
		e.value(values[name])
		before = ','
	}
	e.end(before, "{}")
}

// memberName is the key of a map as text.
func memberName(k reflect.Value) string {
	if m, ok := k.Interface().(encoding.TextMarshaler); ok && k.Kind() != reflect.String {
		if b, err := m.MarshalText(); err == nil {
			return string(b)
		}
	}
	switch {
	case k.CanInt():
		return strconv.FormatInt(k.Int(), 10)
	case k.CanUint():
		return strconv.FormatUint(k.Uint(), 10)
	}
	return k.String()
}

func (e *encoder) list(v reflect.Value) {
	if v.Kind() == reflect.Slice && v.IsNil() {
		e.text("null")
		return
	}
	before := byte('[')
	for i := range v.Len() {
		e.out = append(e.out, before)
		e.value(v.Index(i))
		before = ','
	}
	e.end(before, "[]")
}

// end closes what a comma says has members, and writes both brackets of what has none.
func (e *encoder) end(before byte, brackets string) {
	if before == ',' {
		brackets = brackets[1:]
	}
	e.text(brackets)
}

const hexDigits = "0123456789abcdef"

func (e *encoder) string(s string) {
	e.out = append(e.out, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			e.out = append(e.out, '\\', byte(r))
		case r == '\n':
			e.text(`\n`)
		case r == '\t':
			e.text(`\t`)
		case r < ' ' || r == 0x7f:
			e.out = append(e.out, '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&0xf])
		default:
			e.out = utf8.AppendRune(e.out, r) // what was no UTF-8 comes as U+FFFD
		}
	}
	e.out = append(e.out, '"')
}
