package json

import (
	"bytes"
	stdjson "encoding/json"
	"math"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

type base struct {
	Kind string
	Note string `json:"note,omitempty"`
}

type family uint8

type document struct {
	base
	Name    string            `json:"name"`
	Note    string            `json:"note"` // hides the embedded one
	Count   int8              `json:",omitempty"`
	Big     uint64            `json:"big"`
	Share   float64           `json:"share"`
	At      time.Time         `json:"at,omitzero"`
	Wait    time.Duration     `json:"wait"`
	Addr    netip.Addr        `json:"addr"`
	Ports   []uint16          `json:"ports"`
	Pair    [2]bool           `json:"pair"`
	Next    *document         `json:"next,omitempty"`
	Words   map[string]string `json:"words,omitempty"`
	ByKind  map[family]base   `json:"by_kind"`
	Raw     RawMessage        `json:"raw"`
	Any     any               `json:"any"`
	Skipped int               `json:"-"`
	_       int
}

func documents() []document {
	return []document{
		{},
		{base: base{Kind: "k", Note: "embedded"}, Note: "own", Name: "quote \" back \\ line \n tab \t bell \a del \x7f é 😀", Count: -128, Big: math.MaxUint64,
			Share: 1234567.25, At: time.Date(2026, 2, 3, 4, 5, 6, 7, time.UTC), Wait: time.Second, Addr: netip.MustParseAddr("fe80::1%eth0"),
			Ports: []uint16{0, 65535}, Pair: [2]bool{true, false}, Next: &document{Name: "inner", Share: -0.001}, Words: map[string]string{"b": "2", "a": "1"},
			ByKind: map[family]base{6: {}, 4: {Kind: "x"}}, Raw: RawMessage(`{"a":[1,2.5e3]}`), Any: map[string]any{"list": []any{"s", 1.5, true, nil}}},
		{Ports: []uint16{}, ByKind: map[family]base{}, Raw: RawMessage(`null`), Any: []any{}},
	}
}

// TestBesideStandard: what one writes, the other reads as the same value, both ways.
func TestBesideStandard(t *testing.T) {
	for i, d := range documents() {
		ours, err := Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		// encoding/json takes a RawMessage of another package for bytes in base64.
		d.Raw = nil
		theirs, err := stdjson.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var a, b map[string]any
		if err := stdjson.Unmarshal(ours, &a); err != nil {
			t.Fatalf("%v in %s", err, ours)
		}
		if err := Unmarshal(theirs, &b); err != nil {
			t.Fatalf("%v in %s", err, theirs)
		}
		a["raw"] = nil
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%d: ours %v\ntheirs %v", i, a, b)
		}
		var c, e document
		if err := Unmarshal(theirs, &c); err != nil {
			t.Fatal(err)
		}
		if err := stdjson.Unmarshal(theirs, &e); err != nil {
			t.Fatal(err)
		}
		c.Raw = nil // the text null
		if c.Next != nil {
			c.Next.Raw = nil
		}
		if !reflect.DeepEqual(c, e) {
			t.Errorf("%d: ours %+v\ntheirs %+v", i, c, e)
		}
		var indented bytes.Buffer
		if err := stdjson.Indent(&indented, ours, "", "  "); err != nil || indented.String() != string(Indent(ours)) {
			t.Errorf("%d: %v\n%s\nwant\n%s", i, err, Indent(ours), indented.String())
		}
	}
}

func TestThereAndBack(t *testing.T) {
	for i, d := range documents() {
		text, err := Marshal(&d)
		if err != nil {
			t.Fatal(err)
		}
		var got document
		if err := Unmarshal(text, &got); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		if d.Raw == nil {
			d.Raw = RawMessage("null")
		}
		if d.Next != nil {
			d.Next.Raw = RawMessage("null")
		}
		if d.base.Note = ""; !reflect.DeepEqual(got, d) {
			t.Errorf("%d: %+v\nwant %+v", i, got, d)
		}
	}
}

// TestSameAccepted gives both texts, good and bad.
func TestSameAccepted(t *testing.T) {
	for _, text := range []string{
		"", " ", "nul", "null", "tru", "true false", "[", "[]", "[1,]", "[1 2]", "[,1]", `{"a"}`, `{"a":}`, `{"a":1,}`, `{a:1}`, `{"a":1 "b":2}`, ` { "a" : [ { } ] } `,
		"0", "-0", "01", "1.", ".5", "1e", "1e+5", "-", "+1", "0x1", "1.5E-3", "NaN", `"`, `"\`, `"\u12"`, `"\ud83d\ude00"`, `"\ud83d"`, `"\ud83dx"`, `"\ud83d\u0041"`, `"\x"`, "\"\n\"", "\"\xff\"",
		`"\b\f\n\r\t\/\\\""`, `{"a":1,"a":2}`, strings.Repeat("[", 150) + strings.Repeat("]", 150),
	} {
		var a, b any
		ours, theirs := Unmarshal([]byte(text), &a), stdjson.Unmarshal([]byte(text), &b)
		if (ours == nil) != (theirs == nil) || ours == nil && !reflect.DeepEqual(a, b) {
			t.Errorf("%.40q: %v, %v; encoding/json says %v, %v", text, a, ours, b, theirs)
		}
	}
}

func TestRefused(t *testing.T) {
	var d document
	for _, text := range []string{`{"name":1}`, `{"Count":128}`, `{"big":-1}`, `{"big":1.5}`, `{"share":"x"}`, `{"pair":[true]}`, `{"pair":[true,true,true]}`, `{"addr":"x"}`, `{"by_kind":{"x":{}}}`, `{"ports":{}}`,
		`[]`, strings.Repeat("[", maxDepth+1)} {
		if err := Unmarshal([]byte(text), &d); err == nil {
			t.Errorf("%.40s: taken", text)
		}
	}
	for _, v := range []any{math.NaN(), make(chan int), []any{math.Inf(1)}} {
		if _, err := Marshal(v); err == nil {
			t.Errorf("%v: written", v)
		}
	}
	if err := Unmarshal([]byte("1"), d); err == nil {
		t.Error("read into what is no pointer")
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, d := range documents() {
		text, err := Marshal(d)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var a, b any
		ours := Unmarshal(text, &a)
		if theirs := stdjson.Unmarshal(text, &b); ours == nil && (theirs != nil || !reflect.DeepEqual(a, b)) {
			t.Errorf("%q: %v; encoding/json says %v, %v", text, a, b, theirs)
		}
		var d document
		if Unmarshal(text, &d) == nil {
			if _, err := Marshal(d); err != nil {
				t.Errorf("%q: read, not written: %v", text, err)
			}
		}
	})
}
