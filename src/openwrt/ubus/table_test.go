package ubus

import (
	"bytes"
	"encoding/hex"
	stdjson "encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// callData returns the data of the first message of a kind in a scene that has any.
func callData(t *testing.T, name string, kind byte) Table {
	t.Helper()
	for _, f := range scene(t, "testdata/scenes/"+name+".txt") {
		if f.bytes == nil {
			continue
		}
		m := f.message(t)
		if a, _ := m.parse(); m.kind == kind && len(a[attrData]) > 0 {
			return a[attrData]
		}
	}
	t.Fatal("no such message")
	return nil
}

// TestFromJSON gives the bytes that the ubus command made of the same arguments.
func TestFromJSON(t *testing.T) {
	const args = `{"b":true,"i":-5,"l":1311768467463790320,"d":1.25,"s":"Grüß","a":[1,"x",[],{}],"t":{"k":{"n":null}},"u":null,` +
		`"big":4294967296,"u32max":4294967295,"i32max":2147483647,"i32min":-2147483648}`
	got, err := FromJSON([]byte(args))
	if want := callData(t, "05-call-echo", msgInvoke); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%v\nhave %x\nwant %x", err, got, want)
	}
	if d := cmp.Diff(args, string(got.JSON())); d != "" {
		t.Errorf("back: %s", d)
	}
}

// TestJSON gives what the ubus command printed of an answer with values of all kinds.
func TestJSON(t *testing.T) {
	const printed = `{"false":false,"true":true,"u16":-2,"u32":123456,"neg32":-5,"u64":81985529216486895,"dbl":1.5,"str":"hello","empty":"",` +
		`"utf8":"Grüße","arr":["x",7,{"k":"v"}],"empty_arr":[],"empty_tbl":{},"tbl":{"in":[true]},"null":null}`
	if d := cmp.Diff(printed, string(callData(t, "04-call-types", msgData).JSON())); d != "" {
		t.Error(d)
	}
}

func TestJSONRefused(t *testing.T) {
	for _, bad := range []string{``, `[]`, `{`, `{"a":}`, `{"a":1} x`, `{"a":1e999}`, `{"\u0000":1}`, `{"a":` + strings.Repeat("[", 60) + strings.Repeat("]", 60) + `}`,
		`{"` + strings.Repeat("n", 70000) + `":1}`} {
		if got, err := FromJSON([]byte(bad)); err == nil {
			t.Errorf("%.40s: %x", bad, got)
		}
	}
	got, err := FromJSON([]byte(`{"a":"x\u0000y"}`))
	if v, _ := got.Get("a"); err != nil || v.String() != "x" {
		t.Errorf("text with a NUL: %q, %v", v, err)
	}
}

// hostile are tables whose lengths do not fit.
var hostile = map[string]string{
	"no header":               "8300",
	"length below header":     "83000003",
	"length beyond the end":   "83000100000161006100",
	"no name":                 "83000004",
	"name beyond the end":     "8300000c00ff610061000000",
	"name without NUL":        "8300000c0001616161000000",
	"name with a NUL":         "8300001000036100610000000000000000",
	"no extended bit":         "0300000c0001610061000000",
	"string without NUL":      "8300000a000161006161",
	"string that is empty":    "8300000800016100",
	"int32 of three":          "8500000b00016100010203",
	"int64 of four":           "8400000c0001610001020304",
	"bool of none":            "8700000800016100",
	"unknown kind":            "8900000c0001610000000000",
	"list beyond its own end": "8100001000016100830000ff00016100",
}

func TestHostileTables(t *testing.T) {
	for name, text := range hostile {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if Table(b).check() == nil {
			t.Errorf("%s: taken", name)
		}
	}
	deep := Table{}
	for range 100 {
		var w Writer
		w.Value("", Value{Kind: List, body: deep})
		deep = w.Table()
	}
	if deep.check() == nil {
		t.Error("100 levels: taken")
	}
}

// FuzzTable reads bytes as a table. What is taken gives JSON, and that the same table again, but for what JSON cannot tell.
func FuzzTable(f *testing.F) {
	for _, text := range hostile {
		b, _ := hex.DecodeString(text)
		f.Add(b)
	}
	all, _ := scenes(f)
	for _, path := range all {
		for _, fr := range scene(f, path) {
			if m, err := readMessage(bytes.NewReader(fr.bytes)); err == nil {
				a, _ := m.parse()
				f.Add([]byte(a[attrData]))
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		in := Table(b)
		if in.check() != nil {
			return
		}
		text := in.JSON()
		if !stdjson.Valid(text) {
			t.Fatalf("no JSON: %s", text)
		}
		again, err := FromJSON(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if third, err := FromJSON(again.JSON()); err != nil || !bytes.Equal(third, again) {
			t.Fatalf("%s: %v\nhave %x\nwant %x", text, err, third, again)
		}
		var w Writer
		copyTable(&w, in)
		if err := w.Table().check(); err != nil {
			t.Fatalf("written anew: %v", err)
		}
	})
}

// FuzzMessage reads bytes as messages.
func FuzzMessage(f *testing.F) {
	all, handmade := scenes(f)
	for _, path := range append(all, handmade) {
		for _, fr := range scene(f, path) {
			f.Add(fr.bytes)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := readMessage(bytes.NewReader(b))
		if err != nil {
			return
		}
		got := m.append(nil)
		if !bytes.Equal(got[:messageHeader], b[:messageHeader]) || !bytes.Equal(got[messageHeader+headerLen:], b[messageHeader+headerLen:len(got)]) {
			t.Fatalf("have %x\nwant %x", got, b)
		}
		a, err := m.parse()
		if err != nil {
			return
		}
		for id := range a {
			_, _ = a.text(id), a.number(id)
			_, _ = a.table(id)
		}
	})
}
