package reconcile

import (
	"context"
	"net/netip"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/overlay"
	"multiwan/src/core/plan"
)

// Scope says where to look for routes of ours: in these tables, or, with All, in every table there is (at the start, after a reload and
// for removal; it makes the kernel walk all routes).
type Scope struct {
	Tables []uint32
	All    bool
}

// Routing is policy rules, routes and nexthop objects.
type Routing interface {
	// Observe returns what there is of protocol 77. partial says that the dump was interrupted and that things may be missing from it.
	Observe(ctx context.Context, s Scope) (have kstate.State, partial bool, err error)
	// Apply carries out one operation of kind Rule, Route or Nexthop. To add what is there and to delete what is not are no errors.
	Apply(ctx context.Context, op diff.Op) error
	// Foreign returns the rules of others and the tables that they look up.
	Foreign(ctx context.Context) (rules []kstate.Rule, tables []uint32, err error)
}

// Netfilter is the nftables tables of ours.
type Netfilter interface {
	// Diff returns, as lines in nft(8) syntax, what Apply would change now.
	Diff(ctx context.Context, want []kstate.Table) ([]string, error)
	// Apply makes the tables want, and empties the sets flush of table inet multiwan, in one transaction. Tables of ours that want does
	// not name go; a set that does not exist is no error.
	Apply(ctx context.Context, want []kstate.Table, flush []string) error
}

// Conntrack is the kernel's table of tracked connections.
type Conntrack interface {
	// Evict deletes the entries that e matches (see diff.Eviction.Match) and that keep, where it is not nil, does not want kept. It
	// returns how many went; with nothing to evict that is no error.
	Evict(ctx context.Context, e *diff.Eviction, keep func(diff.Flow) bool) (int, error)
}

// Settings are the kernel's, named as below /proc/sys. Get's error of an absent setting is fs.ErrNotExist.
type Settings interface {
	Get(name string) (kstate.Sysctl, error)
	Set(s kstate.Sysctl) error
}

// Source tells what is known of the WANs' devices and addresses.
type Source interface {
	Network(ctx context.Context, c *config.Config) (plan.Network, error)
}

// Look says what of the overlay to look at.
type Look struct {
	// L2TP asks for tunnels: without it nothing loads the kernel's module.
	L2TP bool
	// Copies asks whether the kernel can send copies of packets.
	Copies bool
	// Devices are those of others that matter, by name.
	Devices []string
	// Paths are those whose MTU the routing table is asked for, Sources far ends to which it is asked for the source address.
	Paths   []Path
	Sources []netip.Addr
}

// Path is the way of outer packets.
type Path struct{ Local, Remote netip.Addr }

// Seen is what was seen of the overlay.
type Seen struct {
	// All has the tunnels and sessions of everybody; of all else what is ours.
	All     kstate.Overlay
	Devices map[string]overlay.Device
	// Addrs are the router's addresses that are not in All, with their devices.
	Addrs   map[netip.Addr]string
	PathMTU map[netip.Addr]int // bytes
	Sources map[netip.Addr]netip.Addr
	Missing map[string]bool // kernel modules
	Indexes map[string]int  // of all devices that were seen
}

// Overlay is the tunnels, devices and policies that join sites.
type Overlay interface {
	Observe(ctx context.Context, k Look) (Seen, error)
	// Apply carries out one operation. To add what is there and to delete what is not are no errors.
	Apply(ctx context.Context, op *diff.OverlayOp) error
}

// IKE is the daemon that negotiates keys.
type IKE interface {
	// Set says which connections of ours it should hold. It returns at once.
	Set(conns []kstate.Conn)
	// SAs returns what is known of the connections by name, and whether the daemon answers.
	SAs() (sas map[string]overlay.SA, answers bool)
	// Clear removes the connections of ours and waits for that.
	Clear(ctx context.Context) error
}

// Ports is what a loop works on.
type Ports struct {
	Routing   Routing
	Netfilter Netfilter
	Conntrack Conntrack
	Settings  Settings
	Source    Source
	Overlay   Overlay
	IKE       IKE
	// Boot identifies this run of the machine's kernel: what a state file says of tunnels before it is void.
	Boot string
	// State is the path of the file that ids, original settings and the last decision are kept in; empty keeps none.
	State string
	// Apart returns what plan.Facts.Apart wants; nil: nothing.
	Apart func() map[string]map[kstate.Family]time.Duration
	// Hook is told what users' programs are to be told. It must not block.
	Hook func(diff.Hook)
	// Refused is told of a configuration that is not put in force after all, and why; the one before it stays. It must not block.
	Refused func(*config.Config, error)
	// Publish is told the outcome of each pass. It must not block.
	Publish func(Snapshot)
}
