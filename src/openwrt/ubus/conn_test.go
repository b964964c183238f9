package ubus

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"multiwan/src/socket"
)

// fake is a ubusd of the test at the other end of a pipe.
type fake struct {
	t    *testing.T
	conn net.Conn
}

func greet(t *testing.T) (*Conn, *fake) {
	t.Helper()
	ours, theirs := net.Pipe()
	f := &fake{t, theirs}
	go f.send(message{kind: msgHello, peer: 7})
	c, err := New(ours)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close(); theirs.Close() })
	return c, f
}

func (f *fake) send(m message) { _, _ = f.conn.Write(m.append(nil)) }

func (f *fake) get() message {
	m, err := readMessage(f.conn)
	if err != nil {
		f.t.Errorf("ubusd: %v", err)
	}
	return m
}

func (f *fake) status(seq uint16, s Status) {
	f.send(message{kind: msgStatus, seq: seq, blob: appendNumber(nil, attrStatus, uint32(s))})
}

// TestHandmade feeds a Conn all that ubusd said to odd messages: it ends with the connection, and never otherwise.
func TestHandmade(t *testing.T) {
	_, path := scenes(t)
	var conn string
	var c *Conn
	var f *fake
	for _, fr := range scene(t, path) {
		switch {
		case fr.conn != conn:
			conn = fr.conn
			c, f = greet(t)
		case fr.up:
		case fr.bytes == nil:
			f.conn.Close()
			<-c.Done()
			if !errors.Is(c.Err(), ErrClosed) {
				t.Errorf("%s: %v", conn, c.Err())
			}
		default:
			if _, err := f.conn.Write(fr.bytes); err != nil || c.Err() != nil {
				t.Errorf("%s: %v, %v", conn, err, c.Err())
			}
		}
	}
}

// TestHostileMessages: a length out of bounds ends the connection before memory is asked for, anything else odd is passed over.
func TestHostileMessages(t *testing.T) {
	for _, text := range []string{"00020001000000000000000300000000", "000200010000000000ffffff", "00020001000000000011000400000000"} {
		c, f := greet(t)
		b, _ := hex.DecodeString(text)
		go func() { _, _ = f.conn.Write(b) }()
		<-c.Done()
		if err := c.Ping(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", text, err)
		}
	}
	c, f := greet(t)
	b, _ := hex.DecodeString("000500010000000000000008ffffffff" + "0002000100000000000000080300000f" + "00ff00010000000000000004" +
		"00050001000000000000000c0300000800000001")
	go func() { _, _ = f.conn.Write(b) }()
	m := f.get() // the call of an object that we do not have
	if a, _ := m.parse(); m.kind != msgStatus || Status(a.number(attrStatus)) != NotFound {
		t.Errorf("a call of nothing was answered with %+v", m)
	}
	go func() { f.status(f.get().seq, OK) }()
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSlowAndDeferred: a call that waits holds nothing up, and one that was given up leaves nothing behind.
func TestSlowAndDeferred(t *testing.T) {
	c, f := greet(t)
	ctx, cancel := context.WithCancel(t.Context())
	slow := make(chan error, 1)
	go func() { slow <- c.Invoke(ctx, 9, "slow", nil, nil) }()
	first := f.get()
	go func() { f.status(f.get().seq, OK) }()
	if err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	cancel()
	if err := <-slow; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	f.status(first.seq, OK) // late
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) != 0 {
		t.Errorf("%d calls wait", len(c.waiting))
	}
}

