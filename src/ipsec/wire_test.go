package ipsec

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/strongswan/govici/vici"
)

func TestReadPacket(t *testing.T) {
	for _, c := range []struct {
		name, bytes, want string
		ok                bool
	}{
		{"event", "\x00\x00\x00\x09\x07\x07list-sa", "list-sa []", true},
		{"response", "\x00\x00\x00\x01\x01", " []", true},
		{"value", "\x00\x00\x00\x07\x01\x03\x01a\x00\x01b", " [{a b [] [] []}]", true},
		{"section", "\x00\x00\x00\x05\x01\x01\x01a\x02", " [{a  [] [] []}]", true},
		{"list", "\x00\x00\x00\x09\x01\x04\x01a\x05\x00\x01b\x06", " [{a  [b] [] []}]", true},
		{"name beyond the end", "\x00\x00\x00\x03\x07\x07l", "", false},
		{"event without a name", "\x00\x00\x00\x01\x07", "", false},
		{"nothing", "", "", false},
		{"half a length", "\x00\x00", "", false},
		{"length 0", "\x00\x00\x00\x00", "", false},
		{"too long", "\xff\xff\xff\xff\x01", "", false},
		{"cut short", "\x00\x00\x00\x09\x07\x07list", "", false},
		{"section without an end", "\x00\x00\x00\x04\x01\x01\x01a", "", false},
		{"end without a section", "\x00\x00\x00\x02\x01\x02", "", false},
		{"list without an end", "\x00\x00\x00\x08\x01\x04\x01a\x05\x00\x01b", "", false},
		{"element 0", "\x00\x00\x00\x02\x01\x00", "", false},
		{"no such element", "\x00\x00\x00\x02\x01\x09", "", false},
		{"value beyond the end", "\x00\x00\x00\x07\x01\x03\x01a\x00\x02b", "", false},
	} {
		p, err := readPacket(strings.NewReader(c.bytes))
		got := ""
		if err == nil {
			got = fmt.Sprint(p.name, " ", p.body)
		}
		if (err == nil) != c.ok || got != c.want {
			t.Errorf("%s: %q %v", c.name, got, err)
		}
	}
}

func TestWhatIsTooLong(t *testing.T) {
	for name, s := range map[string]section{
		"value": {{key: "a", value: strings.Repeat("x", 1<<16)}},
		"item":  {{key: "a", list: []string{strings.Repeat("x", 1<<16)}}},
		"key":   {{key: strings.Repeat("x", 256), value: "a"}},
		"inner": {{key: "a", sub: section{{key: "b", value: strings.Repeat("x", 1<<16)}}}},
	} {
		if _, err := request(packetCommand, "load-conn", s); err == nil {
			t.Errorf("%s: encoded", name)
		}
	}
}

// sample has every kind of element.
func sample() section {
	return section{
		{key: "version", value: "2"}, {key: "empty", value: ""},
		{key: "local_addrs", list: []string{"192.0.2.1", "2001:db8::1"}},
		{key: "children", sub: section{{key: "pw", sub: section{{key: "mode", value: "transport"}, {key: "esp_proposals", list: []string{"aes128gcm16"}}}}}},
		{key: "psk", value: strings.Repeat("\x00\xffz", 9000)},
	}
}

// viciMessage is a section as govici has it.
func viciMessage(t *testing.T, s section) *vici.Message {
	t.Helper()
	m := vici.NewMessage()
	for _, f := range s {
		var v any = f.value
		if f.sub != nil {
			v = viciMessage(t, f.sub)
		} else if f.list != nil {
			v = f.list
		}
		if err := m.Set(f.key, v); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// fromMessage is the way back.
func fromMessage(m *vici.Message) section {
	out := section{}
	for _, k := range m.Keys() {
		switch v := m.Get(k).(type) {
		case string:
			out = append(out, field{key: k, value: v})
		case []string:
			out = append(out, field{key: k, list: v})
		case *vici.Message:
			out = append(out, field{key: k, sub: fromMessage(v)})
		}
	}
	return out
}

// TestSecondOpinion lets govici, strongSwan's own client, ask a charon of ours: each reads what the other writes.
func TestSecondOpinion(t *testing.T) {
	near, far := net.Pipe()
	defer far.Close()
	asked := make(chan packet, 1)
	go func() {
		p, err := readPacket(far)
		if err != nil {
			close(asked)
			return
		}
		asked <- p
		answer, err := request(packetResponse, "", sample())
		if err != nil {
			return
		}
		copy(answer[5:], answer[6:]) // a response has no name
		answer = answer[:len(answer)-1]
		far.Write(append([]byte{0, 0, byte((len(answer) - 4) >> 8), byte(len(answer) - 4)}, answer[4:]...))
	}()
	s, err := vici.NewSession(vici.WithDialContext(func(context.Context, string, string) (net.Conn, error) { return near, nil }))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	answer, err := s.Call(t.Context(), "load-conn", viciMessage(t, sample()))
	if err != nil {
		t.Fatal(err)
	}
	same := cmp.AllowUnexported(field{})
	p := <-asked
	if d := cmp.Diff(packet{packetCommand, "load-conn", sample()}, p, cmp.AllowUnexported(packet{}, field{})); d != "" {
		t.Errorf("what govici wrote, as we read it: %s", d)
	}
	if d := cmp.Diff(sample(), fromMessage(answer), same); d != "" {
		t.Errorf("what we wrote, as govici reads it: %s", d)
	}
}

func FuzzReadPacket(f *testing.F) {
	b, err := request(packetEvent, "list-sa", sample())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[4:])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		p, err := parsePacket(b)
		if err != nil || p.name == "" {
			return
		}
		again, err := request(p.kind, p.name, p.body)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again[4:], b) {
			t.Errorf("%x was read and written as %x", b, again[4:])
		}
	})
}
