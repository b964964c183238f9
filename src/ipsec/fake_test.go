package ipsec

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
)

// fake is a charon that speaks VICI over net.Pipe: enough of it to load, list, initiate and terminate.
type fake struct {
	t  *testing.T
	mu sync.Mutex

	down   bool                // refuses connections
	conns  map[string]section  // by name
	shared map[string]section  // by id
	keys   map[string]section  // private ones, by id, which is what the file has
	sas    map[string][]fakeSA // by connection
	calls  []string            // commands with their first argument
	nextID int
	// answers decides what becomes of an initiation; nil: it succeeds at once.
	answers  func(name string) (log string, ok bool)
	sessions map[*fakeSession]bool
	flood    int  // events ike-updown sent around every subscription
	heard    bool // whoever is called has answered something
}

type fakeSA struct {
	id, child int
	state     string
	local     string
	theirs    bool // the peer began it
}

type fakeSession struct {
	f      *fake
	c      net.Conn
	write  sync.Mutex
	events map[string]bool
}

func newFake(t *testing.T) *fake {
	return &fake{t: t, conns: map[string]section{}, shared: map[string]section{}, keys: map[string]section{}, sas: map[string][]fakeSA{}, sessions: map[*fakeSession]bool{}}
}

func (f *fake) dial(context.Context) (net.Conn, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, fmt.Errorf("connection refused")
	}
	ours, theirs := net.Pipe()
	s := &fakeSession{f: f, c: theirs, events: map[string]bool{}}
	f.sessions[s] = true
	go s.serve()
	return ours, nil
}

// kill ends charon: all is forgotten, and it is not there again before start.
func (f *fake) kill() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down, f.sas, f.calls = true, map[string][]fakeSA{}, nil
	f.conns, f.shared, f.keys = map[string]section{}, map[string]section{}, map[string]section{}
	for s := range f.sessions {
		s.c.Close()
	}
	clear(f.sessions)
}

func (f *fake) start() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.down = false
}

// lose drops the SAs of a connection and tells, as after a DELETE of the peer.
func (f *fake) lose(name string) {
	f.mu.Lock()
	delete(f.sas, name)
	f.mu.Unlock()
	f.event("child-updown", section{}.section(name, section{{key: "state", value: "DELETING"}}))
}

func (f *fake) event(name string, body section) {
	f.mu.Lock()
	var to []*fakeSession
	for s := range f.sessions {
		if s.events[name] {
			to = append(to, s)
		}
	}
	f.mu.Unlock()
	for _, s := range to {
		s.send(packetEvent, name, body)
	}
}

// count counts the commands that begin with a text.
func (f *fake) count(text string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.calls {
		if strings.HasPrefix(c, text) {
			n++
		}
	}
	return n
}

func (f *fake) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for n := range f.conns {
		out = append(out, n)
	}
	for n := range f.shared {
		out = append(out, n)
	}
	slices.Sort(out)
	return out
}

func (s *fakeSession) serve() {
	for {
		var head [4]byte
		if _, err := io.ReadFull(s.c, head[:]); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[:]))
		if _, err := io.ReadFull(s.c, body); err != nil {
			return
		}
		name := string(body[2 : 2+body[1]])
		switch body[0] {
		case 0:
			s.command(name, decode(body[2+body[1]:]))
		case 3:
			s.subscribe(name)
		case 4:
			s.send(packetConfirm, "", nil)
		}
	}
}

func (s *fakeSession) subscribe(name string) {
	if name == "no-such" {
		s.send(packetUnknown, "", nil)
		return
	}
	s.f.mu.Lock()
	flood := s.f.flood
	if name == saEvent {
		flood = 0
	}
	s.events[name] = true
	s.f.mu.Unlock()
	for range flood {
		s.send(packetEvent, "ike-updown", nil)
	}
	s.send(packetConfirm, "", nil)
	for range flood {
		s.send(packetEvent, "ike-updown", nil)
	}
}

// command carries out what a client asks for.
func (s *fakeSession) command(name string, args section) {
	f := s.f
	f.mu.Lock()
	call := name
	if len(args) > 0 {
		call += " " + args[0].key + "=" + args[0].value
	}
	f.calls = append(f.calls, call)
	answer := section{{key: "success", value: "yes"}}
	var after func()
	switch name {
	case "load-conn":
		f.conns[args[0].key] = args[0].sub
		if v := args[0].sub.get("proposals"); len(v.list) > 0 && v.list[0] == "nonsense" {
			delete(f.conns, args[0].key)
			answer = section{{key: "success", value: "no"}, {key: "errmsg", value: "invalid value for: proposals, config discarded"}}
		}
	case "unload-conn":
		delete(f.conns, args.get("name").value)
	case "load-shared":
		f.shared[args.get("id").value] = args
	case "unload-shared":
		id := args.get("id").value
		delete(f.shared, id)
		after = func() { f.event("log", section{{key: "msg", value: "unloaded shared key with id '" + id + "'"}}) }
	case "load-key":
		id := args.get("data").value
		f.keys[id] = section{}
		answer = section{{key: "success", value: "yes"}, {key: "id", value: id}}
	case "unload-key":
		delete(f.keys, args.get("id").value)
	case "get-keys":
		answer = section{}.options("keys", keysOf(f.keys))
	case "get-conns":
		answer = section{}.options("conns", keysOf(f.conns))
	case "get-shared":
		answer = section{}.options("keys", keysOf(f.shared))
	case "initiate":
		after = f.initiate(args.get("ike").value)
	case "terminate":
		f.terminate(args)
	case "list-sas":
		list := f.list(args.get("ike").value)
		f.mu.Unlock()
		for _, l := range list {
			s.send(packetEvent, saEvent, l)
		}
		s.send(1, "", nil)
		return
	}
	f.mu.Unlock()
	s.send(1, "", answer)
	if after != nil {
		after()
	}
}

