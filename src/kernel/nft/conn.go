package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// tableName is the name of our tables, in the families inet, bridge, ip and ip6.
const tableName = "multiwan"

// firewallTable is that of OpenWrt's firewall, of family inet.
const firewallTable = "fw4"

// Conn speaks to the nftables of the network namespace that it was dialled in. Its methods may be called from several goroutines.
type Conn struct {
	mu   sync.Mutex
	nl   *netlink.Conn
	raw  syscall.RawConn
	last *Observed // what was read at generation last.Generation
	prepared
}

// Dial opens the socket, in the network namespace of the calling thread.
func Dial() (*Conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("dial nftables: %w", err)
	}
	raw, err := nl.SyscallConn()
	if err == nil {
		err = nl.SetOption(netlink.ExtendedAcknowledge, true)
	}
	// A transaction is one datagram, and must fit. Without the capability the system's limit stays, and a large one fails loudly.
	if err == nil {
		err = nl.SetWriteBuffer(4 << 20)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("dial nftables: %w", err), nl.Close())
	}
	return &Conn{nl: nl, raw: raw}, nil
}

// Close closes the socket. What the tables hold stays.
func (c *Conn) Close() error { return c.nl.Close() }

// message builds a request about the tables of a family.
func message(typ uint16, flags netlink.HeaderFlags, family uint8, attrs ...netlink.Attribute) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | typ), Flags: netlink.Request | flags},
		Data:   append([]byte{family, unix.NFNETLINK_V0, 0, 0}, marshal(attrs)...), // struct nfgenmsg, linux/netfilter/nfnetlink.h
	}
}

// dump asks for all objects of a type and gives the attributes of each to fn.
func (c *Conn) dump(typ uint16, family uint8, fn func(*netlink.AttributeDecoder) error, filter ...netlink.Attribute) error {
	msgs, err := c.nl.Execute(message(typ, netlink.Dump, family, filter...))
	if err != nil {
		return err
	}
	for _, m := range msgs {
		if len(m.Data) < 4 || m.Data[0] != family {
			continue
		}
		ad, err := netlink.NewAttributeDecoder(m.Data[4:])
		if err != nil {
			return err
		}
		ad.ByteOrder = binary.BigEndian
		if err := fn(ad); err != nil {
			return err
		}
		if err := ad.Err(); err != nil {
			return err
		}
	}
	return nil
}

// generation reads the id of the ruleset: it grows with every transaction of anybody in the namespace.
func (c *Conn) generation() (uint32, error) {
	msgs, err := c.nl.Execute(message(unix.NFT_MSG_GETGEN, 0, unix.AF_UNSPEC))
	if err != nil {
		return 0, fmt.Errorf("read nftables generation: %w", err)
	}
	for _, m := range msgs {
		if len(m.Data) < 4 {
			continue
		}
		ad, err := netlink.NewAttributeDecoder(m.Data[4:])
		if err != nil {
			return 0, err
		}
		ad.ByteOrder = binary.BigEndian
		for ad.Next() {
			if ad.Type() == unix.NFTA_GEN_ID {
				return ad.Uint32(), nil
			}
		}
	}
	return 0, fmt.Errorf("read nftables generation: no id in the answer")
}

// Counter is the value of a named counter.
type Counter struct{ Packets, Bytes uint64 }

// Counters returns the values of our named counters by name, those of all tables together.
func (c *Conn) Counters(ctx context.Context) (map[string]Counter, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]Counter{}
	for _, f := range families {
		err := c.dump(unix.NFT_MSG_GETOBJ, f.proto, func(ad *netlink.AttributeDecoder) error {
			o := readObject(ad)
			if o.table == tableName && o.typ == unix.NFT_OBJECT_COUNTER {
				sum := out[o.name]
				out[o.name] = Counter{sum.Packets + o.value.Packets, sum.Bytes + o.value.Bytes}
			}
			return nil
		}, str(unix.NFTA_OBJ_TABLE, tableName))
		if err != nil {
			return nil, fmt.Errorf("read counters of table %s: %w", f.name, err)
		}
	}
	return out, nil
}
