package plan

import (
	"net/netip"

	"multiwan/src/core/kstate"
)

// Plan is the desired state with its reasons.
type Plan struct {
	// Want holds every object that should exist, each with one key, sorted as the kernel will hold it.
	Want kstate.State
	// Why gives the reason of an object by its key (kstate's Key), in words for `multiwan plan`.
	Why map[string]string
	// WANs of the configuration that are enabled, by file order.
	WANs []WANPlan
	// Policies in file order, the default last where it is not in the file.
	Policies []PolicyPlan
	// Private are by family the sources that may leave translated only, none where nothing of ours translates; Plain are the marks of
	// the WANs that let them leave as they are.
	Private map[kstate.Family][]netip.Prefix
	Plain   map[kstate.Family][]uint32
	// Warnings are in words for the status: what cannot be done and what to do about it.
	Warnings []string
}

// WANPlan is what one WAN is to the kernel.
type WANPlan struct {
	Name   string
	Device string
	ID     int
	Mark   uint32 // packet mark of forwarded connections, and connection mark under WANMask
	Probe  uint32 // packet mark of its probes
	Table  uint32
	// Carries says by family whether new traffic may use the WAN: healthy, or the last resort of a policy.
	Carries map[kstate.Family]bool
	// Addrs are its own addresses, of both families: connections translated to them are its.
	Addrs []string
}

// PolicyPlan is what one policy came to, by family.
type PolicyPlan struct {
	Name  string
	Table uint32 // for the router's own traffic
	// Active are the WANs that carry new connections, with shares; empty where the last resort is a refusal or main.
	Active map[kstate.Family][]Share
	// State by family: "up" (best metric in use), "backup" (a worse metric in use), "best_effort", "unreachable",
	// "blackhole", "main"; "none" where no member has an address and a way out.
	State map[kstate.Family]string
}

// Share is a WAN's part of a policy's new connections.
type Share struct {
	WAN     string
	Weight  int
	Percent float64
}

// WANMask is the part of the configured mark mask that holds a WAN's id; the rest, its highest bit, is FlagMask.
func WANMask(mask uint32) uint32 { return mask &^ FlagMask(mask) }

// FlagMask is the highest bit of the mark mask: in a packet's mark it says probe, in a connection's mark that the connection came in by
// that WAN from outside, so that a failback never evicts it.
func FlagMask(mask uint32) uint32 {
	for b := uint32(1) << 31; b != 0; b >>= 1 {
		if mask&b != 0 {
			return b
		}
	}
	return 0
}
