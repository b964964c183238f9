package ubus

import (
	"context"
	"errors"
	"fmt"
)

// eventBus is the object that ubusd itself serves, for events.
const eventBus = 1

// Found is an object as the bus lists it.
type Found struct {
	Path      string
	ID        uint32
	Signature Table
}

// Ping asks ubusd for a sign of life.
func (c *Conn) Ping(ctx context.Context) error { return c.request(ctx, msgPing, 0, nil, nil) }

// Lookup lists the objects of a path, which may end with an asterisk; an empty path: all that we may see. The error is NotFound where
// there is none.
func (c *Conn) Lookup(ctx context.Context, path string) ([]Found, error) {
	if len(path) > maxPath {
		return nil, ErrTooLong
	}
	var blob []byte
	if path != "" {
		blob = appendText(nil, attrObjectPath, path)
	}
	var list []Found
	err := c.request(ctx, msgLookup, 0, blob, func(a attributes) {
		f := Found{Path: a.text(attrObjectPath), ID: a.number(attrObjectID)}
		if s, err := a.table(attrSignature); err == nil {
			f.Signature = s
		}
		list = append(list, f)
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Call looks an object up and calls a method of it. The answer is the first table that came, and there is one with some errors, too.
func (c *Conn) Call(ctx context.Context, path, method string, args Table) (Table, error) {
	found, err := c.Lookup(ctx, path)
	if err == nil && len(found) == 0 {
		err = NotFound
	}
	if err != nil {
		return nil, fmt.Errorf("look up %s: %w", path, err)
	}
	var answer Table
	err = c.Invoke(ctx, found[0].ID, method, args, func(t Table) {
		if answer == nil {
			answer = t
		}
	})
	var refused Status
	if err != nil && !errors.As(err, &refused) {
		return nil, err
	}
	return answer, err
}

// Invoke calls a method of an object by its id, and answer with each table that comes back, where the connection is read; it may be nil.
// Errors: a Status, what ended the connection, or ctx's.
func (c *Conn) Invoke(ctx context.Context, id uint32, method string, args Table, answer func(Table)) error {
	if len(method) > maxPath {
		return ErrTooLong
	}
	blob := appendNumber(nil, attrObjectID, id)
	blob = appendText(blob, attrMethod, method)
	blob = appendBytes(blob, attrData, args)
	malformed := false
	err := c.request(ctx, msgInvoke, id, blob, func(a attributes) {
		t, err := a.table(attrData)
		switch {
		case err != nil:
			malformed = true
		case answer != nil:
			answer(t)
		}
	})
	if err == nil && malformed {
		return ParseError
	}
	return err
}

// Send tells all who listen of an event. Names that begin with "ubus." are ubusd's own.
func (c *Conn) Send(ctx context.Context, event string, data Table) error {
	var w Writer
	w.String("id", event)
	w.Value("data", Value{Kind: Map, body: data})
	return c.Invoke(ctx, eventBus, "send", w.Table(), nil)
}

// Listen has hear called with each event whose name fits a pattern, which may end with an asterisk, until the connection ends. It runs
// where the connection is read and must not wait for that.
func (c *Conn) Listen(ctx context.Context, pattern string, hear func(event string, data Table)) error {
	id, err := c.Add(ctx, &Object{Handle: func(r *Request) {
		hear(r.Method, r.Args)
		_ = r.Done(OK)
	}})
	if err != nil {
		return fmt.Errorf("listen to %s: %w", pattern, err)
	}
	if err := c.register(ctx, id, pattern); err != nil {
		return fmt.Errorf("listen to %s: %w", pattern, err)
	}
	return nil
}

func (c *Conn) register(ctx context.Context, id uint32, pattern string) error {
	var w Writer
	w.Int32("object", int32(id))
	w.String("pattern", pattern)
	return c.Invoke(ctx, eventBus, "register", w.Table(), nil)
}

// Subscribe has an object of ours get the notifications of another's. When that goes, the object's Gone is called.
func (c *Conn) Subscribe(ctx context.Context, own, other uint32) error {
	return c.request(ctx, msgSubscribe, 0, targeted(own, other), nil)
}

// Unsubscribe ends Subscribe.
func (c *Conn) Unsubscribe(ctx context.Context, own, other uint32) error {
	return c.request(ctx, msgUnsubscribe, 0, targeted(own, other), nil)
}

func targeted(own, other uint32) []byte {
	return appendNumber(appendNumber(nil, attrObjectID, own), attrTarget, other)
}

// Notify tells the subscribers of an object of ours. It does not wait for them.
func (c *Conn) Notify(own uint32, method string, data Table) error {
	blob := appendNumber(nil, attrObjectID, own)
	blob = appendText(blob, attrMethod, method)
	blob = appendBytes(blob, attrData, data)
	blob = appendBytes(blob, attrNoReply, []byte{1})
	_, err := c.send(message{kind: msgNotify, peer: own, blob: blob}, nil)
	return err
}