// TestNumbers: a number that a call waits with is not given twice.
func TestNumbers(t *testing.T) {
	c, f := greet(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.seq = 0xfffd
	var got []uint16
	for range 3 {
		go func() { _ = c.Ping(ctx) }()
		got = append(got, f.get().seq)
	}
	c.mu.Lock()
	c.seq = 0xfffd
	c.mu.Unlock()
	go func() { _ = c.Ping(ctx) }()
	got = append(got, f.get().seq)
	if fmt.Sprint(got) != "[65534 65535 1 2]" {
		t.Error(got)
	}
}

func TestTooLong(t *testing.T) {
	c, f := greet(t)
	var w Writer
	w.String("x", strings.Repeat("x", MaxMessage))
	if err := c.Invoke(t.Context(), 1, "m", w.Table(), nil); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	go func() { f.status(f.get().seq, OK) }()
	if err := c.Ping(t.Context()); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	// An answer has the number of the call that it is to, which may be that of a call of ours that waits.
	waits := make(chan error, 1)
	go func() { waits <- c.Ping(t.Context()) }()
	seq := f.get().seq
	if err := (&Request{conn: c, seq: seq}).Reply(w.Table()); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	f.status(seq, OK)
	if err := <-waits; err != nil {
		t.Error(err)
	}
}

// TestObject follows a service: its signature, a call, its answers, subscribers, the end of what it subscribed to.
func TestObject(t *testing.T) {
	c, f := greet(t)
	calls, active, gone := make(chan *Request, 1), make(chan bool, 1), make(chan uint32, 1)
	o := &Object{Path: "multiwan", Methods: []Method{{"status", nil}, {"down", []Param{{"interface", String}, {"seconds", Int32}}}},
		Handle: func(r *Request) { calls <- r }, Active: func(b bool) { active <- b }, Gone: func(id uint32) { gone <- id }}
	go func() {
		m := f.get()
		a, _ := m.parse()
		if got := string(Table(a[attrSignature]).JSON()); got != `{"status":{},"down":{"interface":3,"seconds":5}}` {
			t.Errorf("signature %s", got)
		}
		f.send(message{kind: msgData, seq: m.seq, blob: appendNumber(appendNumber(nil, attrObjectID, 55), attrObjectType, 66)})
		f.status(m.seq, OK)
	}()
	id, err := c.Add(t.Context(), o)
	if err != nil || id != 55 {
		t.Fatal(id, err)
	}
	blob := appendText(appendNumber(nil, attrObjectID, 55), attrMethod, "status")
	f.send(message{kind: msgInvoke, seq: 3, peer: 99, blob: appendBytes(appendText(blob, attrUser, "root"), attrData, nil)})
	r := <-calls
	if r.Method != "status" || r.User != "root" {
		t.Errorf("%+v", r)
	}
	go func() {
		var w Writer
		w.Int("n", 1)
		_ = r.Reply(w.Table())
		_ = r.Done(OK)
		_ = r.Done(SystemError) // is not sent
	}()
	if m := f.get(); m.kind != msgData || m.seq != 3 || m.peer != 99 {
		t.Errorf("%+v", m)
	}
	if m := f.get(); m.kind != msgStatus || m.seq != 3 {
		t.Errorf("%+v", m)
	}
	f.send(message{kind: msgNotify, blob: appendBytes(appendNumber(nil, attrObjectID, 55), attrActive, []byte{1})})
	if !<-active {
		t.Error("not active")
	}
	f.send(message{kind: msgUnsubscribe, blob: targeted(55, 77)})
	if n := <-gone; n != 77 {
		t.Errorf("gone: %d", n)
	}
	blob = appendText(appendNumber(nil, attrObjectID, 55), attrMethod, "x")
	f.send(message{kind: msgInvoke, seq: 4, peer: 99, blob: appendBytes(blob, attrData, []byte{1, 2, 3})})
	m := f.get()
	if a, _ := m.parse(); Status(a.number(attrStatus)) != InvalidArgument {
		t.Errorf("malformed arguments: %+v", m)
	}
}

// TestKeep: pauses grow while there is no ubusd; when it restarts, everything is published anew.
func TestKeep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		var log []string
		var ubusd []net.Conn
		say := func(s string) { log = append(log, fmt.Sprintf("%v %s", time.Since(start), s)) }
		tries := 0
		dial := func() (*Conn, error) {
			tries++
			if tries < 4 {
				return nil, fs.ErrNotExist
			}
			ours, theirs := net.Pipe()
			ubusd = append(ubusd, theirs)
			go func() {
				_, _ = theirs.Write(message{kind: msgHello}.append(nil))
				_, _ = io.Copy(io.Discard, theirs)
			}()
			return New(ours)
		}
		begin := func(context.Context, *Conn) error {
			if tries == 4 {
				time.AfterFunc(time.Second, func() { ubusd[0].Close() })
			}
			say("begin")
			return nil
		}
		ended := make(chan struct{})
		go func() {
			Keep(ctx, dial, begin, func(err error) {
				if err != nil {
					say("fault")
				}
			})
			close(ended)
		}()
		time.Sleep(time.Minute)
		cancel()
		<-ended
		want := "0s fault, 250ms fault, 750ms fault, 1.75s begin, 2.75s fault, 4.75s begin"
		if got := strings.Join(log, ", "); got != want {
			t.Errorf("have %s\nwant %s", got, want)
		}
	})
}

// TestSilent: a ubusd that does not greet, or answers nothing, is given up.
func TestSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		defer theirs.Close()
		if _, err := New(ours); err == nil {
			t.Error("no greeting, no error")
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var last error
		Keep(ctx, func() (*Conn, error) {
			c, _ := greet(t)
			return c, nil
		}, func(ctx context.Context, c *Conn) error { return c.Ping(ctx) }, func(err error) { last = err })
		if !errors.Is(last, ErrClosed) && !errors.Is(last, context.DeadlineExceeded) {
			t.Error(last)
		}
	})
}

func TestDial(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ubus.sock")
	if _, err := Dial(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nobody there: %v", err)
	}
	l, err := socket.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		s, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		hello := message{kind: msgHello, peer: 0xfedcba98}.append(nil)
		_, _ = s.Write(hello[:5]) // in two pieces
		_, _ = s.Write(hello[5:])
		m, err := readMessage(s)
		if err != nil || !bytes.Equal(m.blob, appendText(nil, attrObjectPath, "x*")) {
			t.Errorf("%+v, %v", m, err)
		}
		_, _ = s.Write(message{kind: msgStatus, seq: m.seq, blob: appendNumber(nil, attrStatus, 4)}.append(nil))
	}()
	c, err := Dial(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Lookup(t.Context(), "x*"); !errors.Is(err, NotFound) || c.id != 0xfedcba98 {
		t.Errorf("%v, id %#x", err, c.id)
	}
}
