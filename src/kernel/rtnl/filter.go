package rtnl

import (
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/socket/filter"
)

// Offsets within a notification: struct nlmsghdr, then struct rtmsg.
const (
	offType     = 4
	offFlags    = 6
	offDstLen   = headerLen + 1
	offProtocol = headerLen + 5
)

// watchFilter returns a socket filter that lets only those route messages through that can concern us: routes of protocol 77, default
// routes of any table (gateways are learnt from main's), and replacements (one may have put another route in the place of ours, and
// then carries the other's protocol). All else - links, addresses, rules, nexthops - passes. A daemon that feeds a full table into
// main costs us nothing in user space.
func watchFilter() []filter.Instruction {
	return []filter.Instruction{
		filter.Load(offType, 2),
		filter.Equal(loaded(unix.RTM_NEWROUTE), 1, 0),
		filter.Differs(loaded(unix.RTM_DELROUTE), 6),
		filter.Load(offProtocol, 1),
		filter.Equal(kstate.Protocol, 4, 0),
		filter.Load(offDstLen, 1),
		filter.Equal(0, 2, 0),
		filter.Load(offFlags, 2),
		filter.NoBits(loaded(unix.NLM_F_REPLACE), 1),
		filter.Return(filter.Take),
		filter.Return(filter.Drop),
	}
}

// loaded returns what a load of the filter, which reads in network order, finds for a native 16-bit value.
func loaded(v uint16) uint32 {
	b := native.AppendUint16(nil, v)
	return uint32(b[0])<<8 | uint32(b[1])
}

// gatewayFilter lets through links, addresses, and default routes that are not ours.
func gatewayFilter() []filter.Instruction {
	return []filter.Instruction{
		filter.Load(offType, 2),
		filter.Equal(loaded(unix.RTM_NEWROUTE), 1, 0),
		filter.Differs(loaded(unix.RTM_DELROUTE), 4),
		filter.Load(offDstLen, 1),
		filter.Differs(0, 3),
		filter.Load(offProtocol, 1),
		filter.Equal(kstate.Protocol, 1, 0),
		filter.Return(filter.Take),
		filter.Return(filter.Drop),
	}
}
