package overlay

import (
	"net/netip"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Plan is the desired state with its reasons.
type Plan struct {
	Want  kstate.Overlay
	Conns []kstate.Conn // in file order
	// Tables hold chains and counters to be merged into the tables of the same key that core/plan wants (Merge).
	Tables []kstate.Table
	// Rules are policy rules beside those of core/plan.
	Rules []kstate.Rule
	// Routes are routes in the tables of WANs, likewise.
	Routes []kstate.Route
	// Why gives the reason of an object by its key.
	Why         map[string]string
	Pseudowires []PseudowirePlan // enabled ones, in file order
	Bonds       []BondPlan
	Tunnels     []TunnelPlan
	// Resolve are host names whose addresses the next plan needs; Remotes the far ends whose path MTU it needs.
	Resolve []string
	Remotes []netip.Addr
	// Sources are remotes whose source address the routing table has to say.
	Sources []netip.Addr
	// Warnings are in words for the status: what cannot be done and what to do about it.
	Warnings []string
}

// The states of what is planned.
const (
	Ready   = "ready"   // everything of it is wanted
	Waiting = "waiting" // for what Reason says; it comes by itself
	Refused = "refused" // it cannot be, as configured
)

// PseudowirePlan is what one pseudowire came to.
type PseudowirePlan struct {
	_ order.Incomparable

	Name, Device  string
	State, Reason string
	WAN           string // that carries it; "" for the routing table
	Local, Remote netip.Addr
	IPsec         string // "" in clear
	// Established says that there is nothing to wait for before frames can pass: in clear, or with its SA installed.
	Established bool
	// Waits says what is missing at the moment though all of it is there: an SA, the address of the WAN. "" where frames can pass.
	Waits      string
	MTU        int
	MSS4, MSS6 int    // what TCP through it is held to; 0: no clamp is needed
	How        string // the MTU was computed
	// Attached names the bridge or bond that its device is put into, Detached why it is not.
	Attached, Detached string
	// Redundancy is nil where each packet goes once.
	Redundancy *RedundancyPlan
}

// BondPlan is what one bond came to.
type BondPlan struct {
	Name, Device, Mode string
	State, Reason      string
	Members            []MemberPlan
	// Active is the member that carries (active-backup with monitor probe), ActiveWhy the reason.
	Active, ActiveWhy  string
	MTU, MSS4, MSS6    int
	Attached, Detached string
}

// MemberPlan is one member of a bond.
type MemberPlan struct {
	_ order.Incomparable

	Name, Device string
	Verdict      string // of its far end, one of core/health's
	In           bool   // a slave is wanted
	Reason       string // where it is not
}

// TunnelPlan is what one IPv6 tunnel came to.
type TunnelPlan struct {
	_ order.Incomparable

	Name, Device  string
	State, Reason string
	WAN           string
	Local, Remote netip.Addr
	Prefix        netip.Prefix
	MTU           int
	How           string
}