func (f *fake) initiate(name string) func() {
	log, ok := "", true
	if f.answers != nil {
		log, ok = f.answers(name)
	}
	f.nextID++
	if !ok && log == "" {
		f.sas[name] = append(f.sas[name], fakeSA{id: f.nextID, state: "CONNECTING"})
		return nil
	}
	if !ok {
		return func() {
			f.event("log", section{{key: "ikesa-name", value: name}, {key: "msg", value: log}})
		}
	}
	local := ""
	if l := f.conns[name].get("local_addrs").list; len(l) > 0 {
		local = l[0]
	}
	f.sas[name] = append(f.sas[name], fakeSA{id: f.nextID, child: f.nextID, state: "ESTABLISHED", local: local})
	return func() { f.event("child-updown", section{}.section(name, section{{key: "up", value: "yes"}})) }
}

func (f *fake) terminate(args section) {
	for name, sas := range f.sas {
		f.sas[name] = slices.DeleteFunc(sas, func(s fakeSA) bool {
			return args.get("ike").value == name || args.get("ike-id").value == fmt.Sprint(s.id)
		})
	}
}

func (f *fake) list(only string) (out []section) {
	for name, sas := range f.sas {
		if only != "" && name != only {
			continue
		}
		for _, s := range sas {
			ike := section{{key: "uniqueid", value: fmt.Sprint(s.id)}, {key: "state", value: s.state}, {key: "initiator", value: map[bool]string{true: "no", false: "yes"}[s.theirs]}}
			if f.heard {
				ike = append(ike, section{{key: "responder-spi", value: "00112233445566ff"}}...)
			}
			if s.local != "" {
				ike = append(ike, section{{key: "local-host", value: s.local}, {key: "local-port", value: "500"}}...)
			}
			if s.child != 0 {
				ike = ike.section("child-sas", section{}.section(fmt.Sprintf("%s-%d", name, s.child), section{
					{key: "name", value: name}, {key: "uniqueid", value: fmt.Sprint(s.child)}, {key: "state", value: "INSTALLED"}, {key: "mode", value: "TRANSPORT"},
					{key: "spi-in", value: "c0ffee01"}, {key: "bytes-in", value: "42"}, {key: "install-time", value: "3"},
				}))
			}
			out = append(out, section{}.section(name, ike))
		}
	}
	return out
}

func (s *fakeSession) send(kind byte, name string, body section) {
	var b bytes.Buffer
	b.WriteByte(kind)
	if kind == packetEvent {
		b.WriteByte(byte(len(name)))
		b.WriteString(name)
	}
	encode(&b, body)
	s.write.Lock()
	defer s.write.Unlock()
	var head [4]byte
	binary.BigEndian.PutUint32(head[:], uint32(b.Len()))
	s.c.Write(append(head[:], b.Bytes()...))
}

// encode writes a message: 1 begins a section, 2 ends it, 3 is a value, 4 begins a list, 5 an item, 6 ends it.
func encode(b *bytes.Buffer, s section) {
	key := func(kind byte, k string) { b.WriteByte(kind); b.WriteByte(byte(len(k))); b.WriteString(k) }
	val := func(v string) { binary.Write(b, binary.BigEndian, uint16(len(v))); b.WriteString(v) }
	for _, f := range s {
		switch {
		case f.sub != nil:
			key(1, f.key)
			encode(b, f.sub)
			b.WriteByte(2)
		case f.list != nil:
			key(4, f.key)
			for _, v := range f.list {
				b.WriteByte(5)
				val(v)
			}
			b.WriteByte(6)
		default:
			key(3, f.key)
			val(f.value)
		}
	}
}

func decode(b []byte) section {
	r := bytes.NewBuffer(b)
	s, _ := decodeSection(r)
	return s
}

func decodeSection(r *bytes.Buffer) (out section, end bool) {
	key := func() string { n, _ := r.ReadByte(); return string(r.Next(int(n))) }
	val := func() string { return string(r.Next(int(binary.BigEndian.Uint16(r.Next(2))))) }
	for r.Len() > 0 {
		kind, _ := r.ReadByte()
		switch kind {
		case 1:
			k := key()
			sub, _ := decodeSection(r)
			out = append(out, field{key: k, sub: sub})
		case 2:
			return out, true
		case 3:
			k := key()
			out = append(out, field{key: k, value: val()})
		case 4:
			f := field{key: key()}
			for item, _ := r.ReadByte(); item == 5; item, _ = r.ReadByte() {
				f.list = append(f.list, val())
			}
			out = append(out, f)
		}
	}
	return out, false
}

func keysOf(m map[string]section) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
