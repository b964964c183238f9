package config

import (
	"net/netip"
	"time"

	"multiwan/src/core/kstate"
)

// Config is a checked configuration: every reference resolves, every value is inside its bounds, every default is filled in.
type Config struct {
	Globals Globals
	// Interfaces are those of the file in its order, then those that tunnels are, then pseudowires and bonds that policies name.
	Interfaces []Interface
	Probes     []Probe
	Policies   []Policy
	Rules      []Rule // in file order: the first that matches wins
	// Pseudowires and what goes with them. Of each kind in file order.
	Pseudowires []Pseudowire
	IPsec       []IPsec
	Bonds       []Bond
	Tunnels     []Tunnel
	Clamps      []Clamp
}

// Globals is section globals.
type Globals struct {
	Enabled  bool
	LogLevel string // error warn notice info debug
	// Steering is "mark" (connection marks) or "route" (source rules, metrics and kernel balancing alone).
	Steering  string
	MarkMask  uint32 // seven or eight adjacent bits: the highest says probe, inbound in a connection mark; the others hold the WAN's id
	RuleBase  uint32 // first of 1000 rule priorities
	TableBase uint32 // first of 256 routing tables
	// Collision says what happens when somebody else uses our numbers: "move" to the next free range or "refuse" to start.
	Collision string
	HookDir   string
	// FixedPorts are UDP source ports of the router's own programs that no translation may change (IKE, L2TP and what is listed).
	FixedPorts []uint16
}

// Interface is a WAN.
type Interface struct {
	Name       string
	Line       int
	Enabled    bool
	Device     string // where netifd does not run
	Interface6 string // the netifd interface of its IPv6 side
	// Gateway and Gateway6 are given next hops; the zero address: found in the kernel's or netifd's routes.
	Gateway, Gateway6 netip.Addr
	// Addresses narrow a device that carries several WANs: these addresses, with prefix lengths, are this WAN's.
	Addresses []netip.Prefix
	// Prefixes are routed or delegated prefixes behind the router that belong to this WAN.
	Prefixes []netip.Prefix
	Families []kstate.Family // both by default
	Metric   int             // lower is preferred
	Weight   int
	SNAT     string     // auto masquerade none address
	SNATAddr netip.Addr // of SNAT "address"
	SNAT6    string     // none prefix masquerade
	Probes   []string   // names of Probes; the built-in one where the file names none
}

// Probe is how a WAN is watched.
type Probe struct {
	Name        string
	Method      string   // ping arping dns http tcp loopback
	Targets     []string // addresses, host names (dns http tcp), or "gateway", of both families: see For
	Reliability int      // how many targets must answer: see Needed
	Interval    time.Duration
	Timeout     time.Duration
	Down, Up    int
	// DownInterval is the interval while the WAN is down.
	DownInterval time.Duration
	// Window is the number of probes per target over which loss and latency are taken.
	Window int
	// Thresholds of quality; 0 is off. Loss in per cent.
	LossDown, LossUp       float64
	LatencyDown, LatencyUp time.Duration
	Size                   int    // payload bytes of ping
	Port                   int    // of tcp, http
	Query                  string // name asked by dns
	Path                   string // of http
}

// Policy says which WANs carry what a rule gave it.
type Policy struct {
	Name    string
	Line    int
	Members []Member
	Balance string // connection source packet
	// Sticky keeps a source on its WAN for so long after its last new connection; 0 is off.
	Sticky     time.Duration
	LastResort string // best_effort unreachable blackhole main
	Failback   string // keep move_udp move drain
	// FailbackDelay is how long a WAN must be up again before the policy prefers it.
	FailbackDelay time.Duration
	// DrainTimeout is how long after the failback the connections on the backup may last (failback drain).
	DrainTimeout time.Duration
	// DelaySpread is how far the round-trip times of members may differ for balance packet; beyond it connections are spread.
	DelaySpread time.Duration
}

// Member is a WAN of a policy.
type Member struct {
	Interface string
	Metric    int
	Weight    int
}

// Rule gives traffic to a policy.
type Rule struct {
	Name    string // libuci's name of an anonymous section
	Line    int
	Enabled bool
	Family  kstate.Family // 0: both
	Proto   []Proto       // empty: all
	Src     Addrs
	Dest    Addrs
	Sport   Ports
	Dport   Ports
	// SrcIface are the networks or devices that the packet came in by.
	SrcIface Names
	DSCP     DSCPs
	// NFTSet names a set of table inet multiwan that holds destinations: NAME for IPv4 and NAME6 for IPv6, filled by dnsmasq or by hand.
	NFTSet string
	// NFTSetNot inverts it.
	NFTSetNot bool
	Policy    string // a policy, a WAN (then it alone), or unreachable, blackhole, main
	Origin    string // forwarded router any
	// UID and Fwmark narrow the router's own traffic (origin router).
	UID          kstate.UIDRange
	Fwmark, Mask uint32
	// Sticky overrides the policy's where StickySet.
	Sticky    time.Duration
	StickySet bool
}

// Proto is an IP protocol.
type Proto struct {
	Name   string // as written, or the number
	Number uint8
}

// Addrs is a list of prefixes, any of which matches, or with Not none.
type Addrs struct {
	Not  bool
	List []netip.Prefix
}

// Ports is a list of port ranges, any of which matches, or with Not none.
type Ports struct {
	Not  bool
	List []kstate.PortRange
}

// Names is a list of names, any of which matches, or with Not none.
type Names struct {
	Not  bool
	List []string
}

// DSCPs is a list of DiffServ code points 0 - 63 (RFC 2474), any of which matches, or with Not none.
type DSCPs struct {
	Not  bool
	List []uint8
}
