package ipsec

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"sync"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/socket"
)

// Times between two tries to connect to charon.
const (
	minDelay = 200 * time.Millisecond
	maxDelay = 5 * time.Second
)

const (
	// listEvery is how old the counters of SAs get; it also finds what an event failed to tell.
	listEvery = 10 * time.Second
	// resyncEvery is when charon's connections and keys are compared: `swanctl --load-all` may have removed ours. Of connections that is told
	// nobody; a key is mentioned in the log, and they are compared a second later.
	resyncEvery = 60 * time.Second
	// settle is how long after a line of the log the SAs are listed: the line comes before the deed.
	settle = 50 * time.Millisecond
	// listOne is how many connections are listed one by one after events; more are listed together.
	listOne = 8
)

// errClosed says that charon ended the session.
var errClosed = errors.New("charon closed the connection")

// Options say how to reach charon.
type Options struct {
	// Socket is the path of charon's VICI socket; "" is DefaultSocket.
	Socket string
	// Dial replaces the connection to Socket.
	Dial func(context.Context) (net.Conn, error)
	// Changed is called, from the goroutine of Run, when Status or Charon would tell something new, counters aside. It must not block.
	Changed func()
}

// Client keeps connections in charon. Its methods may be called from any goroutine; all but Clear only leave word for Run.
type Client struct {
	dial    func(context.Context) (net.Conn, error)
	changed func()
	kick    chan struct{}

	mu        sync.Mutex
	declared  bool // Set was called: until then nothing of ours is touched
	renewed   bool // files are to be read again
	wanted    map[string]kstate.Conn
	initiate  map[string]bool
	terminate map[string]bool
	status    map[string]Status
	charon    Charon

	peers map[string]*peer // of the goroutine of Run alone
}

// Status is what is known of a connection.
type Status struct {
	Name string
	// State is "up" with an SA that carries packets, "connecting", "retrying" between two tries, "waiting" for the peer to set it up,
	// "refused" when charon did not take the connection, "absent" when there is no charon.
	State string
	// Loaded says that charon holds the connection as it was declared.
	Loaded bool
	// SA is the one that carries packets when State is "up", or one on its way; zero without one. SAs counts all.
	SA  SA
	SAs int
	// Reason says why it is not up; zero when it is.
	Reason Reason
	// Failures are tries that failed since it was up; Since is when State was entered.
	Failures int
	Since    time.Time
}

// Charon says whether charon can be talked to.
type Charon struct {
	Connected bool
	Since     time.Time
	Text      string // why not
}

// New returns a client that holds nothing yet.
func New(o Options) *Client {
	path := o.Socket
	if path == "" {
		path = DefaultSocket
	}
	c := &Client{
		dial: o.Dial, changed: o.Changed, kick: make(chan struct{}, 1),
		wanted: map[string]kstate.Conn{}, initiate: map[string]bool{}, terminate: map[string]bool{}, status: map[string]Status{},
		peers: map[string]*peer{},
	}
	if c.dial == nil {
		c.dial = func(context.Context) (net.Conn, error) {
			conn, err := socket.Dial(path)
			if err != nil {
				return nil, err // not a nil *socket.Conn as an interface
			}
			return conn, nil
		}
	}
	if c.changed == nil {
		c.changed = func() {}
	}
	return c
}

// Set declares all the connections that are wanted, by unique names. What is new or changed is loaded, what is ours and not among them is
// unloaded. A change of the outer addresses alone sets up the new SA before the old one goes; other changes end the old one first.
func (c *Client) Set(conns []kstate.Conn) {
	wanted := make(map[string]kstate.Conn, len(conns))
	for _, w := range conns {
		wanted[w.Name] = w
	}
	c.mu.Lock()
	news := !c.declared || !maps.EqualFunc(wanted, c.wanted, kstate.Conn.Equal)
	c.declared, c.wanted = true, wanted
	c.mu.Unlock()
	if news {
		c.wake()
	}
}

// Initiate sets a connection up anew, unless it is up, for when its path has come back. One that is the other end's to set up is tried once.
func (c *Client) Initiate(name string) { c.order(c.initiate, name) }

// Terminate ends the SAs of a connection at once, for when the peer has lost them. What is ours to set up is set up again.
func (c *Client) Terminate(name string) { c.order(c.terminate, name) }

