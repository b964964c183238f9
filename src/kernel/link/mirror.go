package link

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
	"multiwan/src/kernel/rtnl"
)

// Numbers of linux/pkt_sched.h, linux/pkt_cls.h and linux/tc_act/tc_mirred.h.
const (
	tcMsgLen = 20 // struct tcmsg

	clsactHandle  = 0xffff0000
	clsactParent  = 0xfffffff1 // TC_H_CLSACT
	ingressParent = 0xfffffff2 // of the filters of incoming frames
	egressParent  = 0xfffffff3

	tcaKind         = 1
	tcaOptions      = 2
	matchallActions = 2 // TCA_MATCHALL_ACT
	actKind         = 1
	actOptions      = 2
	mirredParms     = 2 // TCA_MIRRED_PARMS: struct tc_mirred
	mirredParmsLen  = 28
	mirredEgress    = 1 // TCA_EGRESS_REDIR
	actStolen       = 4 // TC_ACT_STOLEN
)

// tcRequest returns the head of a message about a queueing discipline or filter.
func tcRequest(index int, handle, parent, info uint32) rtnl.Message {
	m := make(rtnl.Message, tcMsgLen, 128)
	for i, v := range []uint32{uint32(index), handle, parent, info} {
		native.PutUint32(m[4+4*i:], v)
	}
	return m
}

// filterInfo is the priority of our filter and the protocol that it is for, all of them (ETH_P_ALL, in network order).
func filterInfo() uint32 {
	return kstate.MirrorPriority<<16 | uint32(native.Uint16([]byte{0, unix.ETH_P_ALL}))
}

// filter is one on a device, as far as it tells ours from others.
type filter struct {
	own bool
	to  int // 0 where the device is gone
}

// AddMirror puts the mirror on a device of ours, in the place of another one of ours. What else hangs on the device stays.
func (c *Conn) AddMirror(r kstate.Mirror) error {
	if err := c.addMirror(r); err != nil {
		return fmt.Errorf("add %s: %w", r, err)
	}
	return nil
}

func (c *Conn) addMirror(r kstate.Mirror) error {
	d, found, err := c.own(r.From)
	if err == nil && !found {
		err = fmt.Errorf("device %s: %w", r.From, unix.ENODEV)
	}
	if err != nil {
		return err
	}
	to, err := c.c.DeviceIndex(r.To)
	if err != nil {
		return err
	}
	filters, err := c.filters(context.Background(), d.index, ingressParent)
	if err != nil {
		return err
	}
	for _, f := range filters {
		if f.own && f.to == to {
			return nil
		}
		if f.own { // matchall cannot be changed in place (mall_change of net/sched/cls_matchall.c)
			if err := c.delFilter(d.index); err != nil {
				return err
			}
		}
	}
	fresh, err := c.addQdisc(d.index)
	if err != nil {
		return err
	}
	m := tcRequest(d.index, kstate.MirrorPriority, ingressParent, filterInfo())
	m.Name(tcaKind, "matchall")
	m.Attr(tcaOptions|nested, mirredAction(to))
	err = lacking("mirred", c.c.Request(unix.RTM_NEWTFILTER, netlink.Create|netlink.Excl, m))
	if err != nil && fresh {
		err = errors.Join(err, c.delQdisc(d.index))
	}
	return err
}

// mirredAction returns the options of a matchall filter that redirects to a device.
func mirredAction(to int) rtnl.Message {
	parms := make([]byte, mirredParmsLen)
	native.PutUint32(parms[8:], actStolen)
	native.PutUint32(parms[20:], mirredEgress)
	native.PutUint32(parms[24:], uint32(to))
	var options, action, actions, m rtnl.Message
	options.Attr(mirredParms, parms)
	action.Name(actKind, "mirred")
	action.Attr(actOptions|nested, options)
	actions.Attr(1|nested, action)
	m.Attr(matchallActions|nested, actions)
	return m
}

// addQdisc makes the place for filters; fresh is false where there was one.
func (c *Conn) addQdisc(index int) (fresh bool, err error) {
	err = c.c.Request(unix.RTM_NEWQDISC, netlink.Create|netlink.Excl, clsact(index))
	if rtnl.IsErrno(err, unix.EEXIST) {
		return false, nil
	}
	return true, lacking("clsact", err)
}

func (c *Conn) delQdisc(index int) error { return c.c.Request(unix.RTM_DELQDISC, 0, clsact(index)) }

func clsact(index int) rtnl.Message {
	m := tcRequest(index, clsactHandle, clsactParent, 0)
	m.Name(tcaKind, "clsact")
	return m
}

