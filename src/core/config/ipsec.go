package config

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"multiwan/src/core/kstate"
)

// conn is a section ipsec while it is checked.
type conn struct {
	*section
	IPsec
	users []*wire
}

// weakWords are algorithms that are broken or soon will be, and groups too small (RFC 8247, RFC 8221).
var weakWords = []string{
	"sha", "sha1", "sha1_160", "prfsha1", "md5", "md5_128", "prfmd5", "modp768", "modp1024", "modp1024s160", "modp1536",
	"des", "3des", "null", "cast128",
}

// conns reads the sections ipsec, as far as they can be judged by themselves.
func (l *loader) conns() []*conn {
	var cs []*conn
	for _, s := range l.of("ipsec") {
		c := &conn{section: s, IPsec: buildIPsec(s)}
		cs = append(cs, c)
		if s.opts["mode"] == nil && l.duplicated(c.Name) {
			c.Mode = kstate.ModeTunnel
		}
		c.Family = l.family(s)
		c.Interface, c.Policy = l.carrier(s)
		l.checkProof(s)
		l.checkWeak(s, "ike_proposal")
		l.checkWeak(s, "esp_proposal")
		if c.Any && c.Mode == kstate.ModeTransport {
			l.fail(s, "remote", s.first("remote"), "want an address or a host name, or mode 'tunnel' with remote 'any': the ends of a pseudowire must not change with the peer's address")
		}
		if c.Any && s.opts["remote_id"] == nil {
			l.fail(s, "remote_id", item{line: s.raw.Line}, "want this option with remote 'any': the peer is known by its identity alone")
		}
	}
	return cs
}

// duplicated says whether a pseudowire with copies uses a connection.
func (l *loader) duplicated(name string) bool {
	return slices.ContainsFunc(l.of("pseudowire"), func(s *section) bool { return duplicates(s) && one[string](s, "ipsec") == name })
}

func buildIPsec(s *section) IPsec {
	remote := one[endValue](s, "remote")
	return IPsec{
		Name: s.raw.Name, Line: s.raw.Line, Enabled: one[bool](s, "enabled"), Mode: one[string](s, "mode"), Local: one[netip.Addr](s, "local"),
		Remote: remote.addr, RemoteHost: remote.host, Any: remote.word != "", LocalID: one[string](s, "local_id"), RemoteID: one[string](s, "remote_id"),
		PSK: one[kstate.Secret](s, "psk"), Cert: one[string](s, "cert"), Key: one[string](s, "key"), CA: one[string](s, "ca"),
		IKEProposals: unique(many[string](s, "ike_proposal")), ESPProposals: unique(many[string](s, "esp_proposal")),
		LocalTS: unique(many[netip.Prefix](s, "local_ts")), RemoteTS: unique(many[netip.Prefix](s, "remote_ts")),
		DPD: one[time.Duration](s, "dpd"), Rekey: one[time.Duration](s, "rekey"), IKERekey: one[time.Duration](s, "ike_rekey"),
		Encap: one[bool](s, "encap"), Initiate: one[string](s, "initiate") == "yes",
	}
}

// checkProof wants one way to prove who we are.
func (l *loader) checkProof(s *section) {
	psk, cert := s.opts["psk"] != nil, s.opts["cert"] != nil
	switch {
	case !psk && !cert:
		l.fail(s, "psk", item{line: s.raw.Line}, "want this option, or cert and key")
	case psk && cert:
		l.fail(s, "cert", s.first("cert"), "want psk or cert, not both: psk stands in line %d", s.first("psk").line)
	case cert && s.opts["key"] == nil:
		l.fail(s, "key", item{line: s.raw.Line}, "want this option: the private key of cert")
	}
	for _, option := range []string{"key", "ca"} {
		if s.has(option) && !cert {
			l.fail(s, option, s.first(option), "want option cert with it")
		}
	}
}

// checkWeak refuses weak proposals.
func (l *loader) checkWeak(s *section, option string) {
	if !s.has(option) || one[bool](s, "allow_weak") {
		return
	}
	for _, it := range s.items(option) {
		var weak []string
		for word := range strings.SplitSeq(it.text, "-") {
			if slices.Contains(weakWords, word) || strings.HasPrefix(word, "blowfish") {
				weak = append(weak, word)
			}
		}
		if len(weak) > 0 {
			l.fail(s, option, it, "want a proposal without %s, too weak unless option allow_weak is 1", orList(weak))
		}
	}
}

