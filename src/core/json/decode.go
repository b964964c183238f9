package json

import (
	"fmt"
	"net/netip"
	"reflect"
	"strconv"
	"time"
)

// Unmarshal reads a value into what v points to. Members that the struct has not are passed over; null leaves a value as it is, but
// empties pointers, maps, lists and interfaces. An interface gets nil, bool, float64, string, []any or map[string]any.
func Unmarshal(text []byte, v any) error {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		return fmt.Errorf("json: cannot read into a %T", v)
	}
	d := decoder{scanner: scanner{text: text}, known: fields{}}
	if err := d.value(p.Elem()); err != nil {
		return err
	}
	if d.peek() != 0 {
		return d.errorf("want the end")
	}
	return nil
}

type decoder struct {
	scanner
	known fields
}

func (d *decoder) value(v reflect.Value) error {
	if raw, ok := v.Addr().Interface().(*RawMessage); ok {
		text, err := d.skip()
		*raw = append(RawMessage(nil), text...)
		return err
	}
	if d.word("null") {
		switch v.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
			v.SetZero()
		}
		return nil
	}
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		return d.value(v.Elem())
	}
	if read := fromText(v); read != nil {
		s, err := d.string()
		if err != nil {
			return err
		}
		return read([]byte(s))
	}
	switch v.Kind() {
	case reflect.Struct:
		list := d.known.of(v.Type())
		return d.object(func(name string) error {
			if f := member(list, name); f != nil {
				return d.value(v.FieldByIndex(f.index))
			}
			_, err := d.skip()
			return err
		})
	case reflect.Map:
		return d.dictionary(v)
	case reflect.Slice:
		return d.list(v)
	case reflect.Array:
		return d.array(v)
	case reflect.Interface:
		x, err := d.any()
		if err == nil && x != nil {
			v.Set(reflect.ValueOf(x))
		}
		return err
	}
	return d.scalar(v)
}

func (d *decoder) scalar(v reflect.Value) error {
	if v.Kind() == reflect.String {
		s, err := d.string()
		if err == nil {
			v.SetString(s)
		}
		return err
	}
	text, err := d.skip()
	if err != nil {
		return err
	}
	if !setScalar(v, string(text)) {
		return d.errorf("want a %s, not %s", v.Type(), text)
	}
	return nil
}

// setScalar sets a number or a boolean; what does not fit is refused.
func setScalar(v reflect.Value, text string) bool {
	switch {
	case v.Kind() == reflect.Bool:
		v.SetBool(text == "true")
		return text == "true" || text == "false"
	case v.CanInt():
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return err == nil
	case v.CanUint():
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
		return err == nil
	case v.CanFloat():
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		v.SetFloat(f)
		return err == nil
	}
	return false
}

// fromText returns the reader of a type that is text in JSON, nil for other types. To ask for encoding.TextUnmarshaler would have the
// linker keep that of every type, time.Time's with all formats among them: 32 KiB.
func fromText(v reflect.Value) func([]byte) error {
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		return x.UnmarshalText
	case *netip.AddrPort:
		return x.UnmarshalText
	case *netip.Prefix:
		return x.UnmarshalText
	case *time.Time:
		return func(b []byte) error { return readTime(x, b) }
	default:
		return nil
	}
}

func (d *decoder) dictionary(v reflect.Value) error {
	t := v.Type()
	if v.IsNil() {
		v.Set(reflect.MakeMap(t))
	}
	return d.object(func(name string) error {
		key, x := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
		if read := fromText(key); read != nil {
			if err := read([]byte(name)); err != nil {
				return err
			}
		} else if key.Kind() == reflect.String {
			key.SetString(name)
		} else if !setScalar(key, name) {
			return d.errorf("want a %s as name, not %q", t.Key(), name)
		}
		if err := d.value(x); err != nil {
			return err
		}
		v.SetMapIndex(key, x)
		return nil
	})
}

func (d *decoder) list(v reflect.Value) error {
	list := reflect.MakeSlice(v.Type(), 0, 0)
	err := d.members('[', ']', func() error {
		x := reflect.New(v.Type().Elem()).Elem()
		err := d.value(x)
		list = reflect.Append(list, x)
		return err
	})
	v.Set(list)
	return err
}

// array takes as many elements as the array has.
func (d *decoder) array(v reflect.Value) error {
	n := 0
	err := d.members('[', ']', func() error {
		if n >= v.Len() {
			return d.errorf("want %d elements", v.Len())
		}
		n++
		return d.value(v.Index(n - 1))
	})
	if err == nil && n < v.Len() {
		return d.errorf("want %d elements", v.Len())
	}
	return err
}

// any reads a value of a type that nobody said.
func (d *decoder) any() (any, error) {
	switch d.peek() {
	case '{':
		m := map[string]any{}
		return m, d.object(func(name string) (err error) {
			m[name], err = d.any()
			return err
		})
	case '[':
		list := []any{}
		err := d.members('[', ']', func() error {
			x, err := d.any()
			list = append(list, x)
			return err
		})
		return list, err
	case '"':
		return d.string()
	}
	text, err := d.skip()
	if err != nil {
		return nil, err
	}
	switch string(text) {
	case "null":
		return nil, nil
	case "true", "false":
		return string(text) == "true", nil
	}
	return strconv.ParseFloat(string(text), 64)
}
