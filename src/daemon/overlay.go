package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/kernel/l2tp"
	"multiwan/src/kernel/link"
	"multiwan/src/kernel/nft"
	"multiwan/src/kernel/rtnl"
	"multiwan/src/kernel/xfrm"
	"multiwan/src/reconcile"
)

// joining is the part of the kernel that joins sites.
type joining struct {
	l2tp *l2tp.Conn
	link *link.Conn
	xfrm *xfrm.Conn // nil where the kernel has no IPsec
	// protects is closed once there is xfrm.
	protects chan struct{}
	rtnl     *rtnl.Conn
	nft      *nft.Conn
	can      bool // send copies of packets
	// bridges puts devices into bridges and bonds.
	bridges handover
}

// openJoining opens the sockets beside those to rtnetlink and nftables. A kernel without IPsec or L2TP is no error: what needs them says so.
func openJoining(c *rtnl.Conn, n *nft.Conn) (*joining, error) {
	j := &joining{link: link.New(c), rtnl: c, nft: n, protects: make(chan struct{})}
	j.bridges.ports = j.link
	var err error
	if j.l2tp, err = l2tp.Dial(); err != nil {
		return nil, err
	}
	if err = j.dialIPsec(); err != nil && !errors.Is(err, xfrm.ErrUnsupported) {
		j.l2tp.Close()
		return nil, err
	}
	return j, nil
}

// dialIPsec opens the socket to IPsec unless it is open. While the kernel lacks it each call makes the kernel look for the module.
func (j *joining) dialIPsec() (err error) {
	if j.xfrm == nil {
		if j.xfrm, err = xfrm.Dial(); err == nil {
			close(j.protects)
		}
	}
	return err
}

func (j *joining) close() {
	j.l2tp.Close()
	if j.xfrm != nil {
		j.xfrm.Close()
	}
}

// Observe looks at all that a pass needs to know.
func (j *joining) Observe(ctx context.Context, k reconcile.Look) (reconcile.Seen, error) {
	seen := reconcile.Seen{
		Devices: map[string]overlay.Device{}, Addrs: map[netip.Addr]string{}, Missing: map[string]bool{},
		PathMTU: map[netip.Addr]int{}, Sources: map[netip.Addr]netip.Addr{}, Indexes: map[string]int{},
	}
	st, err := j.link.Observe(ctx, k.Devices)
	if err != nil {
		return seen, err
	}
	sortDevices(&seen, st)
	if k.L2TP {
		_ = j.dialIPsec() // it may be installed later
		seen.All.Tunnels, seen.All.Sessions, err = j.l2tp.Observe(ctx)
		if errors.Is(err, l2tp.ErrNoModule) {
			seen.Missing["l2tp_eth"] = true
		} else if err != nil {
			return seen, err
		}
	}
	if j.xfrm == nil {
		seen.Missing["xfrm_user"] = true
	} else if seen.All.Blocks, err = j.xfrm.Observe(ctx); err != nil {
		return seen, err
	}
	if k.Copies && !j.can { // a module may be installed later
		can, err := j.nft.CanCopy(ctx)
		j.can = can && err == nil
		seen.Missing["nft_dup_ipv4"] = !j.can
	}
	return seen, j.paths(ctx, k, &seen)
}

// sortDevices puts what is ours into the overlay that was seen, and the rest beside it.
func sortDevices(seen *reconcile.Seen, st link.State) {
	seen.All.Links, seen.All.Mirrors = st.Links, st.Mirrors
	for name, d := range st.Devices {
		seen.Indexes[name] = d.Index
		if !d.Own {
			seen.Devices[name] = overlay.Device{Index: d.Index, Up: d.Up, Carrier: d.Carrier, MTU: d.MTU, Kind: d.Kind, Master: d.Master,
				VLANFiltering: d.Bridge.VLANFiltering, STP: d.Bridge.STP}
		}
	}
	for _, p := range st.Ports {
		if st.Devices[p.Device].Own || st.Devices[p.Master].Own {
			seen.All.Ports = append(seen.All.Ports, p)
		}
	}
	for _, a := range st.Addresses {
		switch {
		case a.Own:
			seen.All.Addrs = append(seen.All.Addrs, a.Address)
		default:
			seen.Addrs[a.Prefix.Addr()] = a.Device
		}
	}
}

