package xfrm

import (
	"context"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// ErrUnsupported says that the kernel has no NETLINK_XFRM: CONFIG_XFRM_USER is off or the module xfrm_user, OpenWrt's kmod-ipsec, is not
// loaded.
var ErrUnsupported = errors.New("no IPsec in the kernel: module xfrm_user (kmod-ipsec, kmod-ipsec4 and kmod-ipsec6 on OpenWrt)")

// Conn speaks to the IPsec of the network namespace that it was dialled in. It may be used from several goroutines.
type Conn struct{ nl *netlink.Conn }

// Dial opens the socket, in the network namespace of the calling thread. The answer may be ErrUnsupported.
func Dial() (*Conn, error) {
	nl, err := dial()
	if err != nil {
		return nil, fmt.Errorf("dial xfrm: %w", err)
	}
	// Kernels before 4.12 have no texts.
	_ = nl.SetOption(netlink.ExtendedAcknowledge, true)
	return &Conn{nl: nl}, nil
}

func dial() (*netlink.Conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_XFRM, nil)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, ErrUnsupported
	}
	return nl, err
}

// Port is the netlink port of the socket, by which events tell what was changed by it.
func (c *Conn) Port() uint32 { return c.nl.PID() }

// Close closes the socket. Policies stay.
func (c *Conn) Close() error { return c.nl.Close() }

// Observe returns the blocks that are ours and as we make them. One that somebody changed is left out, so that it is added again.
func (c *Conn) Observe(ctx context.Context) ([]kstate.Block, error) {
	policies, err := c.Policies(ctx)
	if err != nil {
		return nil, err
	}
	var out []kstate.Block
	for _, p := range policies {
		if ours(p) {
			out = append(out, p.Block)
		}
	}
	return out, nil
}

// AddBlock adds a policy, or puts the one of ours with the same ends and direction right. No other policy is touched.
func (c *Conn) AddBlock(k kstate.Block) error {
	body, err := encodeBlock(k)
	if err == nil {
		_, err = c.nl.Execute(request(msgUpdPolicy, netlink.Acknowledge, body))
	}
	if err != nil {
		return fmt.Errorf("add %s: %w", k, err)
	}
	return nil
}

// DelBlock deletes a policy of ours. One that is not there is no error.
func (c *Conn) DelBlock(k kstate.Block) error {
	body, err := encodeBlockID(k)
	if err == nil {
		_, err = c.nl.Execute(request(msgDelPolicy, netlink.Acknowledge, body))
	}
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("delete %s: %w", k, err)
	}
	return nil
}

// Policies returns the policies of everybody, but for those of single sockets.
func (c *Conn) Policies(ctx context.Context) ([]kstate.Policy, error) {
	answer, err := c.dump(ctx, msgGetPolicy)
	if err != nil {
		return nil, fmt.Errorf("list policies: %w", err)
	}
	out := make([]kstate.Policy, 0, len(answer))
	for _, m := range answer {
		p, main, err := decodePolicy(m.Data)
		if err != nil {
			return nil, fmt.Errorf("list policies: %w", err)
		}
		if main {
			out = append(out, p)
		}
	}
	return out, nil
}

// SAs returns the security associations of everybody that are set up.
func (c *Conn) SAs(ctx context.Context) ([]kstate.SA, error) {
	answer, err := c.dump(ctx, msgGetSA)
	if err != nil {
		return nil, fmt.Errorf("list security associations: %w", err)
	}
	out := make([]kstate.SA, 0, len(answer))
	for _, m := range answer {
		s, err := decodeSA(m.Data)
		if err != nil {
			return nil, fmt.Errorf("list security associations: %w", err)
		}
		if s.SPI != 0 { // 0 stands for one that a policy has asked for
			out = append(out, s)
		}
	}
	return out, nil
}

// dump asks for all objects. Such a request has no structure: the kernel would take it for attributes.
func (c *Conn) dump(ctx context.Context, typ uint16) ([]netlink.Message, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return c.nl.Execute(request(typ, netlink.Dump, nil))
}

func request(typ uint16, flags netlink.HeaderFlags, body []byte) netlink.Message {
	return netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(typ), Flags: netlink.Request | flags}, Data: body}
}