// Reload reads private keys and certificates again: files may be other ones under the same name. SAs stay as they are.
func (c *Client) Reload() {
	c.mu.Lock()
	c.renewed = true
	c.mu.Unlock()
	c.wake()
}

func (c *Client) order(list map[string]bool, name string) {
	c.mu.Lock()
	list[name] = true
	c.mu.Unlock()
	c.wake()
}

func (c *Client) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// Status returns what is known of every wanted connection, by name. Counters are up to 10 s old.
func (c *Client) Status() map[string]Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.status)
}

// Charon says whether charon is there.
func (c *Client) Charon() Charon {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.charon
}

// Run does what was declared until ctx ends. Then charon keeps everything as it is.
func (c *Client) Run(ctx context.Context) {
	delay := minDelay
	for ctx.Err() == nil {
		served, err := c.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		if served {
			delay = minDelay
		}
		c.lost(err)
		select {
		case <-ctx.Done():
		case <-time.After(delay):
		}
		delay = min(2*delay, maxDelay)
	}
}

// Clear removes everything of ours from charon, whoever put it there: connections, keys and SAs. Run must not be running.
func (c *Client) Clear(ctx context.Context) error {
	s, err := openSession(ctx, c.dial)
	if err != nil {
		return err
	}
	defer s.close()
	conns, keys, err := s.loaded(ctx)
	if err != nil {
		return err
	}
	sas, err := s.list(ctx, "")
	if err != nil {
		return err
	}
	names := order.Join(conns, keys, slices.Collect(maps.Keys(sas)))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		err = errors.Join(err, s.unload(ctx, name))
	}
	return errors.Join(err, s.unloadKeys(ctx, nil))
}

// serve opens a session and works in it until it breaks; served says that it worked at all.
func (c *Client) serve(ctx context.Context) (served bool, err error) {
	s, err := openSession(ctx, c.dial)
	if err != nil {
		return false, err
	}
	defer s.close()
	stop := context.AfterFunc(ctx, s.close)
	defer stop()
	if err := s.subscribe(ctx); err != nil {
		return false, err
	}
	for _, p := range c.peers {
		p.forget()
	}
	w := &work{Client: c, session: s, all: true}
	for {
		if err := w.pass(ctx, time.Now()); err != nil {
			return served, err
		}
		served = true
		if err := w.wait(ctx); err != nil {
			return served, err
		}
	}
}

// lost notes that there is no charon.
func (c *Client) lost(err error) {
	now := time.Now()
	for _, p := range c.peers {
		p.forget()
	}
	c.publish(Charon{Text: err.Error(), Since: now}, now)
}

// publish renews the snapshots and tells of a change.
func (c *Client) publish(charon Charon, now time.Time) {
	c.mu.Lock()
	news := charon.Connected != c.charon.Connected || charon.Text != c.charon.Text
	if charon.Connected == c.charon.Connected && !c.charon.Since.IsZero() {
		charon.Since = c.charon.Since
	}
	c.charon = charon
	fresh := make(map[string]Status, len(c.wanted))
	for name, want := range c.wanted {
		st := Status{Name: name, State: "absent", Since: now}
		if p := c.peers[name]; p != nil {
			st = p.status(want, charon.Connected, now)
		}
		old, had := c.status[name]
		if had && old.State == st.State {
			st.Since = old.Since
		}
		news = news || !had || !st.same(old)
		fresh[name] = st
	}
	news = news || len(fresh) != len(c.status)
	c.status = fresh
	c.mu.Unlock()
	if news {
		c.changed()
	}
}

// same compares two snapshots, counters and ages aside.
func (s Status) same(o Status) bool {
	return s.State == o.State && s.Loaded == o.Loaded && s.SAs == o.SAs && s.Failures == o.Failures &&
		s.Reason.Cause == o.Reason.Cause && s.Reason.Text == o.Reason.Text &&
		s.SA.ID == o.SA.ID && s.SA.State == o.SA.State && s.SA.Local == o.SA.Local && s.SA.Remote == o.SA.Remote &&
		s.SA.Child.ID == o.SA.Child.ID && s.SA.Child.State == o.SA.Child.State && s.SA.Child.Encap == o.SA.Child.Encap &&
		s.SA.Child.SPIIn == o.SA.Child.SPIIn && s.SA.Child.SPIOut == o.SA.Child.SPIOut
}
