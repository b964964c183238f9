package ubus

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// frame is one message of a recorded scene: testdata/scenes has what the real ubusd, the ubus command and a service of libubus sent each
// other, a line a message: the connection, ">" towards ubusd or "<" from it, and the bytes, or "end".
type frame struct {
	conn  string
	up    bool   // towards ubusd
	bytes []byte // nil: the connection ends
}

func (f frame) message(t *testing.T) message {
	t.Helper()
	m, err := readMessage(bytes.NewReader(f.bytes))
	if err != nil {
		t.Fatalf("%s: %x: %v", f.conn, f.bytes, err)
	}
	return m
}

// scene reads the frames of one scene.
func scene(t testing.TB, path string) (list []frame) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if f[0] == "#" {
			continue
		}
		b, err := hex.DecodeString(f[2])
		if f[2] == "end" {
			b, err = nil, nil
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		list = append(list, frame{f[0], f[1] == ">", b})
	}
	return list
}

// scenes returns the paths of all scenes between real programs, in their order, and that of the messages made by hand.
func scenes(t testing.TB) (real []string, handmade string) {
	t.Helper()
	all, err := filepath.Glob("testdata/scenes/*.txt")
	if err != nil || len(all) != 15 {
		t.Fatalf("%d scenes, %v; want 15", len(all), err)
	}
	for _, p := range all {
		if strings.Contains(p, "handmade") {
			handmade = p
		} else {
			real = append(real, p)
		}
	}
	return real, handmade
}

// TestBytes reads every recorded message, down to each value, writes it anew and gets the same bytes.
func TestBytes(t *testing.T) {
	all, _ := scenes(t)
	n := 0
	for _, path := range all {
		for _, f := range scene(t, path) {
			if f.bytes == nil {
				continue
			}
			n++
			m := f.message(t)
			blob := anew(t, m)
			m.blob = blob
			if got := m.append(nil); !bytes.Equal(got, f.bytes) {
				t.Errorf("%s %s:\nhave %x\nwant %x", path, f.conn, got, f.bytes)
			}
		}
	}
	if n != 397 {
		t.Errorf("%d messages, want 397", n)
	}
}

// anew writes a message's attributes from what was read of them.
func anew(t *testing.T, m message) (out []byte) {
	t.Helper()
	for rest := m.blob; len(rest) > 0; {
		var a attr
		var err error
		if a, rest, err = cut(rest); err != nil {
			t.Fatalf("%x: %v", m.blob, err)
		}
		if m.kind == msgMonitor {
			out = appendBytes(out, a.id, a.body)
			continue
		}
		switch a.id {
		case attrObjectPath, attrMethod, attrUser, attrGroup:
			s, ok := text(a.body)
			if !ok {
				t.Errorf("attribute %d: no text: %x", a.id, a.body)
			}
			out = appendText(out, a.id, s)
		case attrStatus, attrObjectID, attrObjectType, attrTarget:
			n, ok := number(a.body)
			if !ok {
				t.Errorf("attribute %d: no number: %x", a.id, a.body)
			}
			out = appendNumber(out, a.id, n)
		case attrData, attrSignature:
			if monitors(m) { // its data are no table
				out = appendBytes(out, a.id, a.body)
				continue
			}
			if err := Table(a.body).check(); err != nil {
				t.Errorf("attribute %d: %v: %x", a.id, err, a.body)
			}
			var w Writer
			copyTable(&w, a.body)
			out = appendBytes(out, a.id, w.Table())
		default:
			out = appendBytes(out, a.id, a.body)
		}
	}
	return out
}

// monitors says whether a message asks ubusd to show its traffic, which we never do.
func monitors(m message) bool { return m.kind == msgInvoke && m.peer == 3 }

// copyTable writes each value anew, by its kind.
func copyTable(w *Writer, t Table) {
	for name, v := range t.All() {
		n, _ := v.Int()
		switch v.Kind {
		case Map, List:
			w.Open(name, v.Kind)
			copyTable(w, v.Table())
			w.Close()
		case String:
			w.String(name, v.String())
		case Int64:
			w.Int64(name, n)
		case Int32:
			w.Int32(name, int32(n))
		case Bool:
			w.Bool(name, v.Bool())
		case Double:
			w.Double(name, v.Float())
		case Null:
			w.Null(name)
		default: // we never send one of 16 bits
			w.Value(name, Value{Kind: Int16, body: binary.BigEndian.AppendUint16(nil, uint16(n))})
		}
	}
}
