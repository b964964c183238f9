package rtnl

import (
	"cmp"
	"context"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// nhMsgLen is the size of struct nhmsg (linux/nexthop.h).
const nhMsgLen = 8

// What linux/nexthop.h defines and x/sys/unix does not.
const (
	nhaResGroup          = 12 // NHA_RES_GROUP
	resGroupBuckets      = 1
	resGroupIdleTimer    = 2
	resGroupUnbalTimer   = 3
	groupTypeResilient   = 1 // NEXTHOP_GRP_TYPE_RES
	userHZ               = 100
	nexthopGrpLen        = 8 // struct nexthop_grp: id, weight less one, its high byte (Linux 6.12), two reserved bytes
	nexthopWeightMaximum = 256
)

// ReplaceNexthop makes a nexthop object of protocol 77 or changes the one with its id, and with it every route that uses it, in one
// step. The kernel refuses to change the number of buckets of a resilient group, and the kind of an object.
func (c *Conn) ReplaceNexthop(n kstate.Nexthop) error {
	body, err := encodeNexthop(n, c.devices())
	if err == nil {
		err = c.change(unix.RTM_NEWNEXTHOP, netlink.Create|netlink.Replace, body)
	}
	if err != nil && !isErrno(err, unix.EEXIST) {
		return fmt.Errorf("replace %s: %w", n, err)
	}
	return nil
}

// DelNexthop deletes a nexthop object; one that is gone already is fine. The kernel takes it out of its groups and deletes its routes.
func (c *Conn) DelNexthop(n kstate.Nexthop) error {
	m := make(Message, nhMsgLen, 16)
	m.U32(unix.NHA_ID, n.ID)
	if err := c.change(unix.RTM_DELNEXTHOP, 0, m); err != nil && !isErrno(err, unix.ENOENT, unix.ESRCH) {
		return fmt.Errorf("delete %s: %w", n, err)
	}
	return nil
}

// encodeNexthop returns the payload of RTM_NEWNEXTHOP.
func encodeNexthop(n kstate.Nexthop, d indexer) ([]byte, error) {
	m := make(Message, nhMsgLen, 64)
	m[0], m[2] = uint8(n.Family), kstate.Protocol
	m.U32(unix.NHA_ID, n.ID)
	if len(n.Group) > 0 {
		m[0] = 0
		return m, m.group(n)
	}
	if n.OnLink {
		native.PutUint32(m[4:], unix.RTNH_F_ONLINK)
	}
	if n.Gateway.IsValid() {
		m.Addr(unix.NHA_GATEWAY, n.Gateway)
	}
	i, err := d.index(n.Device)
	if err != nil {
		return nil, err
	}
	m.U32(unix.NHA_OIF, i)
	return m, nil
}

func (m *Message) group(n kstate.Nexthop) error {
	var all []byte
	for _, member := range n.Group {
		if member.Weight < 1 || member.Weight > nexthopWeightMaximum {
			return fmt.Errorf("weight %d: %w", member.Weight, unix.EINVAL)
		}
		all = native.AppendUint32(all, member.ID)
		all = append(all, uint8(member.Weight-1), 0, 0, 0)
	}
	m.Attr(unix.NHA_GROUP, all)
	if n.Buckets == 0 {
		return nil // a plain group, by hash threshold
	}
	m.U16(unix.NHA_GROUP_TYPE, groupTypeResilient)
	var res Message
	res.U16(resGroupBuckets, n.Buckets)
	res.U32(resGroupIdleTimer, n.IdleTimer*userHZ)
	res.U32(resGroupUnbalTimer, 0) // never move a bucket that is in use
	m.Attr(nhaResGroup|nested, res)
	return nil
}

// decodeNexthop reads a nexthop object and the protocol that made it.
func decodeNexthop(data []byte, d namer) (n kstate.Nexthop, protocol uint8, ok bool) {
	if len(data) < nhMsgLen {
		return n, 0, false
	}
	n.Family, n.OnLink = kstate.Family(data[0]), native.Uint32(data[4:])&unix.RTNH_F_ONLINK != 0
	for typ, v := range Attrs(data[nhMsgLen:]) {
		switch typ {
		case unix.NHA_ID:
			n.ID = Uint32(v)
		case unix.NHA_GATEWAY:
			n.Gateway = Address(v)
		case unix.NHA_OIF:
			n.Device = d.name(Uint32(v))
		case unix.NHA_GROUP:
			n.Group = decodeGroup(v)
		case nhaResGroup:
			for t, w := range Attrs(v) {
				switch t {
				case resGroupBuckets:
					n.Buckets = Uint16(w)
				case resGroupIdleTimer:
					n.IdleTimer = Uint32(w) / userHZ
				}
			}
		}
	}
	if len(n.Group) > 0 {
		n.Family = 0
	}
	return n, data[2], n.ID != 0
}

func decodeGroup(b []byte) []kstate.NexthopMember {
	var group []kstate.NexthopMember
	for ; len(b) >= nexthopGrpLen; b = b[nexthopGrpLen:] {
		group = append(group, kstate.NexthopMember{ID: Uint32(b), Weight: int(b[4]) + int(b[5])<<8 + 1})
	}
	order.By(group, func(i, j int) int { return cmp.Compare(group[i].ID, group[j].ID) })
	return group
}

// dumpNexthops hands every nexthop object of protocol 77 to each. A kernel without nexthop objects (before 5.3) has none.
func (c *Conn) dumpNexthops(ctx context.Context, d namer, start func(), each func(kstate.Nexthop)) error {
	err := c.dump(ctx, unix.RTM_GETNEXTHOP, make([]byte, nhMsgLen), start, func(data []byte) {
		if n, protocol, ok := decodeNexthop(data, d); ok && protocol == kstate.Protocol {
			each(n)
		}
	})
	if isErrno(err, unix.EOPNOTSUPP, unix.EAFNOSUPPORT) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("dump nexthops: %w", err)
	}
	return nil
}
