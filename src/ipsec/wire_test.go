package ipsec

import (
	"bytes"
	"testing"
)

func TestReadPacket(t *testing.T) {
	for _, c := range []struct {
		name, bytes, event string
		ok                 bool
	}{
		{"event", "\x00\x00\x00\x09\x07\x07list-sa", "list-sa", true},
		{"response", "\x00\x00\x00\x01\x01", "", true},
		{"name beyond the end", "\x00\x00\x00\x03\x07\x07l", "", true},
		{"event without a name", "\x00\x00\x00\x01\x07", "", true},
		{"nothing", "", "", false},
		{"half a length", "\x00\x00", "", false},
		{"length 0", "\x00\x00\x00\x00", "", false},
		{"too long", "\xff\xff\xff\xff\x01", "", false},
		{"cut short", "\x00\x00\x00\x09\x07\x07list", "", false},
	} {
		packet, err := readPacket(bytes.NewBufferString(c.bytes))
		if ok := err == nil; ok != c.ok {
			t.Errorf("%s: %v", c.name, err)
		} else if ok && eventName(packet) != c.event {
			t.Errorf("%s: event %q", c.name, eventName(packet))
		}
	}
}
