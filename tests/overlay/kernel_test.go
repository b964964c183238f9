package overlay

import (
	"context"
	"net/netip"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
	"multiwan/src/kernel/l2tp"
	"multiwan/src/kernel/link"
	"multiwan/src/kernel/nft"
	"multiwan/src/kernel/rtnl"
	"multiwan/src/kernel/xfrm"
	"multiwan/tests/lab"
)

// site is a host with everything that joins sites open.
type site struct {
	*lab.Host
	t    *testing.T
	l2tp *l2tp.Conn
	link *link.Conn
	xfrm *xfrm.Conn
	nft  *nft.Conn
}

func open(t *testing.T, h *lab.Host) *site {
	t.Helper()
	s := &site{Host: h, t: t}
	var r *rtnl.Conn
	h.Do(func() {
		for _, dial := range []func() error{
			func() (err error) { s.l2tp, err = l2tp.Dial(); return err },
			func() (err error) { s.xfrm, err = xfrm.Dial(); return err },
			func() (err error) { s.nft, err = nft.Dial(); return err },
			func() (err error) { r, err = rtnl.Dial(); return err },
		} {
			if err := dial(); err != nil {
				t.Error(err)
				return
			}
		}
	})
	if t.Failed() {
		t.FailNow()
	}
	s.link = link.New(r)
	t.Cleanup(func() { s.l2tp.Close(); s.xfrm.Close(); s.nft.Close(); r.Close() })
	return s
}

// facts looks at the kernel. What is in it of the overlay is all ours here, the loopback address that noted names too.
func (s *site) facts(c *config.Config, noted []kstate.Address) overlay.Facts {
	s.t.Helper()
	var names []string
	for _, p := range c.Pseudowires {
		names = append(names, p.Device, p.Attach.Bridge)
	}
	for _, x := range c.Bonds {
		names = append(names, x.Device, x.Attach.Bridge)
		for _, m := range x.Members {
			names = append(names, m.Device)
		}
	}
	st, err := s.link.Observe(context.Background(), names)
	s.must(err)
	f := overlay.Facts{
		Network: plan.Network{WANs: map[string]plan.WAN{
			"wan":  {Device: "wan", MTU: 1500, IPv4: side("192.0.2.1/24"), IPv6: side("2001:db8::1/64")},
			"wanb": {Device: "wanb", MTU: 1500, IPv4: side("203.0.113.1/24"), IPv6: side("2001:db8:b::1/64")},
		}},
		Active:  map[string]map[kstate.Family][]string{"default": {kstate.IPv4: {"wan"}}},
		Devices: map[string]overlay.Device{}, SAs: map[string]overlay.SA{}, Verdicts: map[string]plan.Verdict{},
	}
	f.Have.Links, f.Have.Mirrors = st.Links, st.Mirrors
	f.Have.Tunnels, f.Have.Sessions, err = s.l2tp.Observe(context.Background())
	s.must(err)
	f.Have.Blocks, err = s.xfrm.Observe(context.Background())
	s.must(err)
	for name, d := range st.Devices {
		if !d.Own {
			f.Devices[name] = overlay.Device{Index: d.Index, Up: d.Up, MTU: d.MTU, Kind: d.Kind, Master: d.Master, VLANFiltering: d.Bridge.VLANFiltering, STP: d.Bridge.STP}
		}
	}
	for _, p := range st.Ports {
		if st.Devices[p.Device].Own || st.Devices[p.Master].Own {
			f.Have.Ports = append(f.Have.Ports, p)
		}
	}
	for _, a := range st.Addresses {
		for _, n := range noted {
			if a.Own || a.Address == n {
				f.Have.Addrs = append(f.Have.Addrs, a.Address)
				break
			}
		}
	}
	return f
}

func side(a string) plan.Side {
	return plan.Side{Addrs: []netip.Prefix{netip.MustParsePrefix(a)}}
}

func (s *site) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// do carries out an operation.
func (s *site) do(o diff.OverlayOp) error {
	gone := o.Verb == diff.Delete
	pick := func(del, add func() error) error {
		if gone {
			return del()
		}
		return add()
	}
	switch o.Kind {
	case diff.Block:
		return pick(func() error { return s.xfrm.DelBlock(o.Block) }, func() error { return s.xfrm.AddBlock(o.Block) })
	case diff.Tunnel:
		return pick(func() error { return s.l2tp.DelTunnel(o.Tunnel.ID) }, func() error { return s.l2tp.AddTunnel(o.Tunnel) })
	case diff.Session:
		return pick(func() error { return s.l2tp.DelSession(o.Session.SessionKey()) }, func() error { return s.l2tp.AddSession(o.Session) })
	case diff.Port:
		return pick(func() error { return s.link.ClearPort(o.Port) }, func() error { return s.link.SetPort(o.Port) })
	case diff.Address:
		return pick(func() error { return s.link.DelAddress(o.Address, true) }, func() error { return s.link.AddAddress(o.Address) })
	case diff.Mirror:
		return pick(func() error { return s.link.DelMirror(o.Mirror) }, func() error { return s.link.AddMirror(o.Mirror) })
	}
	switch {
	case gone:
		return s.link.DelLink(o.Link.Name)
	case o.Verb == diff.Add:
		return s.link.AddLink(o.Link)
	case o.Link.Kind == kstate.KindL2TP && o.Was.Alias == "":
		s.must(s.link.Claim(o.Link.Name, o.Link.Alias))
	}
	return s.link.SetLink(o.Link)
}

// pass plans, compares and carries out, and returns what it did.
func (s *site) pass(c *config.Config, noted []kstate.Address, change func(*overlay.Facts)) (p *overlay.Plan, ops []string) {
	s.t.Helper()
	f := s.facts(c, noted)
	if change != nil {
		change(&f)
	}
	p = overlay.Compute(c, f)
	have, err := s.nft.Observe(context.Background())
	s.must(err)
	_, err = s.nft.Apply(context.Background(), p.Tables, have, nil)
	s.must(err)
	for _, o := range diff.OverlayOps(p.Want, f.Have) {
		ops = append(ops, o.String())
		if err := s.do(o); err != nil {
			s.t.Errorf("%s: %v", o, err)
		}
	}
	return p, ops
}
