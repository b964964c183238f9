package reconcile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"multiwan/src/core/config"
	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// kernel is a kernel in memory: all that a loop touches, and the hands of others.
type kernel struct {
	mu       sync.Mutex
	rules    map[kstate.Rule]bool
	routes   map[string]kstate.Route
	nexthops map[uint32]kstate.Nexthop
	tables   []kstate.Table
	sysctls  map[string]string
	flows    []diff.Flow
	foreign  []kstate.Rule
	net      plan.Network

	// log are the writes, in order. fail refuses one; after is told of each.
	log   []string
	fail  func(op string) error
	after func(writes int)

	partial  int // so many observations are interrupted
	lookErr  error
	observed int
	sites    *sites // nil: there is nothing of the overlay
}

func newKernel() *kernel {
	return &kernel{
		rules: map[kstate.Rule]bool{}, routes: map[string]kstate.Route{}, nexthops: map[uint32]kstate.Nexthop{}, sysctls: map[string]string{},
		net: plan.Network{WANs: map[string]plan.WAN{}},
	}
}

// line returns the facts of a WAN on ethN, with IPv4 net 192.0.N.0/24 and IPv6 net 2001:db8:N::/64.
func line(n int) plan.WAN {
	at := func(s string) netip.Addr { return netip.MustParseAddr(s) }
	return plan.WAN{Device: fmt.Sprintf("eth%d", n), Index: n, Up: true, Carrier: true, MTU: 1500,
		IPv4: plan.Side{Addrs: []netip.Prefix{netip.PrefixFrom(at(fmt.Sprintf("192.0.%d.2", n)), 24)}, Gateway: at(fmt.Sprintf("192.0.%d.1", n))},
		IPv6: plan.Side{Addrs: []netip.Prefix{netip.PrefixFrom(at(fmt.Sprintf("2001:db8:%d::2", n)), 64)}, Gateway: at(fmt.Sprintf("2001:db8:%d::1", n))}}
}

// write notes a write, or refuses it.
func (k *kernel) write(op string, do func()) error {
	k.mu.Lock()
	if k.fail != nil {
		if err := k.fail(op); err != nil {
			k.mu.Unlock()
			return err
		}
	}
	do()
	k.log = append(k.log, op)
	n, after := len(k.log), k.after
	k.mu.Unlock()
	if after != nil {
		after(n)
	}
	return nil
}

func (k *kernel) Observe(_ context.Context, s Scope) (kstate.State, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.observed++
	if k.lookErr != nil {
		return kstate.State{}, false, k.lookErr
	}
	st := kstate.State{Rules: slices.Collect(maps.Keys(k.rules)), Nexthops: slices.Collect(maps.Values(k.nexthops))}
	for _, r := range k.routes {
		if s.All || slices.Contains(s.Tables, r.Table) {
			st.Routes = append(st.Routes, r)
		}
	}
	if k.partial > 0 {
		k.partial--
		st.Rules = st.Rules[:len(st.Rules)/2]
		return st, true, nil
	}
	return st, false, nil
}

func (k *kernel) Apply(_ context.Context, op diff.Op) error {
	return k.write(op.String(), func() {
		gone := op.Verb == diff.Delete
		switch op.Kind {
		case diff.Rule:
			k.rules[op.Rule] = true
			if gone {
				delete(k.rules, op.Rule)
			}
		case diff.Route:
			k.routes[op.Route.Key()] = op.Route
			if gone {
				delete(k.routes, op.Route.Key())
			}
		case diff.Nexthop:
			k.nexthops[op.Nexthop.ID] = op.Nexthop
			if gone {
				delete(k.nexthops, op.Nexthop.ID)
			}
		}
	})
}

func (k *kernel) Foreign(context.Context) ([]kstate.Rule, []uint32, error) {
	var tables []uint32
	for _, r := range k.foreign {
		tables = append(tables, r.Table)
	}
	return k.foreign, tables, nil
}

func (k *kernel) Get(name string) (kstate.Sysctl, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.sysctls[name]
	if !ok {
		return kstate.Sysctl{}, fmt.Errorf("get %s: %w", name, fs.ErrNotExist)
	}
	return kstate.Sysctl{Name: name, Value: v}, nil
}

func (k *kernel) Set(s kstate.Sysctl) error {
	return k.write("sysctl "+s.String(), func() { k.sysctls[s.Name] = s.Value })
}

func (k *kernel) Network(context.Context, *config.Config) (plan.Network, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return plan.Network{WANs: maps.Clone(k.net.WANs)}, nil
}

// Evict is the kernel's connection table.
func (k *kernel) Evict(_ context.Context, e *diff.Eviction, keep func(diff.Flow) bool) (n int, err error) {
	err = k.write(e.String(), func() {
		k.flows = slices.DeleteFunc(k.flows, func(f diff.Flow) bool {
			gone := e.Match(f) && (keep == nil || !keep(f))
			if gone {
				n++
			}
			return gone
		})
	})
	return n, err
}

// nft is the nftables half of the kernel.
type nft struct{ *kernel }

func text(ts []kstate.Table) string {
	var b strings.Builder
	for _, t := range ts {
		b.WriteString(t.String())
	}
	return b.String()
}

func (n nft) Diff(_ context.Context, want []kstate.Table) ([]string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if text(want) == text(n.tables) {
		return nil, nil
	}
	return []string{"replace tables"}, nil
}

func (n nft) Apply(_ context.Context, want []kstate.Table, flush []string) error {
	op := "nft apply"
	switch {
	case len(flush) > 0:
		op = "nft flush " + strings.Join(flush, " ")
	case len(want) == 0 && n.empty():
		return nil
	case len(want) == 0:
		op = "nft delete"
	}
	return n.write(op, func() {
		n.tables = want
		if n.sites != nil {
			n.sites.check(op)
		}
	})
}

func (n nft) empty() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.tables) == 0
}

// dump is everything of ours as text, sorted: two kernels that hold the same give the same.
func (k *kernel) dump() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []string
	for r := range k.rules {
		out = append(out, r.String())
	}
	for _, r := range k.routes {
		out = append(out, r.String())
	}
	for _, n := range k.nexthops {
		out = append(out, n.String())
	}
	for name, v := range k.sysctls {
		out = append(out, name+"="+v)
	}
	slices.Sort(out)
	return strings.Join(out, "\n") + "\n" + text(k.tables)
}

// writes returns the log and empties it.
func (k *kernel) writes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.log
	k.log = nil
	return w
}

// tracked returns the connections.
func (k *kernel) tracked() []diff.Flow {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Clone(k.flows)
}

// holds says whether a rule stands.
func (k *kernel) holds(r kstate.Rule) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.rules[r]
}

// setting returns a setting's value, "" where there is none.
func (k *kernel) setting(name string) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.sysctls[name]
}

// change is what another hand, or the world, does to the kernel.
func (k *kernel) change(f func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	f()
}

var errRefused = errors.New("operation not permitted (said the kernel)")

const preferred = `
config interface 'wan'
	option device 'eth1'
	option metric '1'

config interface 'wanb'
	option device 'eth2'
	option metric '2'
`

func load(t testing.TB, text string) *config.Config {
	t.Helper()
	c, diags := config.Load("multiwan", []byte("config globals 'globals'\n"+text))
	for _, d := range diags {
		if !d.Warning {
			t.Errorf("configuration: %s", d)
		}
	}
	return c
}
