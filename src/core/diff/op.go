package diff

import (
	"strings"

	"multiwan/src/core/kstate"
)

// Verb is what an operation does to its object, in the words of ip(8).
type Verb string

// The verbs. Add makes an object that nobody of ours holds, Replace changes one in place, without a moment of absence.
const (
	Add     Verb = "add"
	Replace Verb = "replace"
	Delete  Verb = "delete"
)

// Kind is the kind of an operation's object.
type Kind uint8

// The kinds.
const (
	Sysctl Kind = iota + 1
	Nexthop
	Route
	Rule
	// Netfilter stands for all nftables tables together: they change in one transaction.
	Netfilter
	// Overlay is an object of what joins sites.
	Overlay
)

// String returns the kind in one word.
func (k Kind) String() string {
	switch k {
	case Sysctl:
		return "sysctl"
	case Nexthop:
		return "nexthop"
	case Route:
		return "route"
	case Rule:
		return "rule"
	case Netfilter:
		return "nft"
	case Overlay:
		return "overlay"
	}
	return "unknown"
}

// Op is one operation on the kernel. The field that Kind names holds the object; the others are zero.
type Op struct {
	Verb    Verb
	Kind    Kind
	Sysctl  kstate.Sysctl
	Nexthop kstate.Nexthop
	Route   kstate.Route
	Rule    kstate.Rule
	// Tables is the whole of what Netfilter should hold; empty: nothing of ours.
	Tables []kstate.Table
	// Overlay is the operation of kind Overlay, with the same verb.
	Overlay *OverlayOp
	// Lines say in nft(8) syntax what changes, where that is known.
	Lines []string
}

// Key identifies the operation's object, whatever the verb.
func (o Op) Key() string {
	switch o.Kind {
	case Sysctl:
		return "sysctl " + o.Sysctl.Key()
	case Nexthop:
		return o.Nexthop.Key()
	case Route:
		return o.Route.Key()
	case Rule:
		return o.Rule.Key()
	case Overlay:
		return o.Overlay.Key()
	}
	return "nft tables"
}

// String returns the operation as a command, for example "ip -4 rule add pref 6000 fwmark 0x41000000/0x7f000000 lookup 19713".
func (o Op) String() string {
	switch o.Kind {
	case Sysctl:
		return "sysctl -w " + o.Sysctl.String()
	case Nexthop:
		return ipText("nexthop", o.Verb, o.Nexthop.String())
	case Route:
		return ipText("route", o.Verb, o.Route.String())
	case Rule:
		return ipText("rule", o.Verb, o.Rule.String())
	case Overlay:
		return o.Overlay.String()
	}
	if o.Verb == Delete {
		return "nft delete tables of multiwan"
	}
	names := make([]string, len(o.Tables))
	for i, t := range o.Tables {
		names[i] = "table " + t.Key()
	}
	return "nft " + string(o.Verb) + " " + strings.Join(names, ", ")
}

// ipText puts the verb behind the object's word: "-4 rule pref 1" is "ip -4 rule add pref 1".
func ipText(word string, v Verb, object string) string {
	return "ip " + strings.Replace(object, word+" ", word+" "+string(v)+" ", 1)
}
