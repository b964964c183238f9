package daemon

import (
	"context"
	"errors"
	"fmt"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/kernel/conntrack"
	"multiwan/src/kernel/facts"
	"multiwan/src/kernel/nft"
	"multiwan/src/kernel/rtnl"
	"multiwan/src/kernel/sysctl"
	"multiwan/src/openwrt/netifd"
	"multiwan/src/reconcile"
)

// kernel holds the sockets that the loop works by.
type kernel struct {
	rtnl      *rtnl.Conn
	nft       *nft.Conn
	conntrack *conntrack.Conn
	sysctl    *sysctl.Tree
	joining   *joining
}

// openKernel opens all of them, in the network namespace of the process. Without the rights to use them the error is fs.ErrPermission.
func openKernel() (*kernel, error) {
	if err := capable(); err != nil {
		return nil, err
	}
	k := new(kernel)
	var err error
	if k.rtnl, err = rtnl.Dial(); err == nil {
		if k.nft, err = nft.Dial(); err == nil {
			if k.conntrack, err = conntrack.Dial(); err == nil {
				if k.sysctl, err = sysctl.Open(sysctl.Root); err == nil {
					k.joining, err = openJoining(k.rtnl, k.nft)
				}
			}
		}
	}
	if err != nil {
		k.close()
		return nil, err
	}
	return k, nil
}

func (k *kernel) close() {
	if k.rtnl != nil {
		k.rtnl.Close()
	}
	if k.nft != nil {
		k.nft.Close()
	}
	if k.conntrack != nil {
		k.conntrack.Close()
	}
	if k.joining != nil {
		k.joining.close()
	}
}

// ports returns what the loop works on; n is nil where netifd is not asked.
func (k *kernel) ports(state string, n *netifd.Source, f *firewall) reconcile.Ports {
	k.joining.bridges.netifd = n
	return reconcile.Ports{
		Routing: routing{k.rtnl}, Netfilter: netfilter{k.nft}, Conntrack: tracking{k.conntrack}, Settings: k.sysctl,
		Source: source{facts.New(k.rtnl), n, f}, Overlay: k.joining, Boot: bootID(k.sysctl), State: state,
	}
}

type routing struct{ *rtnl.Conn }

func (r routing) Observe(ctx context.Context, s reconcile.Scope) (kstate.State, bool, error) {
	st, err := r.Conn.Observe(ctx, rtnl.Scope(s))
	if errors.Is(err, rtnl.ErrPartial) {
		return st, true, nil
	}
	return st, false, err
}

func (r routing) Apply(_ context.Context, op diff.Op) error {
	gone := op.Verb == diff.Delete
	switch {
	case op.Kind == diff.Rule && gone:
		return r.DelRule(op.Rule)
	case op.Kind == diff.Rule:
		return r.AddRule(op.Rule)
	case op.Kind == diff.Route && gone:
		return r.DelRoute(op.Route)
	case op.Kind == diff.Route:
		return r.ReplaceRoute(op.Route)
	case op.Kind == diff.Nexthop && gone:
		return r.DelNexthop(op.Nexthop)
	case op.Kind == diff.Nexthop:
		return r.ReplaceNexthop(op.Nexthop)
	}
	return fmt.Errorf("%s: not an operation on the routing", op)
}

type netfilter struct{ *nft.Conn }

func (n netfilter) Apply(ctx context.Context, want []kstate.Table, flush []string) error {
	refs := make([]nft.SetRef, len(flush))
	for i, name := range flush {
		refs[i] = nft.SetRef{Family: "inet", Name: name}
	}
	_, err := n.Conn.Apply(ctx, want, nft.Observed{}, refs)
	return err
}

type tracking struct{ *conntrack.Conn }

// Evict deletes in up to five ways: by mark, which the kernel does in one message, by what the source was translated to, by addresses
// that are gone, by ports that are the router's, and what leaves untranslated.
func (t tracking) Evict(ctx context.Context, e *diff.Eviction, keep func(diff.Flow) bool) (int, error) {
	base := conntrack.Filter{Family: e.Family, NotTCP: e.NotTCP}
	if keep != nil {
		base.Keep = func(c conntrack.Entry) bool { return keep(flowOf(c)) }
	}
	var filters []conntrack.Filter
	if e.Mark != 0 {
		f := base
		f.Mark, f.Mask = e.Mark, e.Mask
		filters = append(filters, f)
	}
	for _, a := range e.Translated {
		f := base
		f.ReplyDst, f.Mark, f.Mask = a, 0, e.Mask
		f.Keep = func(c conntrack.Entry) bool {
			return c.Status&conntrack.StatusSrcNAT == 0 || base.Keep != nil && base.Keep(c)
		}
		filters = append(filters, f)
	}
	for _, a := range e.Gone {
		f := base
		f.ReplyDst = a
		g := base
		g.OrigDst = a
		filters = append(filters, f, g)
	}
	if len(e.Private) > 0 {
		f := base
		f.Keep = func(c conntrack.Entry) bool { return !e.Stranded(flowOf(c)) }
		filters = append(filters, f)
	}
	for _, a := range e.Held {
		f := base
		f.ReplyDst, f.Protos = a, []uint8{17}
		f.Keep = func(c conntrack.Entry) bool { return !e.HeldBy(flowOf(c)) }
		filters = append(filters, f)
	}
	total := 0
	var errs []error
	for _, f := range filters {
		n, err := t.Delete(ctx, f)
		if err != nil {
			errs = append(errs, err)
		}
		total += max(n, 0)
	}
	return total, errors.Join(errs...)
}

func flowOf(c conntrack.Entry) diff.Flow {
	return diff.Flow{Family: c.Family, Proto: c.Proto, Src: c.Orig.Src, Dst: c.Orig.Dst, Sport: c.Orig.SrcPort, Dport: c.Orig.DstPort,
		ReplyDst: c.Reply.Dst, ReplyPort: c.Reply.DstPort, Mark: c.Mark, Translated: c.Status&conntrack.StatusSrcNAT != 0,
		Redirected: c.Status&conntrack.StatusDstNAT != 0}
}

// bootID returns what tells this run of the machine's kernel from others, "" where the kernel does not say.
func bootID(t *sysctl.Tree) string {
	s, err := t.Get("kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return s.Value
}
