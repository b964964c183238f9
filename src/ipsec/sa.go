package ipsec

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// SA is an IKE_SA of charon with the best of its CHILD_SAs.
type SA struct {
	ID    uint64 // charon's number of the IKE_SA, unique while charon runs
	State string // CONNECTING ESTABLISHED REKEYING DELETING …
	// Local and Remote are the outer ends, port 500 or 4500.
	Local, Remote     netip.AddrPort
	LocalID, RemoteID string
	Initiator         bool      // we set it up
	Answered          bool      // the peer has answered something
	Established       time.Time // zero before
	RekeyIn           time.Duration
	NAT               bool   // there is a NAT between the ends, or one was faked by ForceEncap
	Proposal          string // of IKE, in charon's notation
	Child             Child  // zero without one
}

// Child is a CHILD_SA.
type Child struct {
	ID    uint64
	Name  string
	State string // INSTALLED REKEYING REKEYED DELETING …
	Mode  string // kstate.ModeTransport or kstate.ModeTunnel
	Encap bool   // ESP is carried in UDP
	// SPIIn and SPIOut are the SPIs of the kernel's two states.
	SPIIn, SPIOut                            uint32
	BytesIn, BytesOut, PacketsIn, PacketsOut uint64
	Proposal                                 string // of ESP
	Installed                                time.Time
	RekeyIn                                  time.Duration
	// LocalTS and RemoteTS are as charon prints them, services by name: "192.0.2.1/32[udp/l2tp]".
	LocalTS, RemoteTS []string
}

// Usable says whether the CHILD_SA carries packets.
func (c Child) Usable() bool {
	return c.State == "INSTALLED" || c.State == "UPDATING" || c.State == "REKEYING"
}

// Usable says whether a CHILD_SA of the IKE_SA carries packets.
func (s SA) Usable() bool { return s.Child.Usable() }

// alive says whether the IKE_SA is more than a remnant of a rekeying or a deletion.
func (s SA) alive() bool {
	switch s.State {
	case "DELETING", "DESTROYING", "REKEYED":
		return false
	}
	return true
}

// values reads a message of charon: what is absent or of another kind is the zero value.
type values struct{ fields section }

func (v values) text(key string) string   { return v.fields.get(key).value }
func (v values) list(key string) []string { return v.fields.get(key).list }
func (v values) yes(key string) bool      { return v.text(key) == "yes" }
func (v values) number(key string) uint64 {
	n, _ := strconv.ParseUint(v.text(key), 10, 64)
	return n
}
func (v values) spi(key string) uint32 {
	n, _ := strconv.ParseUint(v.text(key), 16, 32)
	return uint32(n)
}

// span reads seconds.
func (v values) span(key string) time.Duration {
	n, _ := strconv.ParseInt(v.text(key), 10, 64)
	return time.Duration(n) * time.Second
}

// ago reads seconds that have passed.
func (v values) ago(key string, now time.Time) time.Time {
	if v.text(key) == "" {
		return time.Time{}
	}
	return now.Add(-v.span(key))
}

func (v values) end(host, port string) netip.AddrPort {
	a, err := netip.ParseAddr(v.text(host))
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, uint16(v.number(port)))
}

// proposal joins what was agreed upon into charon's notation.
func (v values) proposal() string {
	var parts []string
	alg := func(name, size string) {
		if a := v.text(name); a != "" {
			if k := v.text(size); k != "" {
				a += "-" + k
			}
			parts = append(parts, a)
		}
	}
	alg("encr-alg", "encr-keysize")
	alg("integ-alg", "integ-keysize")
	alg("prf-alg", "")
	alg("dh-group", "")
	return strings.Join(parts, "/")
}

// sections calls f for every sub-section.
func (v values) sections(f func(name string, s values)) {
	for _, k := range v.fields {
		if k.sub != nil {
			f(k.key, values{k.sub})
		}
	}
}

// readSA reads what an event list-sa has below the name of a connection.
func readSA(v values, now time.Time) SA {
	s := SA{
		ID: v.number("uniqueid"), State: v.text("state"),
		Local: v.end("local-host", "local-port"), Remote: v.end("remote-host", "remote-port"),
		LocalID: v.text("local-id"), RemoteID: v.text("remote-id"), Initiator: v.yes("initiator"),
		Answered:    strings.Trim(v.text("responder-spi"), "0") != "",
		Established: v.ago("established", now), RekeyIn: v.span("rekey-time"), NAT: v.yes("nat-any"), Proposal: v.proposal(),
	}
	values{v.fields.get("child-sas").sub}.sections(func(_ string, c values) {
		if child := readChild(c, now); child.better(s.Child) {
			s.Child = child
		}
	})
	return s
}

func readChild(v values, now time.Time) Child {
	return Child{
		ID: v.number("uniqueid"), Name: v.text("name"), State: v.text("state"), Mode: strings.ToLower(v.text("mode")), Encap: v.yes("encap"),
		SPIIn: v.spi("spi-in"), SPIOut: v.spi("spi-out"),
		BytesIn: v.number("bytes-in"), BytesOut: v.number("bytes-out"), PacketsIn: v.number("packets-in"), PacketsOut: v.number("packets-out"),
		Proposal: v.proposal(), Installed: v.ago("install-time", now), RekeyIn: v.span("rekey-time"),
		LocalTS: v.list("local-ts"), RemoteTS: v.list("remote-ts"),
	}
}

// better says whether c is to be shown rather than o: usable, then the younger.
func (c Child) better(o Child) bool {
	if c.Usable() != o.Usable() {
		return c.Usable()
	}
	return c.ID > o.ID
}

// sortSAs puts the best first: usable, then the younger.
func sortSAs(sas []SA) {
	order.By(sas, func(i, j int) int {
		x, y := sas[i], sas[j]
		switch {
		case x.Usable() != y.Usable() && x.Usable(), x.Usable() == y.Usable() && x.ID > y.ID:
			return -1
		case x.Usable() == y.Usable() && x.ID == y.ID:
			return 0
		}
		return 1
	})
}

// serves says whether an SA that charon has is one for c, as far as can be seen. It may be from before our start.
func serves(c kstate.Conn, s SA) bool {
	if c.Local.IsValid() && s.Local.IsValid() && s.Local.Addr() != c.Local {
		return false
	}
	if a, err := netip.ParseAddr(c.Remote); err == nil && s.Remote.IsValid() && s.Remote.Addr() != a {
		return false
	}
	if !s.Usable() {
		return true
	}
	return s.Child.Mode == c.Mode && within(s.Child.LocalTS, c.LocalTS) && within(s.Child.RemoteTS, c.RemoteTS)
}

// within says whether the selectors that were agreed upon lie in those that were wanted. Ports are not compared: charon prints services by
// name.
func within(have, want []string) bool {
	if len(want) == 0 {
		return true
	}
	for _, h := range have {
		inside := false
		for _, w := range want {
			inside = inside || covers(selector(w), selector(h))
		}
		if !inside {
			return false
		}
	}
	return true
}

func covers(w, h netip.Prefix) bool {
	return !w.IsValid() || !h.IsValid() || w.Bits() <= h.Bits() && w.Contains(h.Addr())
}

// selector reads the addresses of a traffic selector; the zero Prefix where they are no prefix ("dynamic", a range).
func selector(ts string) netip.Prefix {
	ts, _, _ = strings.Cut(ts, "[")
	if p, err := netip.ParsePrefix(ts); err == nil {
		return p
	}
	if a, err := netip.ParseAddr(ts); err == nil {
		return netip.PrefixFrom(a, a.BitLen())
	}
	return netip.Prefix{}
}
