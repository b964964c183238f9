package ubus

import (
	"context"
	"errors"
	"sync"
)

// Method is a method as an object publishes it.
type Method struct {
	Name   string
	Params []Param
}

// Param is a parameter of a method.
type Param struct {
	Name string
	Kind Kind
}

// Object is something that others call, or that listens. Its functions run where the connection is read: they must not wait for that, so
// what takes long goes on elsewhere and answers later.
type Object struct {
	Path    string // empty: nobody can look it up
	Methods []Method
	// Handle gets the calls, and for objects that listen or subscribe events and notifications, in their order. Each is answered by Done.
	Handle func(*Request)
	// Active, unless nil, is told when the first subscriber comes and when the last has gone.
	Active func(bool)
	// Gone, unless nil, is told when an object that ours has subscribed to goes.
	Gone func(id uint32)
}

// Request is a call, an event or a notification.
type Request struct {
	Method      string
	Args        Table
	User, Group string // who called, "" for events

	conn     *Conn
	id, peer uint32
	seq      uint16
	silent   bool // nobody waits for an answer
	once     sync.Once
}

// Reply sends data; it may be called several times before Done. ErrTooLong: nothing was sent, and another answer may be.
func (r *Request) Reply(t Table) error {
	if r.silent {
		return nil
	}
	blob := appendBytes(appendNumber(nil, attrObjectID, r.id), attrData, t)
	return r.conn.answer(message{kind: msgData, seq: r.seq, peer: r.peer, blob: blob})
}

// Done ends the call; only the first Done counts.
func (r *Request) Done(s Status) (err error) {
	r.once.Do(func() {
		if r.silent {
			return
		}
		blob := appendNumber(appendNumber(nil, attrStatus, uint32(s)), attrObjectID, r.id)
		err = r.conn.answer(message{kind: msgStatus, seq: r.seq, peer: r.peer, blob: blob})
	})
	return err
}

// Add publishes an object and returns its id. A path that is taken already, and the lack of permission, are answered with
// InvalidArgument.
func (c *Conn) Add(ctx context.Context, o *Object) (uint32, error) {
	if len(o.Path) > maxPath {
		return 0, ErrTooLong
	}
	var blob []byte
	signature := signatureOf(o.Methods)
	if o.Path != "" {
		blob = appendText(blob, attrObjectPath, o.Path)
		c.mu.Lock()
		kind, known := c.types[string(signature)]
		c.mu.Unlock()
		if known {
			blob = appendNumber(blob, attrObjectType, kind)
		} else {
			blob = appendBytes(blob, attrSignature, signature)
		}
	}
	var id uint32
	err := c.request(ctx, msgAddObject, 0, blob, func(a attributes) {
		id = a.number(attrObjectID)
		c.mu.Lock()
		c.objects[id] = o
		if kind := a[attrObjectType]; kind != nil {
			c.types[string(signature)] = a.number(attrObjectType)
		}
		c.mu.Unlock()
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}

func signatureOf(methods []Method) Table {
	var w Writer
	for _, m := range methods {
		w.Open(m.Name, Map)
		for _, p := range m.Params {
			w.Int32(p.Name, int32(p.Kind))
		}
		w.Close()
	}
	return w.Table()
}

// Remove takes an object of ours off the bus.
func (c *Conn) Remove(ctx context.Context, id uint32) error {
	err := c.request(ctx, msgRemoveObject, 0, appendNumber(nil, attrObjectID, id), nil)
	var refused Status
	if err == nil || errors.As(err, &refused) {
		c.mu.Lock()
		delete(c.objects, id)
		c.mu.Unlock()
	}
	return err
}

// arrived hands a message to the object that it is for.
func (c *Conn) arrived(m message) {
	a, err := m.parse()
	if err != nil {
		return // not even whom it is for
	}
	id := a.number(attrObjectID)
	c.mu.Lock()
	o := c.objects[id]
	c.mu.Unlock()
	r := &Request{Method: a.text(attrMethod), User: a.text(attrUser), Group: a.text(attrGroup), conn: c, id: id, peer: m.peer, seq: m.seq,
		silent: a.flag(attrNoReply)}
	switch {
	case m.kind == msgInvoke && (o == nil || o.Handle == nil):
		_ = r.Done(NotFound)
	case o == nil:
	case m.kind == msgUnsubscribe:
		if o.Gone != nil {
			o.Gone(a.number(attrTarget))
		}
	case m.kind == msgNotify:
		if o.Active != nil && a[attrActive] != nil {
			o.Active(a.flag(attrActive))
		}
	case r.Method == "":
		_ = r.Done(InvalidArgument)
	default:
		if r.Args, err = a.table(attrData); err != nil {
			_ = r.Done(InvalidArgument)
			return
		}
		o.Handle(r)
	}
}
