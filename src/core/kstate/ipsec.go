package kstate

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Modes of a CHILD_SA (RFC 4301 section 4.1), in the words of swanctl.conf(5).
const (
	ModeTransport = "transport"
	ModeTunnel    = "tunnel"
)

// AnyPeer stands in Conn.Remote for a peer whose address is not known: whoever shows the identity.
const AnyPeer = "%any"

// Conn is one IKE connection with one CHILD_SA, as charon is to hold it. Its name in charon is "multiwan-" + Name.
type Conn struct {
	Name string
	// Local is the outer address; invalid: charon takes that of the route.
	Local netip.Addr
	// Remote is the peer's outer address, AnyPeer, or a host name. Charon waits for the resolver while it sets a connection up, and
	// everything else waits for charon: an address is better.
	Remote string
	// LocalID and RemoteID are identities as charon writes them; "" is the address.
	LocalID, RemoteID string
	// PSK is the shared key; empty with certificates.
	PSK Secret
	// Cert, PrivateKey and CA are paths of files in PEM or DER, "" with a PSK. CA may be "": then one of charon's own has to do.
	Cert, PrivateKey, CA string
	// IKEProposals and ESPProposals are in charon's notation, best first; empty: charon's defaults.
	IKEProposals, ESPProposals []string
	Mode                       string // ModeTransport or ModeTunnel
	// LocalTS and RemoteTS are traffic selectors as swanctl writes them, "192.0.2.1/32[udp/1701]"; empty: the outer addresses.
	LocalTS, RemoteTS []string
	// DPD is the time without a sign of the peer after which it is asked; 0: never.
	DPD time.Duration
	// RekeyChild and RekeyIKE are ages at which keys are renewed; 0: charon's defaults of 1 and 4 hours.
	RekeyChild, RekeyIKE time.Duration
	// ForceEncap puts ESP into UDP even where no NAT was found (RFC 3948).
	ForceEncap bool
	// Initiate says that we set the connection up; without it we wait for the peer.
	Initiate bool
	// ReplayWindow is in packets (RFC 4303 section 3.4.3); 0: charon's default of 32.
	ReplayWindow int
}

// Key identifies the connection as charon does: by its name.
func (c Conn) Key() string { return "ipsec " + c.Name }

// Equal says whether charon would hold the same for both.
func (c Conn) Equal(o Conn) bool {
	return c.SameLife(o) && c.DPD == o.DPD && c.RekeyChild == o.RekeyChild && c.RekeyIKE == o.RekeyIKE && c.Initiate == o.Initiate
}

// SameLife says whether an SA that was set up for o serves c as well: at most timers differ, and who sets it up.
func (c Conn) SameLife(o Conn) bool {
	return c.Local == o.Local && c.Remote == o.Remote && c.SameInside(o)
}

// SameInside says whether o differs from c in the outer addresses at most, so that an SA for one can be set up beside that for the other.
func (c Conn) SameInside(o Conn) bool {
	return c.Name == o.Name && c.LocalID == o.LocalID && c.RemoteID == o.RemoteID && c.PSK.Equal(o.PSK) &&
		c.Cert == o.Cert && c.PrivateKey == o.PrivateKey && c.CA == o.CA &&
		slices.Equal(c.IKEProposals, o.IKEProposals) && slices.Equal(c.ESPProposals, o.ESPProposals) &&
		c.Mode == o.Mode && slices.Equal(c.LocalTS, o.LocalTS) && slices.Equal(c.RemoteTS, o.RemoteTS) &&
		c.ForceEncap == o.ForceEncap && c.ReplayWindow == o.ReplayWindow
}

// String shows the connection without its key, for example
// "ipsec dc2 transport 192.0.2.1[a@x] 198.51.100.1[b@x] ts 192.0.2.1/32[udp/1701] === 198.51.100.1/32[udp/1702] psk *** initiate".
func (c Conn) String() string {
	local := "%any"
	if c.Local.IsValid() {
		local = c.Local.String()
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s[%s] %s[%s]", c.Key(), c.Mode, local, c.LocalID, c.Remote, c.RemoteID)
	if len(c.LocalTS)+len(c.RemoteTS) > 0 {
		fmt.Fprintf(&b, " ts %s === %s", strings.Join(c.LocalTS, ","), strings.Join(c.RemoteTS, ","))
	}
	if len(c.PSK) > 0 {
		b.WriteString(" psk ***")
	}
	if c.Cert != "" {
		fmt.Fprintf(&b, " cert %s", c.Cert)
	}
	if c.ForceEncap {
		b.WriteString(" encap")
	}
	if c.Initiate {
		b.WriteString(" initiate")
	}
	return b.String()
}

// GoString is String: no way of printing shows the key.
func (c Conn) GoString() string { return c.String() }

// Secret is key material. It never prints itself, by any verb of fmt nor as JSON.
type Secret []byte

// Equal compares two secrets.
func (s Secret) Equal(o Secret) bool { return bytes.Equal(s, o) }

// Format writes "***", or nothing for an empty secret, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// String returns "***", or nothing for an empty secret.
func (s Secret) String() string {
	if len(s) == 0 {
		return ""
	}
	return "***"
}

// MarshalText writes what String does.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
