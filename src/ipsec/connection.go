package ipsec

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"multiwan/src/core/kstate"
)

const (
	prefix = "multiwan-" // of the names of connections and their CHILD_SAs
	// keyPrefix is that of shared keys. swanctl --load-creds names a key after its section, which must begin with "ike".
	keyPrefix = "ike-" + prefix
	// notePrefix is that of what notes a private key of ours, before its id.
	notePrefix = prefix + "key-"
)

// connection is what charon is told about c, below the name of the connection.
func connection(c kstate.Conn) section {
	auth := "psk"
	if c.Cert != "" {
		auth = "pubkey"
	}
	var local, remote, top section
	local = local.option("auth", auth).option("id", c.LocalID).file("certs", c.Cert)
	remote = remote.option("auth", auth).option("id", c.RemoteID).file("cacerts", c.CA)
	top = top.option("version", "2")
	if c.Local.IsValid() {
		top = top.options("local_addrs", []string{c.Local.String()})
	}
	top = top.options("remote_addrs", []string{c.Remote}).options("proposals", c.IKEProposals).
		option("rekey_time", seconds(c.RekeyIKE)).option("dpd_delay", seconds(c.DPD)).
		option("mobike", "no"). // the addresses are ours to choose
		option("keyingtries", "0")
	if c.ForceEncap {
		top = top.option("encap", "yes")
	}
	// Several connections may join the same two identities, over different WANs. Any other policy than never, and the INITIAL_CONTACT that
	// it sends, would have one remove the others.
	return top.option("unique", "never").
		section("local", local).section("remote", remote).
		section("children", section{}.section(prefix+c.Name, child(c)))
}

func child(c kstate.Conn) section {
	var s section
	s = s.option("mode", c.Mode).options("local_ts", c.LocalTS).options("remote_ts", c.RemoteTS).
		options("esp_proposals", c.ESPProposals).option("rekey_time", seconds(c.RekeyChild))
	if c.ReplayWindow != 0 {
		s = s.option("replay_window", strconv.Itoa(c.ReplayWindow))
	}
	// One side sets up again, or both would meet half-way. While this daemon runs it is quicker than charon.
	onDead := "clear"
	if c.Initiate {
		onDead = "restart"
	}
	return s.option("start_action", "none").option("close_action", "none").option("dpd_action", onDead)
}

// owner is the identity that a shared key is for. It is the peer's alone: with ours beside it charon would take the key of any peer from
// every other one, so that a spoke could pass for its neighbour.
func owner(c kstate.Conn) string {
	switch {
	case c.RemoteID != "" && c.RemoteID != kstate.AnyPeer:
		return c.RemoteID
	case isAddr(c.Remote):
		return c.Remote
	case c.LocalID != "":
		return c.LocalID
	case c.Local.IsValid():
		return c.Local.String()
	}
	return ""
}

func isAddr(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil
}

// seconds writes a time as charon reads it, rounded up to whole seconds; "" for 0, which leaves charon's default.
func seconds(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10) + "s"
}

// sharedKey is the argument of load-shared.
func sharedKey(c kstate.Conn) section {
	s := section{{key: "id", value: keyPrefix + c.Name}, {key: "type", value: "IKE"}, {key: "data", value: string(c.PSK)}}
	if o := owner(c); o != "" {
		s = s.options("owners", []string{o})
	}
	return s
}

// note is the argument of load-shared that notes a private key of ours. It lives as long as charon's keys do, and every program of ours finds
// it. The shared key is nobody's: a key of this kind is asked for by its owner's name, and only together with another proof (RFC 8784).
func note(id string) section {
	name := notePrefix + id
	return section{{key: "id", value: name}, {key: "type", value: "PPK"}, {key: "data", value: id}}.options("owners", []string{name})
}

// SwanctlText writes connections and shared keys as swanctl.conf(5), just as Client loads them, so that `swanctl --load-all` of an init script
// keeps them. The text has the keys in it. Private keys are named in comments only: swanctl reads them from its own directory.
func SwanctlText(conns []kstate.Conn) string {
	var all, secrets section
	var b strings.Builder
	for _, c := range conns {
		all = all.section(prefix+c.Name, connection(c))
		if len(c.PSK) > 0 {
			secrets = secrets.section(keyPrefix+c.Name, section{}.option("id-1", owner(c)).option("secret", c.PSK.Text()))
		}
		if c.PrivateKey != "" {
			b.WriteString("# " + prefix + c.Name + ": the private key " + quote(c.PrivateKey) + " belongs into /etc/swanctl/private\n")
		}
	}
	if all != nil {
		section{{key: "connections", sub: all}}.write(&b, 0)
	}
	if secrets != nil {
		section{{key: "secrets", sub: secrets}}.write(&b, 0)
	}
	return b.String()
}