// settle decides what depends on the pseudowires that use a connection. One that fails takes them with it.
func (l *loader) settle(conns []*conn) {
	named := make(map[string]bool) // by pseudowires, left out or not
	for _, s := range l.of("pseudowire") {
		named[one[string](s, "ipsec")] = true
	}
	known := make(map[ends]*conn)
	for _, c := range conns {
		if c.bad {
			continue
		}
		l.settleSelectors(c, named)
		for _, w := range c.users {
			w.Interface, w.Policy = c.Interface, c.Policy // which it may have from a pseudowire further down
		}
		l.checkCarrier(c.section, c.Interface, c.Family)
		l.settleInitiate(c)
		l.checkTwin(c, known)
		for _, w := range c.users {
			if c.bad && !w.bad {
				l.warn(w.section, "ipsec", w.first("ipsec"), "has errors and is left out here too")
				w.bad = true
			}
		}
	}
}

// ends are what the IKE daemon of the end that is called knows a connection by.
type ends struct {
	iface, policy     string
	local, remote     netip.Addr
	host              string
	localID, remoteID string
	any               bool
}

// checkTwin refuses a second connection between the same ends with the same identities: the end that is called would take the first for it,
// whose selectors do not fit.
func (l *loader) checkTwin(c *conn, known map[ends]*conn) {
	if !c.Enabled || c.bad {
		return
	}
	e := ends{c.Interface, c.Policy, c.Local, c.Remote, c.RemoteHost, c.LocalID, c.RemoteID, c.Any}
	if twin := known[e]; twin != nil {
		l.fail(c.section, "remote", c.first("remote"), "want another end or other identities than those of ipsec %s (line %d): the far end could not tell the two apart. Pseudowires may share one section",
			twin.Name, twin.Line)
		return
	}
	known[e] = c
}

// settleSelectors fills in the selectors of mode tunnel: exactly the pseudowires' ends where the file gives none.
func (l *loader) settleSelectors(c *conn, named map[string]bool) {
	for _, w := range c.users {
		if c.Mode == kstate.ModeTransport {
			break
		}
		if !c.has("local_ts") {
			c.LocalTS = unique(append(c.LocalTS, host(w.Local)))
		}
		if !c.has("remote_ts") {
			c.RemoteTS = unique(append(c.RemoteTS, host(w.Remote)))
		}
	}
	if !named[c.Name] && c.Enabled && (len(c.LocalTS) == 0 || len(c.RemoteTS) == 0) {
		l.warn(c.section, "", item{text: c.Name, line: c.Line}, "protects nothing: no pseudowire uses it, and it has no local_ts and remote_ts")
	}
}

// settleInitiate decides which end sets the connection up.
func (l *loader) settleInitiate(c *conn) {
	local, remote := c.LocalID, c.RemoteID
	if a := l.onlyAddress(c); local == "" && a.IsValid() {
		local = a.String()
	}
	if remote == "" && c.Remote.IsValid() {
		remote = c.Remote.String()
	}
	if local != "" && local == remote {
		l.fail(c.section, "remote_id", c.first("remote_id"), "want two identities that differ, local_id is %s too", local)
		return
	}
	if one[string](c.section, "initiate") != "auto" {
		return
	}
	if !c.Any && (local == "" || remote == "") {
		l.fail(c.section, "initiate", c.first("initiate"), "want yes or no, or both local_id and remote_id: the end with the lower identity sets the connection up, and %s is not known beforehand", unknownID(local))
	}
	c.Initiate = !c.Any && local < remote
}

func unknownID(local string) string {
	if local == "" {
		return "the local one"
	}
	return "the far one"
}

// onlyAddress is the outer address of this end, if the file says it.
func (l *loader) onlyAddress(c *conn) netip.Addr {
	if c.Local.IsValid() {
		return c.Local
	}
	var found []netip.Addr
	if i := l.interfaceNamed(c.Interface); i != nil {
		for _, p := range i.Addresses {
			if kstate.FamilyOf(p.Addr()) == c.Family {
				found = append(found, p.Addr())
			}
		}
	}
	if len(found) == 1 {
		return found[0]
	}
	return netip.Addr{}
}
