package overlay

import (
	"encoding/hex"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"multiwan/src/core/config"
)

// writer writes sections of UCI.
type writer struct{ strings.Builder }

// section begins a section.
func (w *writer) section(kind, name string) {
	if w.Len() > 0 {
		w.WriteByte('\n')
	}
	fmt.Fprintf(w, "config %s %s\n", kind, quoted(name))
}

// option writes an option that is not empty.
func (w *writer) option(name, value string) {
	if value != "" {
		fmt.Fprintf(w, "\toption %s %s\n", name, quoted(value))
	}
}

func (w *writer) list(name string, values ...string) {
	for _, v := range values {
		fmt.Fprintf(w, "\tlist   %s %s\n", name, quoted(v))
	}
}

func (w *writer) number(name string, n uint32) {
	if n != 0 {
		w.option(name, strconv.FormatUint(uint64(n), 10))
	}
}

func (w *writer) seconds(name string, d time.Duration) {
	w.option(name, strconv.FormatFloat(d.Seconds(), 'f', -1, 64))
}

func (w *writer) flag(name string, set bool) {
	if set {
		w.option(name, "1")
	}
}

// addr writes an address if there is one.
func (w *writer) addr(name string, a netip.Addr) {
	if a.IsValid() {
		w.option(name, a.String())
	}
}

func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

func texts(ps []netip.Prefix) []string {
	out := make([]string, len(ps))
	for i, p := range ps {
		out[i] = p.String()
	}
	return out
}

// uci writes the mirrored sections. Names of WANs and bridges are this end's.
func (m *Mirror) uci() string {
	w := &writer{}
	for _, s := range m.IPsec {
		w.ipsec(s)
	}
	for _, p := range m.Pseudowires {
		w.pseudowire(p)
	}
	for _, x := range m.Bonds {
		w.bond(x)
	}
	return w.String()
}

func (w *writer) ipsec(s config.IPsec) {
	w.section("ipsec", s.Name)
	w.option("mode", s.Mode)
	w.option("interface", s.Interface)
	w.option("policy", s.Policy)
	w.addr("local", s.Local)
	w.addr("remote", s.Remote)
	if s.Any {
		w.option("remote", "any")
	}
	w.option("local_id", s.LocalID)
	w.option("remote_id", s.RemoteID)
	if len(s.PSK) > 0 {
		w.WriteString("\t# option psk: the same as at this end, which does not show it\n")
	}
	if s.Cert != "" {
		w.WriteString("\t# option cert, option key: its own; option ca: the authority of this end's certificate\n")
	}
	w.list("ike_proposal", s.IKEProposals...)
	w.list("esp_proposal", s.ESPProposals...)
	w.list("local_ts", texts(s.LocalTS)...)
	w.list("remote_ts", texts(s.RemoteTS)...)
	w.seconds("dpd", s.DPD)
	if s.Rekey > 0 {
		w.seconds("rekey", s.Rekey)
	}
	if s.IKERekey > 0 {
		w.seconds("ike_rekey", s.IKERekey)
	}
	w.flag("encap", s.Encap)
	w.option("initiate", map[bool]string{true: "yes", false: "no"}[s.Initiate])
}

func (w *writer) pseudowire(p config.Pseudowire) {
	w.section("pseudowire", p.Name)
	if p.Device != p.Name {
		w.option("device", p.Device)
	}
	w.carried(p)
	w.addr("local", p.Local)
	w.addr("remote", p.Remote)
	w.option("encap", p.Encap)
	if p.Encap == "udp" {
		w.number("local_port", uint32(p.LocalPort))
		w.number("remote_port", uint32(p.RemotePort))
		if !p.Checksum && p.Redundancy == nil { // with copies it follows from the mode
			w.option("checksum", "0")
		}
	}
	w.number("tunnel_id", p.TunnelID)
	w.number("peer_tunnel_id", p.PeerTunnel)
	w.number("session_id", p.SessionID)
	w.number("peer_session_id", p.PeerID)
	w.option("cookie", hex.EncodeToString([]byte(p.Cookie)))
	w.option("peer_cookie", hex.EncodeToString([]byte(p.PeerCookie)))
	if p.L2Spec != "default" {
		w.option("l2spec", p.L2Spec)
	}
	w.option("ipsec", p.IPsec)
	w.attach(p.Attach, p.Gateway, p.MTU)
}

// carried writes what carries a pseudowire.
func (w *writer) carried(p config.Pseudowire) {
	r := p.Redundancy
	if r == nil {
		w.option("interface", p.Interface)
		w.option("policy", p.Policy)
		return
	}
	w.option("redundancy", "duplicate")
	w.list("interface", r.Interfaces...)
	for _, a := range r.RemoteAlt {
		w.list("remote_alt", a.String())
	}
	switch {
	case r.Copies == "dscp":
		w.option("duplicate", "dscp "+strings.Trim(fmt.Sprint(r.DSCP), "[]"))
	case r.Copies != "all":
		w.option("duplicate", r.Copies)
	}
	w.number("duplicate_rate", uint32(r.Rate))
}

func (w *writer) bond(x config.Bond) {
	w.section("bond", x.Name)
	if x.Device != x.Name {
		w.option("device", x.Device)
	}
	for _, m := range x.Members {
		w.list("member", m.Name)
	}
	w.option("mode", x.Mode)
	w.option("monitor", x.Monitor)
	if x.Mode == "802.3ad" {
		w.option("lacp_rate", x.LACPRate)
	}
	if x.Mode == "802.3ad" || x.Mode == "balance-xor" {
		w.option("xmit_hash_policy", x.XmitHashPolicy)
	}
	if x.Monitor == "arp" {
		w.seconds("arp_interval", x.ARPInterval)
		for _, a := range x.ARPTargets {
			w.list("arp_target", a.String())
		}
	}
	w.option("primary", x.Primary)
	w.attach(x.Attach, x.Gateway, x.MTU)
}

func (w *writer) attach(a config.Attach, gateway netip.Addr, m config.MTU) {
	w.option("bridge", a.Bridge)
	if a.VLAN != 0 {
		w.number("vlan", uint32(a.VLAN))
		w.option("vlan_mode", a.VLANMode)
	}
	w.flag("isolated", a.Isolated)
	if a.Loop == "stp" {
		w.option("loop", a.Loop)
	}
	w.list("ipaddr", texts(a.Addresses)...)
	w.addr("gateway", gateway)
	if m.Mode == "fixed" {
		w.option("mtu", strconv.Itoa(m.Bytes))
	} else if m.Mode == "path" {
		w.option("mtu", m.Mode)
	}
}