func (c *Conn) delFilter(index int) error {
	m := tcRequest(index, kstate.MirrorPriority, ingressParent, filterInfo())
	m.Name(tcaKind, "matchall")
	return c.c.Request(unix.RTM_DELTFILTER, 0, m)
}

// DelMirror takes the mirror of ours from a device, wherever it leads, and the clsact queueing discipline with it where nothing else hangs there.
func (c *Conn) DelMirror(r kstate.Mirror) error {
	if err := c.delMirror(r.From); err != nil {
		return fmt.Errorf("delete %s: %w", r, err)
	}
	return nil
}

func (c *Conn) delMirror(from string) error {
	d, found, err := c.own(from)
	if err != nil || !found {
		return err
	}
	others := 0
	own := false
	for _, parent := range []uint32{ingressParent, egressParent} {
		filters, err := c.filters(context.Background(), d.index, parent)
		if err != nil {
			return err
		}
		for _, f := range filters {
			if f.own && parent == ingressParent {
				own = true
			} else {
				others++
			}
		}
	}
	if !own {
		return nil
	}
	err = c.delFilter(d.index)
	if err == nil && others == 0 {
		err = c.delQdisc(d.index)
	}
	if rtnl.IsErrno(err, unix.ENOENT, unix.ENODEV, unix.EINVAL) { // somebody else was faster
		return nil
	}
	return err
}

// filters returns the filters on one side of a device; none where there is nothing that could have any.
func (c *Conn) filters(ctx context.Context, index int, parent uint32) ([]filter, error) {
	var list []filter
	m := tcRequest(index, 0, parent, 0)
	err := c.c.Dump(ctx, unix.RTM_GETTFILTER, m, func() { list = list[:0] }, func(data []byte) {
		if f, ok := decodeFilter(data); ok {
			list = append(list, f)
		}
	})
	if rtnl.IsErrno(err, unix.EOPNOTSUPP, unix.ENOENT, unix.EINVAL, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return list, fmt.Errorf("dump filters: %w", err)
	}
	return list, nil
}

// decodeFilter reads RTM_NEWTFILTER. Each chain of filters is told twice, first without handle.
func decodeFilter(data []byte) (f filter, ok bool) {
	if len(data) < tcMsgLen || native.Uint32(data[8:]) == 0 {
		return f, false
	}
	mine := native.Uint32(data[8:]) == kstate.MirrorPriority && native.Uint32(data[16:])>>16 == kstate.MirrorPriority
	for typ, v := range rtnl.Attrs(data[tcMsgLen:]) {
		switch typ {
		case tcaKind:
			f.own = mine && rtnl.Text(v) == "matchall"
		case tcaOptions:
			if f.own {
				f.to = decodeMirred(v)
			}
		}
	}
	return f, true
}

// decodeMirred finds the device of the first action.
func decodeMirred(options []byte) (to int) {
	for kind, path := range rtnl.Attrs(options) {
		if kind != matchallActions {
			continue
		}
		for _, action := range rtnl.Attrs(path) {
			for typ, v := range rtnl.Attrs(action) {
				if typ != actOptions {
					continue
				}
				for t, parms := range rtnl.Attrs(v) {
					if t == mirredParms && len(parms) >= mirredParmsLen {
						return int(native.Uint32(parms[24:]))
					}
				}
			}
		}
	}
	return 0
}

// mirrors asks the devices of ours that have a place for filters; one dump of all queueing disciplines tells which.
func (s *survey) mirrors(ctx context.Context) error {
	var places []int
	err := s.c.c.Dump(ctx, unix.RTM_GETQDISC, tcRequest(0, 0, 0, 0), func() { places = places[:0] }, func(data []byte) {
		if len(data) < tcMsgLen {
			return
		}
		index := int(int32(native.Uint32(data[4:])))
		if d := s.byIndex[index]; native.Uint32(data[8:]) == clsactHandle && d != nil && (d.ours() || d.unfinished()) {
			places = append(places, index)
		}
	})
	if rtnl.IsErrno(err, unix.EOPNOTSUPP) {
		return nil // a kernel without traffic control
	}
	if err != nil && !errors.Is(err, rtnl.ErrPartial) {
		return fmt.Errorf("dump queueing disciplines: %w", err)
	}
	for _, index := range places {
		filters, ferr := s.c.filters(ctx, index, ingressParent)
		err = errors.Join(err, ferr)
		for _, f := range filters {
			if f.own {
				s.st.Mirrors = append(s.st.Mirrors, kstate.Mirror{From: s.name(index), To: s.name(f.to)})
			}
		}
	}
	order.By(s.st.Mirrors, func(i, j int) int { return strings.Compare(s.st.Mirrors[i].From, s.st.Mirrors[j].From) })
	return err
}
