package kstate

import (
	"fmt"
	"net/netip"
	"strconv"
)

// Protocol is the routing protocol number of every route, nexthop and rule that multiwan makes (RTA_PROTOCOL, FRA_PROTOCOL).
const Protocol = 77

// The kernel's own tables (linux/rtnetlink.h).
const (
	TableMain  = 254
	TableLocal = 255
)

// RuleAction says what a rule or route does with a packet (FR_ACT_*, RTN_* in linux/fib_rules.h, linux/rtnetlink.h).
type RuleAction string

// The actions. Lookup and Goto are used by rules, Unicast by routes.
const (
	Lookup      RuleAction = "lookup"
	Goto        RuleAction = "goto"
	Unicast     RuleAction = "unicast"
	Prohibit    RuleAction = "prohibit"
	Unreachable RuleAction = "unreachable"
	Blackhole   RuleAction = "blackhole"
)

// PortRange is a range of ports, both ends included. The zero value matches every port.
type PortRange struct{ Lo, Hi uint16 }

// String returns "80" or "80-90".
func (p PortRange) String() string {
	if p.Lo == p.Hi {
		return fmt.Sprint(p.Lo)
	}
	return fmt.Sprintf("%d-%d", p.Lo, p.Hi)
}

// UIDRange is a range of user ids of local sockets. It counts only where Set.
type UIDRange struct {
	Set    bool
	Lo, Hi uint32
}

// Rule is a policy routing rule (ip-rule(8)) of protocol 77. Its whole value is its identity: the kernel holds two rules that differ
// in any field side by side, so a rule is never changed, only added and deleted. Rule is comparable.
type Rule struct {
	Family   Family
	Priority uint32
	Not      bool         // inverts all selectors together
	Src, Dst netip.Prefix // the zero prefix matches all
	IIF, OIF string       // input and output device; IIF "lo" is the router's own traffic
	Mark     uint32       // counts only where Mask is not 0
	Mask     uint32
	TOS      uint8
	IPProto  uint8 // 0 matches all
	Sport    PortRange
	Dport    PortRange
	UID      UIDRange
	Action   RuleAction // Lookup, Goto, Prohibit, Unreachable or Blackhole
	Table    uint32     // of Lookup
	// Target of Goto is the priority that evaluation goes on at; where no rule has it, the rule is passed over.
	Target uint32
	// Suppress is 1 + suppress_prefixlength: a looked-up route of at most that prefix length does not count. 0 is none.
	Suppress int
}

// Key identifies the rule: all of it.
func (r Rule) Key() string { return r.String() }

// String returns the rule as arguments of `ip`, for example "-4 rule pref 6000 fwmark 0x41000000/0x7f000000 lookup 19713".
//
// It is the key of a rule in maps of thousands: put together without fmt, it costs a tenth.
func (r Rule) String() string {
	b := make([]byte, 0, 96)
	b = append(b, r.Family.flag()...)
	b = strconv.AppendUint(append(b, " rule pref "...), uint64(r.Priority), 10)
	if r.Not {
		b = append(b, " not"...)
	}
	if r.Src.IsValid() {
		b = r.Src.AppendTo(append(b, " from "...))
	}
	if r.Dst.IsValid() {
		b = r.Dst.AppendTo(append(b, " to "...))
	}
	if r.TOS != 0 {
		b = appendHex(append(b, " tos "...), uint32(r.TOS))
	}
	if r.Mask != 0 {
		b = appendHex(append(appendHex(append(b, " fwmark "...), r.Mark), '/'), r.Mask)
	}
	if r.IIF != "" {
		b = append(append(b, " iif "...), r.IIF...)
	}
	if r.OIF != "" {
		b = append(append(b, " oif "...), r.OIF...)
	}
	if r.UID.Set {
		b = fmt.Appendf(b, " uidrange %d-%d", r.UID.Lo, r.UID.Hi)
	}
	if r.IPProto != 0 {
		b = strconv.AppendUint(append(b, " ipproto "...), uint64(r.IPProto), 10)
	}
	if r.Sport != (PortRange{}) {
		b = append(append(b, " sport "...), r.Sport.String()...)
	}
	if r.Dport != (PortRange{}) {
		b = append(append(b, " dport "...), r.Dport.String()...)
	}
	if r.Action == Goto {
		return string(strconv.AppendUint(append(b, " goto "...), uint64(r.Target), 10))
	}
	if r.Action != Lookup {
		return string(append(append(b, ' '), r.Action...))
	}
	b = append(append(b, " lookup "...), tableName(r.Table)...)
	if r.Suppress > 0 {
		b = strconv.AppendInt(append(b, " suppress_prefixlength "...), int64(r.Suppress-1), 10)
	}
	return string(b)
}

func appendHex(b []byte, v uint32) []byte {
	return strconv.AppendUint(append(b, "0x"...), uint64(v), 16)
}

func tableName(t uint32) string {
	switch t {
	case TableMain:
		return "main"
	case TableLocal:
		return "local"
	}
	return strconv.FormatUint(uint64(t), 10)
}
