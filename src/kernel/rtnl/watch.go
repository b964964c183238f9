package rtnl

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/socket/filter"
)

// Kind says what changed.
type Kind string

// The kinds of events.
const (
	LinkChanged    Kind = "link"
	AddrChanged    Kind = "address"
	RuleChanged    Kind = "rule"
	RouteChanged   Kind = "route"
	NexthopChanged Kind = "nexthop"
	// FilterChanged is a filter of traffic control (tc-matchall(8)) at the priority of our mirrors, or the place where such filters are.
	FilterChanged Kind = "filter"
	// Lost says that the kernel dropped notifications because they were not read in time: anything may have changed.
	Lost Kind = "lost"
)

// Event is a change of the kernel's state. It says where to look, not what there is now.
type Event struct {
	Kind Kind
	// Gone says that the object was deleted.
	Gone bool
	// Lost says that a link carries nothing: it is gone, switched off or without carrier.
	Lost bool
	// Family of an address, rule or route.
	Family kstate.Family
	// Index of the device that a link, address, route or nexthop is on, 0 where there is none; Device is the name, of links only.
	Index  int
	Device string
	// Own says that the object is a rule, route or nexthop of protocol 77, or a link with an alias of ours. A bridge's notification about
	// a port has no alias and is never Own.
	Own bool
	// Master is the index of the bridge or bond that a link is a port of, 0 for none.
	Master int
	// Port is the netlink port of whoever made the change, Conn.Port of our own; 0 is the kernel itself.
	Port uint32
}

const (
	// watchBuffer is the socket's receive buffer in bytes: some thousand notifications. The kernel takes the memory only while they wait.
	watchBuffer = 1 << 20
	// watchQueue is the length of the channel of events. Where the reader is slower, notifications wait in the socket, and then are Lost.
	watchQueue = 64
)

var watchGroups = []uint32{
	unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE,
	unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_NEXTHOP,
	unix.RTNLGRP_TC,
}

// Watch reports changes of links, addresses, rules, nexthops, the filters of our mirrors and of the routes that watchFilter lets through, until ctx ends or the
// socket fails; then the channel is closed.
func Watch(ctx context.Context) (<-chan Event, error) {
	nl, err := subscribe(watchGroups, watchFilter(), watchBuffer)
	if err != nil {
		return nil, fmt.Errorf("watch rtnetlink: %w", err)
	}
	raw, err := nl.SyscallConn()
	if err != nil {
		nl.Close()
		return nil, fmt.Errorf("watch rtnetlink: %w", err)
	}
	events := make(chan Event, watchQueue)
	stop := context.AfterFunc(ctx, func() { nl.Close() })
	go func() {
		defer close(events)
		defer nl.Close()
		defer stop()
		pump(ctx, events, func(b []byte) (int, error) { return readDatagram(raw, b) })
	}()
	return events, nil
}

// subscribe opens a socket that receives the notifications of groups that pass the program; buffer is its size in bytes.
func subscribe(groups []uint32, program []filter.Instruction, buffer int) (*netlink.Conn, error) {
	nl, err := netlink.Dial(unix.NETLINK_ROUTE, nil)
	if err != nil {
		return nil, err
	}
	err = errors.Join(nl.SetBPF(program), nl.SetReadBuffer(buffer))
	for _, g := range groups {
		// A kernel before 5.3 does not know the group of nexthops; it has no nexthop objects either.
		if jerr := nl.JoinGroup(g); jerr != nil && g != unix.RTNLGRP_NEXTHOP {
			err = errors.Join(err, jerr)
		}
	}
	if err != nil {
		nl.Close()
		return nil, err
	}
	return nl, nil
}

// pump turns datagrams into events until ctx ends or receive fails.
func pump(ctx context.Context, events chan<- Event, receive func([]byte) (int, error)) {
	put := func(e Event) bool {
		select {
		case events <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	buf := make([]byte, receiveSize)
	for {
		n, err := receive(buf)
		if errors.Is(err, unix.ENOBUFS) {
			if !put(Event{Kind: Lost}) {
				return
			}
			continue
		}
		if err != nil {
			return
		}
		h, data, rest, ok := next(buf[:n])
		for ; ok; h, data, rest, ok = next(rest) {
			if e, known := decodeEvent(h, data); known && !put(e) {
				return
			}
		}
	}
}

// decodeEvent reads a notification; ok is false for any other message.
func decodeEvent(h header, data []byte) (e Event, ok bool) {
	e.Port = h.port
	switch h.typ {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, lok := decodeLink(data)
		e.Kind, e.Gone, e.Index, e.Device, ok = LinkChanged, h.typ == unix.RTM_DELLINK, l.Index, l.Name, lok
		e.Own, e.Master = strings.HasPrefix(l.Alias, kstate.AliasPrefix), l.Master
		if lok && data[0] == unix.AF_BRIDGE && e.Gone {
			// A bridge tells so that a port has left (br_ifinfo_notify of net/bridge/br_netlink.c). The device still exists.
			e.Gone, e.Master = false, 0
		}
		e.Lost = e.Gone || !l.Up || !l.Carrier
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		a, aok := decodeAddr(data)
		e.Kind, e.Gone, e.Index, e.Family, ok = AddrChanged, h.typ == unix.RTM_DELADDR, a.Index, a.Family(), aok
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		r, protocol, rok := decodeRule(data)
		e.Kind, e.Gone, e.Family, e.Own, ok = RuleChanged, h.typ == unix.RTM_DELRULE, r.Family, protocol == kstate.Protocol, rok
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		r, rok := decodeRoute(data, nameless{})
		e.Kind, e.Gone, e.Family, e.Index, ok = RouteChanged, h.typ == unix.RTM_DELROUTE, r.Family, int(r.index), rok && !r.cloned
		e.Own = r.protocol == kstate.Protocol
	case unix.RTM_NEWNEXTHOP, unix.RTM_DELNEXTHOP:
		d := &lastIndex{}
		_, protocol, nok := decodeNexthop(data, d)
		e.Kind, e.Gone, e.Index, e.Own, ok = NexthopChanged, h.typ == unix.RTM_DELNEXTHOP, int(d.i), protocol == kstate.Protocol, nok
	case unix.RTM_NEWTFILTER, unix.RTM_DELTFILTER, unix.RTM_DELQDISC:
		e.Kind, e.Gone, e.Own = FilterChanged, h.typ != unix.RTM_NEWTFILTER, true
		e.Index, ok = decodeFilter(h.typ, data)
	}
	return e, ok
}

// decodeFilter reads struct tcmsg of linux/rtnetlink.h; ok is false where it is not about our mirrors.
func decodeFilter(typ uint16, data []byte) (index int, ok bool) {
	const (
		tcMsgLen = 20
		clsact   = 0xffff0000
	)
	if len(data) < tcMsgLen {
		return 0, false
	}
	index = int(int32(native.Uint32(data[4:])))
	if typ == unix.RTM_DELQDISC {
		return index, native.Uint32(data[8:]) == clsact
	}
	return index, native.Uint32(data[16:])>>16 == kstate.MirrorPriority
}

// nameless names no device: an event is no place for questions to the kernel.
type nameless struct{}

func (nameless) name(uint32) string { return "" }

// lastIndex keeps the index that it was asked for.
type lastIndex struct{ i uint32 }

func (l *lastIndex) name(i uint32) string { l.i = i; return "" }
