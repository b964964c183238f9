package l2tp

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

var (
	// ErrNoModule says that the kernel lacks a part of L2TP. The text of the error that wraps it names the module and OpenWrt's package.
	ErrNoModule = errors.New("missing in the kernel")
	// ErrExists says that another tunnel, session or device has the id or name already. It is left as it is.
	ErrExists = errors.New("exists and differs")
)

const (
	// patience bounds the wait for a deleted object to go: the kernel takes a tunnel down in the background.
	patience = 2 * time.Second
	// settle is how long after that the device of a session may still have its name: from Linux 6.11 the session is taken off the lists
	// first, and its device after it.
	settle = 500 * time.Millisecond
)

// Conn speaks to the L2TP of the network namespace that it was dialled in. It may be used from several goroutines.
type Conn struct {
	nl *genetlink.Conn

	mu      sync.Mutex
	family  uint16    // number of the generic netlink family, 0 while it is not known
	deleted time.Time // when something was deleted last
}

// Dial opens the socket, in the network namespace of the calling thread. It works without the modules too: what asks them for something
// then answers ErrNoModule, and works once they are loaded.
func Dial() (*Conn, error) {
	nl, err := genetlink.Dial(nil)
	if err != nil {
		return nil, fmt.Errorf("dial l2tp: %w", err)
	}
	// Kernels before 4.12 have no texts.
	_ = nl.SetOption(netlink.ExtendedAcknowledge, true)
	return &Conn{nl: nl}, nil
}

// Close closes the socket. Tunnels stay.
func (c *Conn) Close() error { return c.nl.Close() }

// familyID asks for the number of the family, which makes the kernel load l2tp_netlink where modprobe finds it.
func (c *Conn) familyID() (uint16, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.family != 0 {
		return c.family, nil
	}
	f, err := c.nl.GetFamily(familyName)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, lacks("l2tp_netlink", "kmod-l2tp")
	}
	if err != nil {
		return 0, fmt.Errorf("look for l2tp: %w", err)
	}
	c.family = f.ID
	return f.ID, nil
}

func lacks(module, pkg string) error {
	return fmt.Errorf("module %s (%s on OpenWrt) is %w", module, pkg, ErrNoModule)
}

// execute sends one request. A family number that the kernel no longer knows (ENOENT: the module was unloaded and loaded) is asked for
// again, once.
func (c *Conn) execute(cmd uint8, flags netlink.HeaderFlags, body []byte) ([]genetlink.Message, error) {
	for again := false; ; again = true {
		family, err := c.familyID()
		if err != nil {
			return nil, err
		}
		m := genetlink.Message{Header: genetlink.Header{Command: cmd, Version: version}, Data: body}
		answer, err := c.nl.Execute(m, family, netlink.Request|flags)
		if !errors.Is(err, unix.ENOENT) || again {
			return answer, err
		}
		c.mu.Lock()
		c.family = 0
		c.mu.Unlock()
	}
}

// Observe returns all tunnels and sessions of the namespace, ours and foreign, in the kernel's order.
func (c *Conn) Observe(ctx context.Context) ([]kstate.Tunnel, []kstate.Session, error) {
	var tunnels []kstate.Tunnel
	err := c.each(ctx, cmdTunnelGet, func(b []byte) error {
		t, err := decodeTunnel(b)
		tunnels = append(tunnels, t)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list tunnels: %w", err)
	}
	var sessions []kstate.Session
	err = c.each(ctx, cmdSessionGet, func(b []byte) error {
		s, _, err := decodeSession(b)
		sessions = append(sessions, s)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("list sessions: %w", err)
	}
	return tunnels, sessions, nil
}

// each dumps the objects of one kind.
func (c *Conn) each(ctx context.Context, cmd uint8, decode func([]byte) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	answer, err := c.execute(cmd, netlink.Dump, nil)
	if err != nil {
		return err
	}
	for _, m := range answer {
		if err := decode(m.Data); err != nil {
			return err
		}
	}
	return nil
}

// get asks for one object; nil stands for none. It asks for no acknowledgement: that would come behind the object, as the answer to the
// next request.
func (c *Conn) get(cmd uint8, body []byte) ([]byte, error) {
	answer, err := c.execute(cmd, 0, body)
	switch {
	case absent(err):
		return nil, nil
	case err != nil:
		return nil, err
	case len(answer) == 0:
		return nil, fmt.Errorf("no answer")
	}
	return answer[0].Data, nil
}

// remove deletes an object and waits until it is gone, so that what is added next under the same id is not mistaken for it.
func (c *Conn) remove(del, get uint8, body []byte) error {
	if _, err := c.execute(del, netlink.Acknowledge, body); err != nil && !absent(err) {
		return err
	}
	end := time.Now().Add(patience)
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		there, err := c.get(get, body)
		if err != nil {
			return err
		}
		if there == nil {
			c.mu.Lock()
			c.deleted = time.Now()
			c.mu.Unlock()
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("still there after %s", patience)
		}
		time.Sleep(pause)
	}
}

// settling says whether the remains of what was deleted may still be in the way.
func (c *Conn) settling() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.deleted) < settle
}

// absent tells what the kernel says of a tunnel or session that does not exist.
func absent(err error) bool { return errors.Is(err, unix.ENODEV) }
