package config

import (
	"net/netip"
	"slices"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Redundancy says that every packet of a pseudowire goes out by several paths. Path i leads from the i-th of Interfaces to the i-th of the far
// end's addresses, which are the remote of its IPsec section and RemoteAlt; a side with one stands in all of them.
type Redundancy struct {
	Interfaces []string
	RemoteAlt  []netip.Addr
	Copies     string  // all small dscp: which packets are copied
	DSCP       []uint8 // code points of dscp, in the frames
	Rate       int     // limit of the copies of a path in kbit/s; 0: none
}

// same says whether two pseudowires have the same paths and copies.
func (r *Redundancy) same(o *Redundancy) bool {
	if r == nil || o == nil {
		return r == o
	}
	return slices.Equal(r.Interfaces, o.Interfaces) && slices.Equal(r.RemoteAlt, o.RemoteAlt) && r.Copies == o.Copies && slices.Equal(r.DSCP, o.DSCP) && r.Rate == o.Rate
}

// duplicates says whether a section pseudowire asks for copies, also where other things are wrong with it.
func duplicates(s *section) bool { return one[string](s, "redundancy") == "duplicate" }

// redundancy reads how a pseudowire is duplicated, nil where it is not. It must have its IPsec section by now.
func (l *loader) redundancy(w *wire, conns []*conn) *Redundancy {
	ifaces := w.items("interface")
	if !duplicates(w.section) {
		if len(ifaces) > 1 {
			l.fail(w.section, "interface", ifaces[1], "want one interface, or option redundancy 'duplicate' with it")
		}
		return nil
	}
	r := &Redundancy{RemoteAlt: many[netip.Addr](w.section, "remote_alt"), Rate: number(w.section, "duplicate_rate")}
	copies := one[copiesValue](w.section, "duplicate")
	r.Copies, r.DSCP = copies.word, copies.dscp
	for i, it := range ifaces {
		if slices.Contains(r.Interfaces, it.text) {
			l.fail(w.section, "interface", it, "want each interface once")
			continue
		}
		r.Interfaces = append(r.Interfaces, it.text)
		if i == 0 {
			continue // the carrier, which is looked at as such
		}
		target, ok := l.refer(w.section, "interface", it)
		switch {
		case !ok:
			w.bad = true
		case !one[bool](target, "enabled"):
			l.warn(w.section, "interface", it, "is not enabled: no copy goes that way")
		}
		l.checkCarrier(w.section, it.text, kstate.IPv4)
	}
	l.checkRedundancy(w, r, conns)
	return r
}

// checkRedundancy refuses what cannot be duplicated.
func (l *loader) checkRedundancy(w *wire, r *Redundancy, conns []*conn) {
	it := w.first("redundancy")
	fail := func(format string, args ...any) {
		if !w.bad {
			l.fail(w.section, "redundancy", it, format, args...)
		}
	}
	i := order.First(len(conns), func(i int) bool { return conns[i].Name == w.IPsec })
	switch {
	case w.has("policy"):
		fail("want list interface instead of policy: copies go by every interface at once, a policy uses one after the other")
	case w.opts["ipsec"] == nil:
		fail("want option ipsec: copies are told apart by its packet numbers")
	case len(r.Interfaces) == 0:
		fail("want list interface: the WANs that the copies go by")
	case len(r.Interfaces) < 2 && len(r.RemoteAlt) == 0:
		fail("want two or more in list interface, or list remote_alt with further addresses of the far end: there is one path only")
	case i < 0:
		return // has been said
	case conns[i].Any:
		fail("want the far end's address in option remote of ipsec %s (line %d) instead of any: copies that come by its other addresses could not be told", conns[i].Name, conns[i].Line)
	case conns[i].Family == kstate.IPv6:
		fail("want IPv4 between the ends of ipsec %s (line %d): packets are not duplicated in IPv6 yet", conns[i].Name, conns[i].Line)
	case w.Family == kstate.IPv6 && r.Copies == "dscp":
		fail("want IPv4 in local and remote with duplicate 'dscp': code points are carried by IPv4 only yet")
	case conns[i].Mode == kstate.ModeTransport && w.Encap == "ip":
		fail("want encap 'udp', or mode 'tunnel' in ipsec %s (line %d)", conns[i].Name, conns[i].Line)
	case conns[i].Mode == kstate.ModeTransport && w.has("checksum") && w.Checksum:
		fail("want checksum 0, or mode 'tunnel' in ipsec %s (line %d): the source of copies is put back after the checksum was computed", conns[i].Name, conns[i].Line)
	case conns[i].Remote.IsValid() && slices.Contains(r.RemoteAlt, conns[i].Remote):
		l.fail(w.section, "remote_alt", w.first("remote_alt"), "want further addresses of the far end: %s is remote of ipsec %s (line %d)", conns[i].Remote, conns[i].Name, conns[i].Line)
	}
	if !w.bad && i >= 0 && conns[i].Mode == kstate.ModeTransport {
		w.Checksum = false // those of IPsec protect
	}
}

// agreeRedundancy refuses pseudowires of one connection that differ: it is the connection's packets that are copied.
func (l *loader) agreeRedundancy(w *wire, c *conn) {
	for _, o := range c.users {
		if o.Enabled && w.Enabled && !o.Redundancy.same(w.Redundancy) {
			l.fail(w.section, "redundancy", w.first("redundancy"), "want what pseudowire %s (line %d) has, which shares ipsec %s: its packets are copied for both or for none", o.Name, o.Line, c.Name)
			return
		}
	}
}
