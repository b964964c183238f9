// Package ubusd is a small ubusd for tests: objects, calls, events and subscriptions, without access control. Its reading and writing of
// messages is its own, so that what it is used to test is not tested against itself.
package ubusd

import (
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"net"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"testing"
)

// Bus is a ubusd that listens at Path.
type Bus struct {
	Path string

	mu       sync.Mutex
	listener net.Listener
	last     uint32 // id given out
	clients  map[uint32]*client
	objects  map[uint32]*object
	patterns []pattern
	ended    sync.WaitGroup
}

type client struct {
	id   uint32
	conn net.Conn
	out  sync.Mutex
}

type object struct {
	id, kind    uint32
	path        string
	owner       *client
	signature   []byte
	subscribers []*object
}

// pattern is what an object listens to.
type pattern struct {
	to   *object
	glob string
}

// Start starts one, at a socket of the test.
func Start(t testing.TB) *Bus {
	t.Helper()
	b := &Bus{Path: filepath.Join(t.TempDir(), "ubus.sock")}
	b.Restart(t)
	t.Cleanup(b.Stop)
	return b
}

// Restart starts it again after Stop. Nobody is connected then, and nothing published.
func (b *Bus) Restart(t testing.TB) {
	t.Helper()
	l, err := net.Listen("unix", b.Path)
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.listener, b.clients, b.objects, b.patterns = l, map[uint32]*client{}, map[uint32]*object{}, nil
	b.mu.Unlock()
	b.ended.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b.ended.Go(func() { b.serve(conn) })
		}
	})
}

// Stop ends it and all its connections.
func (b *Bus) Stop() {
	b.mu.Lock()
	b.listener.Close()
	for _, c := range b.clients {
		c.conn.Close()
	}
	b.mu.Unlock()
	b.ended.Wait()
}

// Objects lists the paths that are published.
func (b *Bus) Objects() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var out []string
	for _, o := range b.objects {
		if o.path != "" {
			out = append(out, o.path)
		}
	}
	slices.Sort(out)
	return out
}

// Subscribers counts those of an object.
func (b *Bus) Subscribers(of string) (n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, o := range b.objects {
		if o.path == of {
			n += len(o.subscribers)
		}
	}
	return n
}

func (b *Bus) serve(conn net.Conn) {
	defer conn.Close()
	b.mu.Lock()
	b.last++
	c := &client{id: 0xc0000000 + b.last, conn: conn} // the highest bit is set: nobody may take ids for signed
	b.clients[c.id] = c
	b.mu.Unlock()
	c.send(message{kind: hello, peer: c.id})
	for {
		m, err := read(conn)
		if err != nil {
			break
		}
		b.mu.Lock()
		b.take(c, m)
		b.mu.Unlock()
	}
	b.mu.Lock()
	delete(b.clients, c.id)
	for _, o := range slices.Collect(maps.Values(b.objects)) {
		if o.owner == c {
			b.remove(o)
		}
	}
	b.mu.Unlock()
}

// take handles a message; b.mu is held.
func (b *Bus) take(c *client, m message) {
	a, err := attributesOf(m.blob)
	if err != nil {
		c.conn.Close()
		return
	}
	var st uint32
	switch m.kind {
	case ping:
		c.send(message{kind: data, seq: m.seq})
	case lookup:
		st = b.lookup(c, m.seq, text(a[objPath]))
	case addObject:
		st = b.add(c, m.seq, a)
	case removeObject:
		st = notFound
		if o := b.objects[number(a[objID])]; o != nil && o.owner == c {
			st = 0
			b.remove(o)
		}
	case subscribe, unsubscribe:
		st = b.subscribe(c, m.kind, number(a[objID]), number(a[target]))
	case notify:
		b.notify(c, m.seq, a)
		return
	case invoke:
		if st = b.invoke(c, m.seq, a); st == forwarded {
			return
		}
	case status, data:
		if to := b.clients[m.peer]; to != nil {
			to.send(message{kind: m.kind, seq: m.seq, peer: number(a[objID]), blob: m.blob})
		}
		return
	default:
		st = 1
	}
	c.send(message{kind: status, seq: m.seq, peer: m.peer, blob: put32(nil, statusCode, st)})
}

func (b *Bus) lookup(c *client, seq uint16, glob string) uint32 {
	st := uint32(notFound)
	if glob == "" {
		glob, st = "*", 0
	}
	for _, o := range b.objects {
		if fits, _ := path.Match(glob, o.path); fits && o.path != "" {
			blob := put32(putText(nil, objPath, o.path), objID, o.id)
			c.send(message{kind: data, seq: seq, blob: put(put32(blob, objType, o.kind), signature, o.signature)})
			st = 0
		}
	}
	return st
}

