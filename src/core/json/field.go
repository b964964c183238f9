package json

import (
	"reflect"
	"slices"
	"strings"

	"multiwan/src/core/order"
)

// field is a member of an object and where its value is in the struct.
type field struct {
	name      string
	index     []int
	omitEmpty bool
	omitZero  bool
}

// fields are kept for one call: a list of structs looks at its type once.
type fields map[reflect.Type][]field

// of lists the members for a type of struct: its exported fields, and those of embedded structs that none of them hides.
func (f fields) of(t reflect.Type) []field {
	if list, ok := f[t]; ok {
		return list
	}
	var own, promoted []field
	for i := range t.NumField() {
		sf := t.Field(i)
		tag := sf.Tag.Get("json")
		if tag == "-" {
			continue
		}
		name, options, _ := strings.Cut(tag, ",")
		if sf.Anonymous && name == "" && sf.Type.Kind() == reflect.Struct {
			for _, inner := range f.of(sf.Type) {
				inner.index = append([]int{i}, inner.index...)
				promoted = append(promoted, inner)
			}
			continue
		}
		if !sf.IsExported() {
			continue
		}
		if name == "" {
			name = sf.Name
		}
		own = append(own, field{name, []int{i}, strings.Contains(options, "omitempty"), strings.Contains(options, "omitzero")})
	}
	for _, p := range promoted {
		if find(own, p.name) == nil {
			own = append(own, p)
		}
	}
	order.By(own, func(i, j int) int { return slices.Compare(own[i].index, own[j].index) })
	f[t] = own
	return own
}

func find(list []field, name string) *field {
	for i := range list {
		if list[i].name == name {
			return &list[i]
		}
	}
	return nil
}

// member finds a name as encoding/json does: where none is the same, one that differs in its case.
func member(list []field, name string) *field {
	if f := find(list, name); f != nil {
		return f
	}
	for i := range list {
		if strings.EqualFold(list[i].name, name) {
			return &list[i]
		}
	}
	return nil
}

// left reports whether the tags leave the value out.
func (f field) left(v reflect.Value) bool {
	if f.omitZero && v.IsZero() {
		return true
	}
	if !f.omitEmpty {
		return false
	}
	switch v.Kind() {
	case reflect.Array, reflect.Map, reflect.Slice, reflect.String:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}
