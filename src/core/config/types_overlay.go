package config

import (
	"net/netip"
	"time"

	"multiwan/src/core/kstate"
)

// Pseudowire is an L2TPv3 pseudowire (RFC 3931) with one session. Pseudowires with equal endpoints, ports and tunnel ids are sessions of
// one tunnel.
type Pseudowire struct {
	Name    string
	Line    int
	Enabled bool
	Device  string // at most 15 bytes; the section's name where the file gives none
	// Interface is the WAN and Policy the policy that carries the outer packets; with neither the routing table does. With Redundancy it is the
	// first WAN, whose address the SA has.
	Interface, Policy string
	// Local and Remote are the ends of the tunnel. An invalid Local is the address of the carrying WAN. RemoteHost is a name to resolve
	// where the file gives no address.
	Local, Remote netip.Addr
	RemoteHost    string
	// Family is that of the outer packets: the ends', or of a name the one that the file asks for (ipv4 by default).
	Family                kstate.Family
	Encap                 string // udp ip
	LocalPort, RemotePort uint16 // of udp
	Checksum              bool   // UDP checksums
	TunnelID, PeerTunnel  uint32
	SessionID, PeerID     uint32
	Cookie, PeerCookie    string // raw bytes: none, 4 or 8. Cookie is what we want to see, PeerCookie what the far end does
	L2Spec                string // default none
	IPsec                 string // name of the IPsec section that protects it, "" for a pseudowire in clear
	Attach                Attach
	MTU                   MTU
	Probes                []string // names of Probes; the built-in loopback where the file names none
	Gateway               netip.Addr
	Redundancy            *Redundancy // nil: none
}

// MTU is an option mtu.
type MTU struct {
	Mode  string // auto path fixed
	Bytes int    // of fixed
}

// Attach says where a device of ours goes. Nothing set: it stands alone.
type Attach struct {
	Bridge string
	// Bond is set where a section bond names the device as member.
	Bond string
	// VLAN is 1 - 4094, 0 for none. VLANMode is "access" (untagged on the wire of the pseudowire, a port of that VLAN in a VLAN-aware
	// bridge) or "tagged" (frames carry the tag through the pseudowire: an 802.1Q sub-interface joins the bridge).
	VLAN      int
	VLANMode  string
	Isolated  bool           // isolated bridge port: does not talk to other isolated ports
	Loop      string         // refuse stp: what happens to a second way between the same two bridges
	Addresses []netip.Prefix // addresses of the device's own
}

// IPsec is one IKE connection with one CHILD_SA.
type IPsec struct {
	Name, Interface, Policy string
	Line                    int
	Enabled                 bool
	Mode                    string // transport tunnel
	Local                   netip.Addr
	Remote                  netip.Addr // invalid: RemoteHost, or with Any whoever has the identity
	RemoteHost              string
	Any                     bool
	Family                  kstate.Family
	LocalID, RemoteID       string
	PSK                     kstate.Secret
	Cert, Key, CA           string // paths; Cert is empty with PSK
	IKEProposals            []string
	ESPProposals            []string
	LocalTS, RemoteTS       []netip.Prefix // of tunnel mode
	DPD                     time.Duration
	Rekey, IKERekey         time.Duration
	Encap                   bool // UDP encapsulation always (NAT-T forced)
	Initiate                bool // decided: initiate 'auto' is by identity, the lower one
}

// Bond is a bonding device.
type Bond struct {
	Name, Device   string
	Line           int
	Enabled        bool
	Members        []BondMember
	Mode           string // active-backup balance-xor balance-rr 802.3ad broadcast
	Monitor        string // probe arp lacp
	LACPRate       string // fast slow
	XmitHashPolicy string
	ARPTargets     []netip.Addr
	ARPInterval    time.Duration
	Primary        string // a member, by its name in the file
	Attach         Attach // Bond is never set
	MTU            MTU    // auto: of the smallest member
	Gateway        netip.Addr
}

// BondMember is a pseudowire, or a device of somebody else's.
type BondMember struct {
	Name       string // as in the file
	Device     string
	Pseudowire bool
	// Probes watch a foreign device; a pseudowire has its own.
	Probes []string
}

// Tunnel is a 6in4 (RFC 4213), 6to4 (RFC 3056) or 6rd (RFC 5969) tunnel over a WAN.
type Tunnel struct {
	Name, Device, Interface string
	Line                    int
	Enabled                 bool
	Type                    string // 6in4 6to4 6rd
	Remote                  netip.Addr
	// Prefix is the provider's 6rd prefix, or of 6in4 the routed prefix.
	Prefix      netip.Prefix
	IPv4MaskLen int            // of 6rd: leading bits of the IPv4 address that all customers share
	Addresses   []netip.Prefix // of 6in4
	Gateway     netip.Addr     // of 6in4: the far end's IPv6 address
	TTL         int
	MTU         int // 0: path MTU less 20
	Metric      int
	Weight      int
	Probes      []string
}

// Clamp lowers the MSS of TCP connections that cross pseudowires.
type Clamp struct {
	Name    string
	Line    int
	Enabled bool
	// Bridge is the bridge whose pseudowire ports are clamped; Device a routed device, in its place.
	Bridge, Device string
	MSS            int // for IPv4, IPv6's is 20 less; 0: computed from the path
	Subnets        []netip.Prefix
}
