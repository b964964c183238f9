package reconcile

import (
	"context"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
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

// Ports is what a loop works on.
type Ports struct {
	Routing   Routing
	Netfilter Netfilter
	Conntrack Conntrack
	Settings  Settings
	Source    Source
	// State is the path of the file that ids, original settings and the last decision are kept in; empty keeps none.
	State string
	// Hook is told what users' programs are to be told. It must not block.
	Hook func(diff.Hook)
	// Refused is told of a configuration that is not put in force after all, and why; the one before it stays. It must not block.
	Refused func(*config.Config, error)
	// Publish is told the outcome of each pass. It must not block.
	Publish func(Snapshot)
}
