package netifd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"multiwan/src/openwrt/ubus"
)

const (
	object = "network.interface"
	// settle is how long after a notification netifd is asked for everything: some changes are told late or not at all.
	settle = time.Second
	// ask is how long netifd may take to answer.
	ask = 10 * time.Second
)

// Source follows netifd. It is for concurrent use.
type Source struct {
	changed func(names []string)
	fault   func(error)
	settle  time.Duration

	mu    sync.Mutex
	state *state
	last  *follower // nil before the first connection
}

// New returns a Source that knows nothing yet. changed is told the names of interfaces that changed, fault what is wrong, and nil once
// nothing is; neither may block.
func New(changed func(names []string), fault func(error)) *Source {
	return &Source{changed: changed, fault: fault, settle: settle, state: newState()}
}

// Join returns what netifd knows of a WAN; false where it has no interface of that name, or is not there at all. What is known outlives
// netifd and ubusd: the interfaces do, too.
func (s *Source) Join(w WAN) (Joined, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.join(w)
}

// Device returns the device that an interface of netifd is on; false where it has none.
func (s *Source) Device(name string) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.state.networks[name]
	if !ok {
		return "", false
	}
	d := s.state.device(n)
	return d, d != ""
}

// follower follows netifd on one connection.
type follower struct {
	*Source
	conn *ubus.Conn
	own  uint32 // our object, which subscribes
	to   uint32 // what it is subscribed to; used by run alone
	// again asks for a look at netifd now, news for one when it has settled.
	again, news chan struct{}
}

// Follow follows netifd on a connection until that ends or ctx does. It returns when it listens; what netifd has then follows.
func (s *Source) Follow(ctx, short context.Context, c *ubus.Conn) error {
	f := &follower{Source: s, conn: c, again: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	var err error
	if f.own, err = c.Add(short, &ubus.Object{Handle: f.notified, Gone: func(uint32) { wake(f.news) }}); err != nil {
		return fmt.Errorf("follow netifd: %w", err)
	}
	// netifd that starts anew publishes its objects anew, and knows no subscribers.
	err = c.Listen(short, "ubus.object.add", func(_ string, t ubus.Table) {
		if path, _ := t.Get("path"); path.String() == object {
			wake(f.again)
		} else if strings.HasPrefix(path.String(), object+".") {
			wake(f.news)
		}
	})
	if err != nil {
		return fmt.Errorf("follow netifd: %w", err)
	}
	wake(f.again)
	s.mu.Lock()
	s.last = f
	s.mu.Unlock()
	go f.run(ctx)
	return nil
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// notified takes a notification. It is complete in itself, so what it says holds at once.
func (f *follower) notified(r *ubus.Request) {
	defer func() { _ = r.Done(ubus.OK) }()
	if r.Method != "interface.update" && r.Method != "interface.down" {
		return
	}
	wake(f.news)
	n, err := parseNotice(r.Args.JSON())
	if err != nil {
		return // the look that follows says what is wrong
	}
	f.mu.Lock()
	fresh := f.state.apply(n)
	f.mu.Unlock()
	if fresh {
		f.changed([]string{n.Name})
	}
}

// run looks at netifd when it has to.
func (f *follower) run(ctx context.Context) {
	var later <-chan time.Time
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-f.conn.Done():
			return
		case <-f.news:
			if later == nil {
				later = time.After(f.settle)
			}
			continue
		case <-f.again:
			err = f.look(ctx)
		case <-later:
			err = f.look(ctx)
		}
		later = nil
		if errors.Is(err, ubus.NotFound) {
			err = nil // a machine without netifd, or one that will be back
		}
		if err != nil {
			later = time.After(ask)
		}
		if f.conn.Err() == nil && ctx.Err() == nil {
			f.fault(err)
		}
	}
}

// look asks netifd for everything, once it is subscribed to: a netifd that was restarted has another id and no subscribers.
func (f *follower) look(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, ask)
	defer stop()
	id, err := find(ctx, f.conn)
	if err == nil && id != f.to {
		if err = f.conn.Subscribe(ctx, f.own, id); err == nil {
			f.to = id
		}
	}
	if err != nil {
		return err
	}
	return f.dump(ctx, f.conn, id)
}

// Look asks netifd once for everything.
func (s *Source) Look(ctx context.Context, c *ubus.Conn) error {
	id, err := find(ctx, c)
	if err != nil {
		return err
	}
	return s.dump(ctx, c, id)
}

func find(ctx context.Context, c *ubus.Conn) (id uint32, err error) {
	found, err := c.Lookup(ctx, object)
	if err == nil && len(found) == 0 {
		err = ubus.NotFound
	}
	if err != nil {
		return 0, fmt.Errorf("look up %s: %w", object, err)
	}
	return found[0].ID, nil
}

func (s *Source) dump(ctx context.Context, c *ubus.Conn, id uint32) error {
	var text []byte
	err := c.Invoke(ctx, id, "dump", nil, func(t ubus.Table) { text = t.JSON() })
	if err != nil {
		return fmt.Errorf("ask netifd for its interfaces: %w", err)
	}
	all, err := parseDump(text)
	if err != nil {
		return fmt.Errorf("read netifd's interfaces: %w", err)
	}
	s.mu.Lock()
	changed := s.state.replace(all)
	s.mu.Unlock()
	if len(changed) > 0 {
		s.changed(changed)
	}
	return nil
}

// follower is that of the last connection, nil before the first.
func (s *Source) follower() *follower {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// call asks netifd for something, by the last connection.
func (s *Source) call(ctx context.Context, object, method string, args ubus.Table) error {
	f := s.follower()
	if f == nil {
		return ubus.NotFound
	}
	_, err := f.conn.Call(ctx, object, method, args)
	return err
}