// paths asks the routing table. What it cannot answer stays unknown.
func (j *joining) paths(ctx context.Context, k reconcile.Look, seen *reconcile.Seen) error {
	for _, p := range k.Paths {
		a, err := j.rtnl.RouteGet(ctx, rtnl.RouteQuery{Src: p.Local, Dst: p.Remote})
		if err != nil || a.MTU == 0 {
			continue
		}
		if known := seen.PathMTU[p.Remote]; known == 0 || a.MTU < known {
			seen.PathMTU[p.Remote] = a.MTU
		}
	}
	for _, r := range k.Sources {
		if a, err := j.rtnl.RouteGet(ctx, rtnl.RouteQuery{Dst: r}); err == nil && a.Type == kstate.Unicast {
			seen.Sources[r] = a.Src
		}
	}
	return ctx.Err()
}

// Apply carries out one operation.
func (j *joining) Apply(_ context.Context, op *diff.OverlayOp) error {
	gone := op.Verb == diff.Delete
	switch {
	case op.Kind == diff.Block && j.xfrm == nil:
		return xfrm.ErrUnsupported
	case op.Kind == diff.Block && gone:
		return j.xfrm.DelBlock(op.Block)
	case op.Kind == diff.Block:
		return j.xfrm.AddBlock(op.Block)
	case op.Kind == diff.Tunnel && gone:
		return j.l2tp.DelTunnel(op.Tunnel.ID)
	case op.Kind == diff.Tunnel:
		return j.addTunnel(op.Tunnel)
	case op.Kind == diff.Session && gone:
		j.bridges.giveBack(op.Session.Device)
		return j.l2tp.DelSession(op.Session.SessionKey())
	case op.Kind == diff.Session:
		return j.l2tp.AddSession(op.Session)
	}
	return j.applyLink(op, gone)
}

// addTunnel makes a tunnel. While a block stands and there is no SA yet, the kernel refuses to connect the tunnel's socket (EPERM). So
// the outgoing block is away for that moment: a tunnel without a session sends nothing, and the guard in nftables stands.
func (j *joining) addTunnel(t kstate.Tunnel) error {
	err := j.l2tp.AddTunnel(t)
	if !errors.Is(err, syscall.EPERM) || j.xfrm == nil {
		return err
	}
	out := t.Blocks()[0]
	if err := j.xfrm.DelBlock(out); err != nil {
		return err
	}
	return errors.Join(j.l2tp.AddTunnel(t), j.xfrm.AddBlock(out))
}

func (j *joining) applyLink(op *diff.OverlayOp, gone bool) error {
	switch {
	case op.Kind == diff.Link && gone:
		j.bridges.giveBack(op.Link.Name)
		return j.link.DelLink(op.Link.Name)
	case op.Kind == diff.Link && op.Verb == diff.Add:
		return j.link.AddLink(op.Link)
	case op.Kind == diff.Link:
		return j.setLink(op)
	case op.Kind == diff.Port && gone:
		return j.bridges.clear(op.Port)
	case op.Kind == diff.Port:
		return j.bridges.set(op.Port)
	case op.Kind == diff.Address && gone:
		return j.link.DelAddress(op.Address, true) // only what is known to be ours is ever deleted
	case op.Kind == diff.Address:
		return j.link.AddAddress(op.Address)
	case op.Kind == diff.Mirror && gone:
		return j.link.DelMirror(op.Mirror)
	case op.Kind == diff.Mirror:
		return j.link.AddMirror(op.Mirror)
	}
	return fmt.Errorf("%s: not an operation on the overlay", op)
}

// setLink changes a device. That of a session that has just been made has no alias yet.
func (j *joining) setLink(op *diff.OverlayOp) error {
	if op.Link.Kind == kstate.KindL2TP && op.Was.Alias == "" {
		if err := j.link.Claim(op.Link.Name, op.Link.Alias); err != nil {
			return err
		}
	}
	return j.link.SetLink(op.Link)
}
