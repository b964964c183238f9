package ubus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"testing"
	"time"
)

// replay has a Conn do what a recorded program did, against a ubusd that says what the real one said, and compares every byte.
type replay struct {
	t        *testing.T
	conn     *Conn
	ubusd    net.Conn
	requests chan *Request
	answers  map[uint16]chan error // of our calls, by their numbers
	methods  map[uint32][]Method   // published, by type
	added    []Method              // those of the last Add
}

// TestReplay does so for every connection of every scene: as the ubus command, and as a service.
func TestReplay(t *testing.T) {
	real, handmade := scenes(t)
	var frames []frame
	for i, path := range real { // the service's connection goes on through several scenes
		for _, f := range scene(t, path) {
			if i == len(real)-1 { // as another user: these begin to count anew
				f.conn = "nobody's " + f.conn
			}
			frames = append(frames, f)
		}
	}
	byAPI := []string{"ping", "lookup-exact-missing", "lookup-star", "invoke-unknown-obj", "event-send-reserved", "add-object-empty-sig",
		"add-object-reserved-name", "remove-unknown", "subscribe-not-own"}
	for _, f := range scene(t, handmade) {
		if slices.Contains(byAPI, f.conn) {
			frames = append(frames, f)
		}
	}
	var names []string
	conns := map[string][]frame{}
	for _, f := range frames {
		if conns[f.conn] == nil {
			names = append(names, f.conn)
		}
		conns[f.conn] = append(conns[f.conn], f)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { replayConn(t, slices.Contains(byAPI, name), conns[name]) })
	}
}

func replayConn(t *testing.T, byHand bool, frames []frame) {
	ours, ubusd := net.Pipe()
	r := &replay{t: t, ubusd: ubusd, requests: make(chan *Request, 8), answers: map[uint16]chan error{}, methods: map[uint32][]Method{}}
	defer ubusd.Close()
	_ = ubusd.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = ubusd.Write(frames[0].bytes) }()
	var err error
	if r.conn, err = New(ours); err != nil {
		t.Fatal(err)
	}
	defer r.conn.Close()
	if byHand {
		r.conn.seq = frames[1].message(t).seq - 1
	}
	for _, f := range frames[1:] {
		switch {
		case f.bytes == nil:
			return
		case f.up:
			r.sends(f)
		default:
			r.gets(f)
		}
	}
}

// gets gives the Conn a message of ubusd, and looks at what comes of it.
func (r *replay) gets(f frame) {
	if _, err := r.ubusd.Write(f.bytes); err != nil {
		r.t.Fatal(err)
	}
	m := f.message(r.t)
	a, _ := m.parse()
	if m.kind == msgData && a[attrObjectType] != nil && a[attrObjectPath] == nil && r.added != nil {
		r.methods[a.number(attrObjectType)] = r.added
	}
	if m.kind != msgStatus || r.answers[m.seq] == nil {
		return
	}
	want := Status(a.number(attrStatus)).asError()
	if got := <-r.answers[m.seq]; !errors.Is(got, want) {
		r.t.Errorf("call %d ended with %v, want %v", m.seq, got, want)
	}
	delete(r.answers, m.seq)
}

// sends has the Conn do what makes a message, and compares it.
func (r *replay) sends(f frame) {
	m := f.message(r.t)
	if monitors(m) {
		return
	}
	done := make(chan error, 1)
	if m.kind != msgStatus && m.kind != msgData && m.kind != msgNotify {
		r.answers[m.seq] = done
	}
	go func() { done <- r.act(m) }()
	got := make([]byte, len(f.bytes))
	if _, err := io.ReadFull(r.ubusd, got); err != nil {
		r.t.Fatalf("waiting for %x: %v", f.bytes, err)
	}
	if !bytes.Equal(got, f.bytes) {
		r.t.Errorf("\nhave %x\nwant %x", got, f.bytes)
	}
}

// act calls the method of Conn that sends such a message.
func (r *replay) act(m message) error {
	a, err := m.parse()
	if err != nil {
		return err
	}
	ctx, c, id := context.Background(), r.conn, a.number(attrObjectID)
	data := Table(a[attrData])
	switch m.kind {
	case msgPing:
		return c.Ping(ctx)
	case msgLookup:
		_, err := c.Lookup(ctx, a.text(attrObjectPath))
		return err
	case msgInvoke:
		return r.invoke(id, a.text(attrMethod), data)
	case msgAddObject:
		o := &Object{Path: a.text(attrObjectPath), Methods: r.methodsOf(a), Handle: func(q *Request) { r.requests <- q }}
		r.added = o.Methods
		_, err := c.Add(ctx, o)
		return err
	case msgRemoveObject:
		return c.Remove(ctx, id)
	case msgSubscribe:
		return c.Subscribe(ctx, id, a.number(attrTarget))
	case msgUnsubscribe:
		return c.Unsubscribe(ctx, id, a.number(attrTarget))
	case msgNotify:
		return c.Notify(id, a.text(attrMethod), data)
	case msgData, msgStatus:
		return r.reply(m, a)
	}
	return errors.New("nobody sends such a message")
}

func (r *replay) invoke(id uint32, method string, data Table) error {
	ctx := context.Background()
	get := func(name string) Value { v, _ := data.Get(name); return v }
	switch {
	case id == eventBus && method == "send":
		return r.conn.Send(ctx, get("id").String(), get("data").Table())
	case id == eventBus && method == "register":
		n, _ := get("object").Int()
		return r.conn.register(ctx, uint32(n), get("pattern").String())
	}
	return r.conn.Invoke(ctx, id, method, data, nil)
}

func (r *replay) methodsOf(a attributes) (list []Method) {
	if a[attrObjectType] != nil {
		return r.methods[a.number(attrObjectType)]
	}
	for name, params := range Table(a[attrSignature]).All() {
		m := Method{Name: name}
		for p, kind := range params.Table().All() {
			n, _ := kind.Int()
			m.Params = append(m.Params, Param{p, Kind(n)})
		}
		list = append(list, m)
	}
	return list
}

// reply answers the request that a recorded answer is for.
func (r *replay) reply(m message, a attributes) error {
	for {
		q := <-r.requests
		if q.seq != m.seq || q.peer != m.peer {
			continue // one that was never answered
		}
		if m.kind == msgStatus {
			return q.Done(Status(a.number(attrStatus)))
		}
		r.requests <- q
		return q.Reply(a[attrData])
	}
}
