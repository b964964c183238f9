package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"sync"
	"time"

	"multiwan/src/control"
	"multiwan/src/core/json"
	"multiwan/src/core/order"
	"multiwan/src/openwrt/ubus"
)

const (
	busObject = "multiwan"
	busCalls  = 16              // at once; further ones are told to try again
	busTime   = 2 * time.Minute // for a call: the longest burst of probes takes seconds
)

// bus is the object on OpenWrt's message bus: the calls of the control socket, but for stop, and news of the WANs.
type bus struct {
	daemon  *daemon
	methods []control.Method
	free    chan struct{}
	calls   sync.WaitGroup
	news    chan struct{}

	mu   sync.Mutex
	conn *ubus.Conn // nil while there is none
	id   uint32
}

func newBus(d *daemon) *bus {
	b := &bus{daemon: d, free: make(chan struct{}, busCalls), news: make(chan struct{}, 1)}
	b.methods = order.Without(d.methods(), func(m control.Method) bool { return m.Name == "stop" })
	return b
}

// wanted says where the bus is, an empty path for the usual ones, and whether it is to be used at all. By itself, only the one daemon
// with the usual control socket is on it: the name on the bus is taken once.
func (o *Options) wanted() (path string, wanted bool) {
	switch o.UBus {
	case "", "off":
		return "", false
	case "auto":
		return "", o.Socket == control.DefaultPath
	}
	return o.UBus, true
}

// run is on the bus until ctx ends. A machine without a bus is none that has a fault.
func (b *bus) run(ctx context.Context) error {
	path, wanted := b.daemon.opt.wanted()
	if !wanted {
		return nil
	}
	var telling sync.WaitGroup
	telling.Go(func() { b.tell(ctx) })
	ubus.Keep(ctx, func() (*ubus.Conn, error) { return ubus.Dial(path) },
		func(short context.Context, c *ubus.Conn) error { return b.begin(ctx, short, c) },
		func(err error) {
			if path == "" && errors.Is(err, fs.ErrNotExist) {
				err = nil
			}
			b.daemon.record.fault("ubus", err)
		})
	telling.Wait()
	b.calls.Wait()
	return nil
}

// begin follows netifd on a new connection and publishes the object; its calls live as long as ctx.
func (b *bus) begin(ctx, short context.Context, c *ubus.Conn) error {
	if err := b.daemon.netifd.Follow(ctx, short, c); err != nil {
		return err
	}
	o := &ubus.Object{Path: busObject, Handle: func(r *ubus.Request) { b.handle(ctx, r) }}
	for _, m := range b.methods {
		o.Methods = append(o.Methods, signature(m))
	}
	b.mu.Lock() // who finds the object is told of what changes from then on, by this connection
	defer b.mu.Unlock()
	id, err := c.Add(short, o)
	if errors.Is(err, ubus.InvalidArgument) {
		err = fmt.Errorf("the name %s is taken or not allowed: %w", busObject, err)
	}
	if err != nil {
		return err
	}
	b.conn, b.id = c, id
	return nil
}

func signature(m control.Method) ubus.Method {
	out := ubus.Method{Name: m.Name}
	for _, p := range m.Params {
		kind := ubus.String
		switch p.Type {
		case control.Int:
			kind = ubus.Int32
		case control.Bool:
			kind = ubus.Bool
		}
		out.Params = append(out.Params, ubus.Param{Name: p.Name, Kind: kind})
	}
	return out
}

// handle begins a call. It runs where the connection is read, so the work goes on elsewhere.
func (b *bus) handle(ctx context.Context, r *ubus.Request) {
	i := order.First(len(b.methods), func(i int) bool { return b.methods[i].Name == r.Method })
	if i < 0 {
		_ = r.Done(ubus.MethodNotFound)
		return
	}
	args, err := arguments(b.methods[i], r.Args)
	if err != nil {
		refuse(r, err)
		return
	}
	select {
	case b.free <- struct{}{}:
	default:
		_ = r.Done(ubus.Timeout)
		return
	}
	b.calls.Go(func() {
		ctx, stop := context.WithTimeout(ctx, busTime)
		defer stop()
		result, err := b.methods[i].Call(ctx, args)
		if err == nil {
			err = reply(r, result)
		}
		<-b.free // first: whoever has the answer may call again
		if err != nil {
			refuse(r, err)
			return
		}
		_ = r.Done(ubus.OK)
	})
}

// arguments takes what the method knows. Others are tolerated, since uhttpd adds ubus_rpc_session to all calls, and null is no argument.
func arguments(m control.Method, t ubus.Table) (control.Args, error) {
	args := control.Args{}
	for name, v := range t.All() {
		i := order.First(len(m.Params), func(i int) bool { return m.Params[i].Name == name })
		if i < 0 || v.Kind == ubus.Null {
			continue
		}
		n, whole := v.Int()
		switch want := m.Params[i].Type; {
		case want == control.String && v.Kind == ubus.String:
			args[name] = v.String()
		case want == control.Bool && v.Kind == ubus.Bool:
			args[name] = v.Bool()
		case want == control.Int && whole && n == int64(int(n)):
			args[name] = int(n)
		default:
			return nil, control.Refuse(control.Usage, "method %s: parameter %s: want %s", m.Name, name, want)
		}
	}
	return args, nil
}

// reply sends a result. The bus carries tables only: anything else is the member of one, by the name of the method.
func reply(r *ubus.Request, result any) error {
	text, err := json.Marshal(result)
	if err != nil {
		return fmt.Errorf("encode the answer of %s: %w", r.Method, err)
	}
	if text[0] != '{' {
		text = order.Join([]byte("{"+strconv.Quote(r.Method)+":"), text, []byte("}"))
	}
	t, err := ubus.FromJSON(text)
	if err == nil {
		err = r.Reply(t)
	}
	if errors.Is(err, ubus.ErrTooLong) {
		return control.Refuse(control.Failed, "the answer is too long for ubus: ask for less, or over the control socket")
	}
	return err
}

// refuse ends a call with the status that an error stands for, and says in a table what is wrong.
func refuse(r *ubus.Request, err error) {
	e := &control.Error{Code: control.Failed, Message: err.Error()}
	errors.As(err, &e)
	var w ubus.Writer
	w.Open("error", ubus.Map)
	w.String("code", string(e.Code))
	w.String("message", e.Message)
	w.Close()
	_ = r.Reply(w.Table())
	_ = r.Done(statusOf(e.Code))
}

func statusOf(c control.Code) ubus.Status {
	switch c {
	case control.Usage, control.Config:
		return ubus.InvalidArgument
	case control.NotFound:
		return ubus.NotFound
	case control.Denied:
		return ubus.PermissionDenied
	}
	return ubus.UnknownError
}
