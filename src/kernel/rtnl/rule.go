package rtnl

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// fibRuleHdrLen is the size of struct fib_rule_hdr (linux/fib_rules.h).
const fibRuleHdrLen = 12

// Actions of rules, FR_ACT_* of linux/fib_rules.h.
const (
	actToTable     = 1
	actGoto        = 2
	actNop         = 3
	actBlackhole   = 6
	actUnreachable = 7
	actProhibit    = 8
)

var ruleActions = map[uint8]kstate.RuleAction{
	actToTable: kstate.Lookup, actBlackhole: kstate.Blackhole, actUnreachable: kstate.Unreachable, actProhibit: kstate.Prohibit,
	actGoto: kstate.Goto, actNop: "nop",
}

func actionCode(a kstate.RuleAction) (uint8, error) {
	switch a {
	case kstate.Lookup:
		return actToTable, nil
	case kstate.Goto:
		return actGoto, nil
	case kstate.Blackhole:
		return actBlackhole, nil
	case kstate.Unreachable:
		return actUnreachable, nil
	case kstate.Prohibit:
		return actProhibit, nil
	}
	return 0, fmt.Errorf("rule action %q: %w", a, unix.EINVAL)
}

// AddRule adds a rule of protocol 77; one that is there already is fine.
//
// The kernel says EEXIST of a rule without source, destination or TOS even where it has only one of the same priority that names
// these (rule_exists of net/core/fib_rules.c, fib4_rule_compare of net/ipv4/fib_rules.c). So its word is checked.
func (c *Conn) AddRule(r kstate.Rule) error {
	body, err := encodeRule(r)
	if err == nil {
		err = c.change(unix.RTM_NEWRULE, netlink.Create|netlink.Excl, body)
	}
	if isErrno(err, unix.EEXIST) {
		var exists bool
		exists, err = c.hasRule(r)
		if err == nil && !exists {
			err = c.change(unix.RTM_NEWRULE, netlink.Create, body)
		}
	}
	if err != nil {
		return fmt.Errorf("add %s: %w", r, err)
	}
	return nil
}

func (c *Conn) hasRule(r kstate.Rule) (found bool, err error) {
	err = c.dumpRules(context.Background(), r.Family, func() { found = false }, func(o kstate.Rule, protocol uint8) {
		found = found || (protocol == kstate.Protocol && o == r)
	})
	return found, err
}

// DelRule deletes a rule of protocol 77; one that is gone already is fine.
//
// The kernel deletes the first rule that has what the request names: a selector that the request does not name (a mark, a port, the
// inversion, suppress_prefixlength) matches whatever the rule has there (rule_find of net/core/fib_rules.c). So the kernel is asked
// to echo what it deleted, and a rule that was deleted by such a mistake is put back at once.
func (c *Conn) DelRule(r kstate.Rule) error {
	body, err := encodeRule(r)
	if err != nil {
		return fmt.Errorf("delete %s: %w", r, err)
	}
	var wrong []kstate.Rule
	for {
		got, found, derr := c.deleteRule(body)
		if derr != nil && !isErrno(derr, unix.ENOENT, unix.ESRCH) {
			err = fmt.Errorf("delete %s: %w", r, derr)
		}
		if derr != nil || !found || got == r {
			break
		}
		wrong = append(wrong, got)
	}
	for _, w := range wrong {
		err = errors.Join(err, c.AddRule(w))
	}
	return err
}

func (c *Conn) deleteRule(body []byte) (got kstate.Rule, found bool, err error) {
	err = c.exchange(context.Background(), unix.RTM_DELRULE, netlink.Echo|netlink.Acknowledge, body, func(h header, data []byte) {
		if h.typ == unix.RTM_DELRULE {
			got, _, found = decodeRule(data)
		}
	})
	return got, found, err
}

