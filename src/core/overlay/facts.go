package overlay

import (
	"net/netip"

	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// Facts is everything but the configuration that the plan depends on.
type Facts struct {
	// Network is what core/plan planned with.
	plan.Network
	// Active are by policy and family the WANs that it uses now, the first share first (plan.Plan.Policies).
	Active map[string]map[kstate.Family][]string
	// Tables are the routing tables of WANs by name (plan.WANPlan).
	Tables map[string]uint32
	// Names are host names of the configuration that are resolved; Plan.Resolve lists those that it needs.
	Names map[string]netip.Addr
	// Sources are by remote the source addresses that the routing table chooses, for what no WAN and no policy carries.
	Sources map[netip.Addr]netip.Addr
	// PathMTU is by remote of the outermost packets, in bytes; where it is missing the device's MTU counts.
	PathMTU map[netip.Addr]int
	// SAs by name of the IPsec section.
	SAs map[string]SA
	// Verdicts of the far ends, by pseudowire or bond member as the file calls it. A missing one is "waiting".
	Verdicts map[string]plan.Verdict
	// Disabled are WANs that were taken out of use by hand: what they carry works, but nothing should go that way.
	Disabled map[string]bool
	// Down are WANs that do not carry by health's word, Silent the counters of first paths of duplicated pseudowires by which nothing comes
	// though other paths deliver (RedundancyPlan.Silent).
	Down, Silent map[string]bool
	// Came has the counters of paths by which something has come since the start.
	Came map[string]bool
	// Devices are those of others, by name: bridges, taps, NICs.
	Devices map[string]Device
	// Addrs are the router's addresses that are not of this package's making, with their devices.
	Addrs map[netip.Addr]string
	// Have is what there is of ours.
	Have kstate.Overlay
	// ForeignTunnels are the ids of L2TP tunnels that others made.
	ForeignTunnels map[uint32]bool
	// Missing are kernel modules that cannot be had: l2tp_eth l2tp_ip l2tp_ip6 bonding sit veth act_mirred xfrm_user nft_meta_bridge
	// nft_dup_ipv4.
	Missing map[string]bool
	// NoCharon says that the IKE daemon does not answer.
	NoCharon bool
}

// SA is what is known of one IPsec section's CHILD_SA.
type SA struct {
	Installed bool
	Encap     bool   // ESP in UDP
	Proposal  string // as the daemon tells it, for example "AES_GCM_16-128"
	// Local and Remote are the ends of the IKE_SA.
	Local, Remote netip.Addr
}

// Device is a device of somebody else's.
type Device struct {
	Index   int
	Up      bool
	Carrier bool
	MTU     int
	Kind    string // as of ip-link(8): bridge, bond, vlan, tun …; "" of hardware and of pseudowires
	Master  string // the bridge or bond that it is in
	// Bridges only.
	VLANFiltering, STP bool
}
