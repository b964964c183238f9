package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Event is a transaction of somebody else that touched our tables, or a gap in the events.
type Event struct {
	Lost    bool     // events were lost: anything may have changed
	Tables  []string // families of our tables that were touched, fw4 where OpenWrt's firewall came or went
	Process string   // the name of the program that did it, up to 15 bytes, as the kernel says
}

// watchBuffer holds what a large foreign transaction (a firewall restart) sends while nobody reads.
const watchBuffer = 1 << 20

// Watch reports foreign transactions until the context ends or the socket fails, and then closes the channel. Those of c itself are
// known by its netlink port and left out. Elements of sets are not ours to watch, and left out too. The caller reads on: a full
// buffer ends in an Event that says Lost.
func (c *Conn) Watch(ctx context.Context) (<-chan Event, error) {
	nl, err := netlink.Dial(unix.NETLINK_NETFILTER, nil)
	if err != nil {
		return nil, fmt.Errorf("watch nftables: %w", err)
	}
	if err := errors.Join(nl.SetReadBuffer(watchBuffer), nl.JoinGroup(unix.NFNLGRP_NFTABLES)); err != nil {
		return nil, errors.Join(fmt.Errorf("watch nftables: %w", err), nl.Close())
	}
	events := make(chan Event, 1)
	stop := context.AfterFunc(ctx, func() { nl.Close() })
	go func() {
		defer close(events)
		defer func() {
			if stop() {
				nl.Close()
			}
		}()
		w := watcher{own: c.nl.PID()}
		for {
			found, err := w.read(nl)
			for _, e := range found {
				select {
				case events <- e:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				return
			}
		}
	}()
	return events, nil
}

// watcher gathers the messages of a transaction, which end with one that tells the new generation.
type watcher struct {
	own     uint32
	touched []string
}

// read waits for messages and returns the events that they complete. Its error ends the watch.
func (w *watcher) read(nl *netlink.Conn) ([]Event, error) {
	msgs, err := nl.Receive()
	if errors.Is(err, unix.ENOBUFS) {
		w.touched = nil
		return []Event{{Lost: true}}, nil
	}
	if err != nil {
		return []Event{{Lost: true}}, err
	}
	var events []Event
	for _, m := range msgs {
		if e, ok := w.message(m); ok {
			events = append(events, e)
		}
	}
	return events, nil
}

func (w *watcher) message(m netlink.Message) (Event, bool) {
	if m.Header.PID == w.own || len(m.Data) < 4 || m.Header.Type>>8 != unix.NFNL_SUBSYS_NFTABLES {
		return Event{}, false
	}
	ad, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return Event{Lost: true}, true
	}
	ad.ByteOrder = binary.BigEndian
	switch m.Header.Type & 0xff {
	case unix.NFT_MSG_NEWSETELEM, unix.NFT_MSG_DELSETELEM:
		return Event{}, false
	case unix.NFT_MSG_NEWGEN:
		if len(w.touched) == 0 {
			return Event{}, false
		}
		e := Event{Tables: w.touched}
		w.touched = nil
		for ad.Next() {
			if ad.Type() == unix.NFTA_GEN_PROC_NAME {
				e.Process = ad.String()
			}
		}
		return e, true
	}
	for ad.Next() {
		// Attribute 1 is the table's name in every message: NFTA_TABLE_NAME, NFTA_CHAIN_TABLE, NFTA_RULE_TABLE, NFTA_SET_TABLE, NFTA_OBJ_TABLE.
		if ad.Type() != unix.NFTA_TABLE_NAME {
			continue
		}
		switch name := ad.String(); {
		case name == tableName:
			w.touch(m.Data[0])
		case name == firewallTable && m.Data[0] == unix.NFPROTO_INET && (m.Header.Type&0xff == unix.NFT_MSG_NEWTABLE || m.Header.Type&0xff == unix.NFT_MSG_DELTABLE):
			w.touched = append(w.touched, firewallTable)
		}
	}
	return Event{}, false
}

func (w *watcher) touch(proto uint8) {
	for _, f := range families {
		if f.proto == proto && !slices.Contains(w.touched, f.name) {
			w.touched = append(w.touched, f.name)
		}
	}
}
