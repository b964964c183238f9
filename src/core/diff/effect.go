package diff

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// Effect is something that happens once when the plan changes. Exactly one field is set.
type Effect struct {
	Evict *Eviction
	// Flush names the sets of table inet multiwan whose elements go.
	Flush []string
	Hook  *Hook
}

// String returns the effect in words.
func (e Effect) String() string {
	switch {
	case e.Evict != nil:
		return e.Evict.String()
	case e.Hook != nil:
		return e.Hook.String()
	}
	return "flush sets " + strings.Join(e.Flush, ", ")
}

// Eviction deletes entries of the connection tracking table, of one family and WAN. An entry goes if any of these holds:
//   - Mark is not 0 and the entry's mark under Mask is Mark (connections that came in from outside by the WAN have the flag bit as well
//     and so another mark: they cannot move);
//   - its mark under Mask is 0, its source is translated, and it is translated to one of Translated (IPS_SRC_NAT of
//     linux/netfilter/nf_conntrack_common.h, reply destination);
//   - its reply destination or its original destination is one of Gone;
//   - it is UDP and its source is translated to one of Held and one of Ports;
//   - it is not translated at all, its source lies in Private while its destination does not, and its mark under Mask is none of Plain.
type Eviction struct {
	WAN        string
	Family     kstate.Family
	Mark, Mask uint32
	Translated []netip.Addr
	// Gone are addresses that the WAN no longer has.
	Gone []netip.Addr
	// Held are addresses whose Ports belong to programs of the router.
	Held  []netip.Addr
	Ports []uint16
	// Private are sources that leave translated only. What was tracked while nothing translated would never be answered, and each of
	// its packets would keep it so.
	Private []netip.Prefix
	Plain   []uint32
	// NotTCP spares TCP: it would not survive the change of its source, while UDP's programs start again by themselves.
	NotTCP bool
	// Policies narrows the eviction to connections that these policies would handle now; empty: all of them.
	Policies []string
	// After is how long from now it is due; it is called off when all its Drains have the WAN back in use meanwhile.
	After  time.Duration
	Drains []string
	Reason string
}

// Split separates what can wait: a kernel deletes by mark on its own, at once, while strays (connections that bear no mark, such as idle
// ones from before the start, and so are known by their translation alone) are searched for. It returns e and nil where there is nothing
// to separate.
func (e *Eviction) Split() (now, strays *Eviction) {
	if e.Mark == 0 || len(e.Translated) == 0 {
		return e, nil
	}
	n, s := *e, *e
	n.Translated = nil
	s.Mark, s.Gone = 0, nil
	return &n, &s
}

// String returns the eviction in words.
func (e *Eviction) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "evict %s connections", e.Family)
	if e.WAN != "" {
		fmt.Fprintf(&b, " of %s", e.WAN)
	}
	if len(e.Private) > 0 {
		b.WriteString(" that leave untranslated")
	}
	if e.Mark != 0 {
		fmt.Fprintf(&b, " mark %#x/%#x", e.Mark, e.Mask)
	}
	if len(e.Translated) > 0 {
		fmt.Fprintf(&b, " translated to %v", e.Translated)
	}
	if len(e.Gone) > 0 {
		fmt.Fprintf(&b, " of %v", e.Gone)
	}
	if len(e.Held) > 0 {
		fmt.Fprintf(&b, " on udp ports %v of %v", e.Ports, e.Held)
	}
	if e.NotTCP {
		b.WriteString(" but tcp")
	}
	if len(e.Policies) > 0 {
		fmt.Fprintf(&b, " of policies %s", strings.Join(e.Policies, ","))
	}
	if e.After > 0 {
		fmt.Fprintf(&b, " in %s", e.After)
	}
	return b.String() + ": " + e.Reason
}

// Flow is one entry of the connection tracking table, as far as evictions ask.
type Flow struct {
	Family kstate.Family
	Proto  uint8
	// Src to Dport are the original direction's.
	Src, Dst     netip.Addr
	Sport, Dport uint16
	// ReplyDst and ReplyPort are where answers go: the translated source.
	ReplyDst   netip.Addr
	ReplyPort  uint16
	Mark       uint32
	Translated bool // IPS_SRC_NAT
	Redirected bool // IPS_DST_NAT
}

// Match says whether the eviction takes a flow, Policies aside.
func (e *Eviction) Match(f Flow) bool {
	if f.Family != e.Family || e.NotTCP && f.Proto == 6 {
		return false
	}
	switch {
	case e.Mark != 0 && f.Mark&e.Mask == e.Mark:
		return true
	case f.Translated && f.Mark&e.Mask == 0 && slices.Contains(e.Translated, f.ReplyDst):
		return true
	}
	return slices.Contains(e.Gone, f.ReplyDst) || slices.Contains(e.Gone, f.Dst) || e.HeldBy(f) || e.Stranded(f)
}

// Stranded says whether a flow should have been translated and is not.
func (e *Eviction) Stranded(f Flow) bool {
	private := func(a netip.Addr) bool {
		return order.Any(len(e.Private), func(i int) bool { return e.Private[i].Contains(a) })
	}
	return !slices.Contains(e.Plain, f.Mark&e.Mask) && !f.Translated && !f.Redirected && private(f.Src) && !private(f.Dst) && f.Dst.IsGlobalUnicast()
}

// HeldBy says whether a flow of a host behind us has the address and port of a program of the router.
func (e *Eviction) HeldBy(f Flow) bool {
	return f.Proto == 17 && f.Translated && slices.Contains(e.Held, f.ReplyDst) && slices.Contains(e.Ports, f.ReplyPort)
}

// Hook is a call of the user's programs.
type Hook struct {
	_ order.Incomparable

	// Action is up, down, degraded (a WAN changed), failover, failback (a policy moved) or reload.
	Action    string
	Interface string
	Device    string
	Gateway   netip.Addr
	Policy    string
	Family    kstate.Family
	Reason    string
}

// Env returns the hook's variables as NAME=value, sorted, each always present.
func (h *Hook) Env() []string {
	gw, fam := "", ""
	if h.Gateway.IsValid() {
		gw = h.Gateway.String()
	}
	if h.Family != 0 {
		fam = h.Family.String()
	}
	return []string{"ACTION=" + h.Action, "DEVICE=" + h.Device, "FAMILY=" + fam, "GATEWAY=" + gw, "INTERFACE=" + h.Interface,
		"POLICY=" + h.Policy, "REASON=" + h.Reason}
}

// String returns the hook in one line.
func (h *Hook) String() string { return "hook " + strings.Join(h.Env(), " ") }