func (b *Bus) add(c *client, seq uint16, a map[byte][]byte) uint32 {
	o := &object{path: text(a[objPath]), owner: c, signature: a[signature]}
	for _, other := range b.objects {
		if o.path != "" && other.path == o.path {
			return 2
		}
	}
	b.last++
	o.id, o.kind = 0xd0000000+b.last, 0xe0000000+b.last
	b.objects[o.id] = o
	blob := put32(nil, objID, o.id)
	if o.path != "" {
		blob = put32(blob, objType, o.kind)
	}
	c.send(message{kind: data, seq: seq, blob: blob})
	b.announce("ubus.object.add", o)
	return 0
}

func (b *Bus) remove(o *object) {
	delete(b.objects, o.id)
	for _, s := range o.subscribers {
		s.owner.send(message{kind: unsubscribe, blob: put32(put32(nil, objID, s.id), target, o.id)})
	}
	for _, other := range b.objects {
		other.subscribers = slices.DeleteFunc(other.subscribers, func(s *object) bool { return s == o })
	}
	b.patterns = slices.DeleteFunc(b.patterns, func(p pattern) bool { return p.to == o })
	b.announce("ubus.object.remove", o)
}

func (b *Bus) announce(event string, o *object) {
	if o.path != "" {
		b.event(event, append(member32(nil, "id", o.id), memberText(nil, "path", o.path)...))
	}
}

func (b *Bus) subscribe(c *client, kind byte, own, other uint32) uint32 {
	o, to := b.objects[own], b.objects[other]
	if o == nil || to == nil || o.owner != c {
		return notFound
	}
	to.subscribers = slices.DeleteFunc(to.subscribers, func(s *object) bool { return s == o })
	if kind == subscribe {
		to.subscribers = append(to.subscribers, o)
		to.owner.send(message{kind: notify, blob: put(put32(nil, objID, other), active, []byte{1})})
	}
	return 0
}

func (b *Bus) notify(c *client, seq uint16, a map[byte][]byte) {
	o := b.objects[number(a[objID])]
	if o == nil || o.owner != c {
		return
	}
	for _, s := range o.subscribers {
		blob := put(put32(put(nil, noReply, []byte{1}), objID, s.id), method, a[method])
		s.owner.send(message{kind: invoke, seq: seq, peer: c.id, blob: put(blob, payload, a[payload])})
	}
}

const (
	notFound  = 4
	forwarded = ^uint32(0)
)

func (b *Bus) invoke(c *client, seq uint16, a map[byte][]byte) uint32 {
	id := number(a[objID])
	if id == 1 {
		args := members(a[payload])
		switch text(a[method]) {
		case "register":
			b.patterns = append(b.patterns, pattern{b.objects[number(args["object"])], text(args["pattern"])})
		case "send":
			b.event(text(args["id"]), args["data"])
		default:
			return 3
		}
		return 0
	}
	o := b.objects[id]
	if o == nil {
		return notFound
	}
	blob := put(put32(nil, objID, id), method, a[method])
	blob = putText(putText(blob, user, "root"), group, "root")
	o.owner.send(message{kind: invoke, seq: seq, peer: c.id, blob: put(blob, payload, a[payload])})
	return forwarded
}

func (b *Bus) event(name string, body []byte) {
	for _, p := range b.patterns {
		if fits, _ := path.Match(p.glob, name); fits {
			b.last++
			blob := putText(put32(nil, objID, p.to.id), method, name)
			p.to.owner.send(message{kind: invoke, seq: uint16(b.last), blob: put(blob, payload, body)})
		}
	}
}

func (c *client) send(m message) {
	c.out.Lock()
	defer c.out.Unlock()
	_, _ = c.conn.Write(m.bytes())
}

// kinds of messages and ids of attributes.
const (
	hello, status, data, ping, lookup, invoke, addObject, removeObject      = 0, 1, 2, 3, 4, 5, 6, 7
	subscribe, unsubscribe, notify                                          = 8, 9, 10
	statusCode, objPath, objID, method, objType, signature, payload, target = 1, 2, 3, 4, 5, 6, 7, 8
	active, noReply, user, group                                            = 9, 10, 12, 13
)

type message struct {
	kind byte
	seq  uint16
	peer uint32
	blob []byte
}

func (m message) bytes() []byte {
	b := binary.BigEndian.AppendUint16([]byte{0, m.kind}, m.seq)
	b = binary.BigEndian.AppendUint32(b, m.peer)
	return append(binary.BigEndian.AppendUint32(b, uint32(4+len(m.blob))), m.blob...)
}

func read(r io.Reader) (message, error) {
	head := make([]byte, 12)
	if _, err := io.ReadFull(r, head); err != nil {
		return message{}, err
	}
	n := int(binary.BigEndian.Uint32(head[8:])&0xffffff) - 4
	if n < 0 || n > 1<<20 {
		return message{}, errors.New("length")
	}
	m := message{head[1], binary.BigEndian.Uint16(head[2:]), binary.BigEndian.Uint32(head[4:]), make([]byte, n)}
	_, err := io.ReadFull(r, m.blob)
	return m, err
}