// encodeRule returns the payload of RTM_NEWRULE and RTM_DELRULE.
func encodeRule(r kstate.Rule) ([]byte, error) {
	act, err := actionCode(r.Action)
	if err != nil {
		return nil, err
	}
	m := make(Message, fibRuleHdrLen, 128)
	m[0], m[3], m[7] = uint8(r.Family), r.TOS, act
	if r.Not {
		native.PutUint32(m[8:], unix.FIB_RULE_INVERT)
	}
	m.U32(unix.FRA_PRIORITY, r.Priority)
	m.U8(unix.FRA_PROTOCOL, kstate.Protocol)
	for i, p := range []netip.Prefix{r.Dst, r.Src} {
		if !p.IsValid() {
			continue
		}
		if kstate.FamilyOf(p.Addr()) != r.Family {
			return nil, fmt.Errorf("prefix %s is not %s: %w", p, r.Family, unix.EINVAL)
		}
		m[1+i] = uint8(p.Bits()) // dst_len, src_len
		m.Addr(uint16(unix.FRA_DST+i), p.Addr())
	}
	if r.IIF != "" {
		m.Name(unix.FRA_IIFNAME, r.IIF)
	}
	if r.OIF != "" {
		m.Name(unix.FRA_OIFNAME, r.OIF)
	}
	if r.Mask != 0 {
		m.U32(unix.FRA_FWMARK, r.Mark)
		m.U32(unix.FRA_FWMASK, r.Mask)
	}
	if r.IPProto != 0 {
		m.U8(unix.FRA_IP_PROTO, r.IPProto)
	}
	m.ports(unix.FRA_SPORT_RANGE, r.Sport)
	m.ports(unix.FRA_DPORT_RANGE, r.Dport)
	if r.UID.Set {
		m.Attr(unix.FRA_UID_RANGE, native.AppendUint32(native.AppendUint32(nil, r.UID.Lo), r.UID.Hi))
	}
	if r.Action == kstate.Lookup {
		if r.Table < 256 {
			m[4] = uint8(r.Table)
		}
		m.U32(unix.FRA_TABLE, r.Table)
		if r.Suppress > 0 {
			m.U32(unix.FRA_SUPPRESS_PREFIXLEN, uint32(r.Suppress-1))
		}
	}
	if r.Action == kstate.Goto {
		m.U32(unix.FRA_GOTO, r.Target)
	}
	return m, nil
}

func (m *Message) ports(typ uint16, p kstate.PortRange) {
	if p != (kstate.PortRange{}) {
		m.Attr(typ, native.AppendUint16(native.AppendUint16(nil, p.Lo), p.Hi))
	}
}

// decodeRule reads a rule and the routing protocol that made it; ok is false where it is none of IPv4 or IPv6. Attributes that it does
// not know are passed over.
func decodeRule(data []byte) (r kstate.Rule, protocol uint8, ok bool) {
	if len(data) < fibRuleHdrLen || !known(kstate.Family(data[0])) {
		return r, 0, false
	}
	r.Family, r.TOS, r.Table = kstate.Family(data[0]), data[3], uint32(data[4])
	r.Not = native.Uint32(data[8:])&unix.FIB_RULE_INVERT != 0
	r.Action = ruleActions[data[7]]
	for typ, v := range Attrs(data[fibRuleHdrLen:]) {
		switch typ {
		case unix.FRA_PROTOCOL:
			protocol = Uint8(v)
		case unix.FRA_DST:
			r.Dst = prefix(Address(v), data[1])
		case unix.FRA_SRC:
			r.Src = prefix(Address(v), data[2])
		default:
			decodeSelector(&r, typ, v)
		}
	}
	if r.Action != kstate.Lookup {
		r.Table, r.Suppress = 0, 0
	}
	if r.Action != kstate.Goto {
		r.Target = 0
	}
	return r, protocol, true
}

func decodeSelector(r *kstate.Rule, typ uint16, v []byte) {
	switch typ {
	case unix.FRA_PRIORITY:
		r.Priority = Uint32(v)
	case unix.FRA_IIFNAME:
		r.IIF = Text(v)
	case unix.FRA_OIFNAME:
		r.OIF = Text(v)
	case unix.FRA_FWMARK:
		r.Mark = Uint32(v)
	case unix.FRA_FWMASK:
		r.Mask = Uint32(v)
	case unix.FRA_IP_PROTO:
		r.IPProto = Uint8(v)
	case unix.FRA_SPORT_RANGE:
		r.Sport = portRange(v)
	case unix.FRA_DPORT_RANGE:
		r.Dport = portRange(v)
	case unix.FRA_UID_RANGE:
		if len(v) >= 8 {
			r.UID = kstate.UIDRange{Set: true, Lo: Uint32(v), Hi: Uint32(v[4:])}
		}
	case unix.FRA_GOTO:
		r.Target = Uint32(v)
	case unix.FRA_TABLE:
		r.Table = Uint32(v)
	case unix.FRA_SUPPRESS_PREFIXLEN:
		r.Suppress = max(int(int32(Uint32(v)))+1, 0) // below 0 is none
	}
}

func portRange(v []byte) kstate.PortRange {
	if len(v) < 4 {
		return kstate.PortRange{}
	}
	return kstate.PortRange{Lo: Uint16(v), Hi: Uint16(v[2:])}
}

// dumpRules hands every rule of a family to each. A family that the kernel lacks has none.
func (c *Conn) dumpRules(ctx context.Context, f kstate.Family, start func(), each func(r kstate.Rule, protocol uint8)) error {
	body := make(Message, fibRuleHdrLen)
	body[0] = uint8(f)
	err := c.dump(ctx, unix.RTM_GETRULE, body, start, func(data []byte) {
		if r, protocol, ok := decodeRule(data); ok && r.Family == f {
			each(r, protocol)
		}
	})
	if isErrno(err, syscall.EAFNOSUPPORT, syscall.EOPNOTSUPP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("dump %s rules: %w", f, err)
	}
	return nil
}
