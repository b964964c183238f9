package json

import (
	"errors"
	"strings"
	"testing"
)

func TestWalk(t *testing.T) {
	var got []string
	err := Members([]byte(` { "b" : 1 , "a":[ 2, {"x":null} ] } `), func(name string, value RawMessage) error {
		got = append(got, name, string(value))
		if value[0] == '[' {
			return Elements(value, func(v RawMessage) error { got = append(got, string(v)); return nil })
		}
		return nil
	})
	if want := `b|1|a|[ 2, {"x":null} ]|2|{"x":null}`; err != nil || strings.Join(got, "|") != want {
		t.Errorf("%v: have %s\nwant %s", err, strings.Join(got, "|"), want)
	}
	stop := errors.New("stop")
	if err := Elements([]byte(`[1,2]`), func(RawMessage) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
	for _, bad := range []string{"", "1", "{", `{"a" 1}`, `{"a":1}}`, "[1]"} {
		if err := Members([]byte(bad), func(string, RawMessage) error { return nil }); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
	if err := Elements([]byte(`[1] 2`), func(RawMessage) error { return nil }); err == nil {
		t.Error("what follows a list: no error")
	}
}
