package probe

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// Frames by IEEE 802.1Q 21.4, 21.5 and 21.7, without their Ethernet headers: level and version, opcode, flags, first TLV offset,
// transaction identifier, data TLV (type 3), end TLV.
const (
	askBytes   = "00030004" + "01020304" + "030010" + "c0c1c2c3c4c5c6c7" + "0000000501020304" + "00"
	replyBytes = "00020004" + "01020304" + "030010" + "c0c1c2c3c4c5c6c7" + "0000000501020304" + "00"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestLoopbackBytes(t *testing.T) {
	m := loopbackMessage{opcode: loopbackAsk, transaction: 0x01020304, data: unhex(t, "c0c1c2c3c4c5c6c70000000501020304")}
	if got := hex.EncodeToString(m.marshal()); got != askBytes {
		t.Errorf("message %s, want %s", got, askBytes)
	}
	b := unhex(t, askBytes)
	if !respond(b, hwAddr{2, 0, 0, 0, 0, 1}, hwAddr{2, 0, 0, 0, 0, 2}) || hex.EncodeToString(b) != replyBytes {
		t.Errorf("reply %x, want %s", b, replyBytes)
	}
	if got := loopbackGroup; got != (hwAddr{0x01, 0x80, 0xc2, 0, 0, 0x30}) {
		t.Errorf("group %x", got)
	}
}

func TestParseLoopback(t *testing.T) {
	for name, c := range map[string]struct {
		bytes, data string
		ok          bool
	}{
		"ours":                {askBytes, "c0c1c2c3c4c5c6c70000000501020304", true},
		"padded to 46 bytes":  {askBytes + "000000000000000000000000000000000000", "c0c1c2c3c4c5c6c70000000501020304", true},
		"no end TLV":          {"0003000401020304" + "030002beef", "beef", true},
		"no TLV":              {"000300040102030400", "", true},
		"nothing behind":      {"0003000401020304", "", true},
		"sender id TLV first": {"0003000401020304" + "01000100" + "030002beef" + "00", "beef", true},
		"two data TLVs":       {"0003000401020304" + "030001aa" + "030001bb" + "00", "aa", true},
		"version 1":           {"0103000401020304" + "030002beef00", "beef", true},
		"later first TLV":     {"0003000601020304ffff" + "030002beef00", "beef", true},
		"flags":               {"0003ff0401020304" + "030002beef00", "beef", true},
		"level 7":             {"e003000401020304" + "030002beef00", "", false},
		"continuity check":    {"0001004601020304", "", false},
		"linktrace":           {"0005001101020304", "", false},
		"short":               {"00030004010203", "", false},
		"first TLV before":    {"0003000301020304" + "00", "", false},
		"first TLV outside":   {"000300ff01020304" + "00", "", false},
		"TLV too long":        {"0003000401020304" + "030003beef", "", false},
		"empty":               {"", "", false},
	} {
		m, ok := parseLoopback(unhex(t, c.bytes))
		if ok != c.ok || ok && (hex.EncodeToString(m.data) != c.data || m.transaction != 0x01020304) {
			t.Errorf("%s: %+v, %v", name, m, ok)
		}
	}
}

func FuzzParseLoopback(f *testing.F) {
	f.Add(unhex(f, askBytes))
	f.Add(unhex(f, replyBytes))
	f.Add([]byte{0, 3, 0, 4, 0, 0, 0, 0, 3, 255, 255})
	f.Fuzz(func(t *testing.T, b []byte) {
		in := bytes.Clone(b)
		m, ok := parseLoopback(b)
		if !bytes.Equal(in, b) {
			t.Fatal("the message was changed")
		}
		if !ok {
			return
		}
		if again, ok := parseLoopback(m.marshal()); !ok || again.opcode != m.opcode || again.transaction != m.transaction || !bytes.Equal(again.data, m.data) {
			t.Fatalf("%+v became %+v", m, again)
		}
		if respond(b, hwAddr{2}, hwAddr{4}) && (b[1] != loopbackReply || len(b) != len(in) || !bytes.Equal(b[2:], in[2:])) {
			t.Fatalf("%x was answered by %x", in, b)
		}
	})
}
