package rtnl

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
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
func watchFilter() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: offType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: loaded(unix.RTM_NEWROUTE), SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: loaded(unix.RTM_DELROUTE), SkipTrue: 6},
		bpf.LoadAbsolute{Off: offProtocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: kstate.Protocol, SkipTrue: 4},
		bpf.LoadAbsolute{Off: offDstLen, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: 0, SkipTrue: 2},
		bpf.LoadAbsolute{Off: offFlags, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: loaded(unix.NLM_F_REPLACE), SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 20},
		bpf.RetConstant{Val: 0},
	}
}

// loaded returns what a load of the filter, which reads in network order, finds for a native 16-bit value.
func loaded(v uint16) uint32 {
	b := native.AppendUint16(nil, v)
	return uint32(b[0])<<8 | uint32(b[1])
}

// gatewayFilter lets through links, addresses, and default routes that are not ours.
func gatewayFilter() []bpf.Instruction {
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: offType, Size: 2},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: loaded(unix.RTM_NEWROUTE), SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: loaded(unix.RTM_DELROUTE), SkipTrue: 4},
		bpf.LoadAbsolute{Off: offDstLen, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 3},
		bpf.LoadAbsolute{Off: offProtocol, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: kstate.Protocol, SkipTrue: 1},
		bpf.RetConstant{Val: 1 << 20},
		bpf.RetConstant{Val: 0},
	}
}
