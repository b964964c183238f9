package kstate

import (
	"fmt"
	"strings"

	"multiwan/src/core/order"
)

// AliasPrefix begins the alias (ifalias) of every device of ours; the name of the section that wants it follows.
const AliasPrefix = "multiwan:"

// Kinds of devices, in the words of ip-link(8).
const (
	KindL2TP   = "l2tpeth"
	KindBond   = "bond"
	KindVeth   = "veth"
	KindVLAN   = "vlan"
	KindSit    = "sit"
	KindBridge = "bridge"
)

// Link is a network device of ours. What was observed has all fields, what is wanted may leave some to the kernel.
type Link struct {
	_ order.Incomparable

	Name string // at most MaxDeviceName bytes
	Kind string
	MTU  int // bytes; wanted 0: as it is
	Up   bool
	// Alias is AliasPrefix and the name of the section. It tells our devices from those of others.
	Alias string
	// MAC is the link-layer address in lower-case text, "02:00:00:00:00:01"; wanted "": as it is.
	MAC string
	// Peer is the other end of a veth pair. Adding one end adds both.
	Peer string
	// Parent and VLAN are the device below and the 802.1Q tag of a vlan.
	Parent string
	VLAN   int
	Bond   *BondAttrs
	Sit    *SitAttrs
}

// Key identifies the device: by its name.
func (l Link) Key() string { return "link " + l.Name }

// Equal says whether the kernel's device o is what l wants.
func (l Link) Equal(o Link) bool {
	if l.MTU == 0 {
		o.MTU = 0
	}
	if l.MAC == "" {
		o.MAC = ""
	}
	if l.MTU != o.MTU || l.Up != o.Up || l.Alias != o.Alias || l.MAC != o.MAC || !l.Changeable(o) {
		return false
	}
	if l.Bond != nil && !l.Bond.Equal(*o.Bond) {
		return false
	}
	return l.Sit == nil || l.Sit.Equal(*o.Sit)
}

// Changeable says whether the kernel's device o can become l while it lives. Where not, it is deleted and made anew.
func (l Link) Changeable(o Link) bool {
	if l.Name != o.Name || l.Kind != o.Kind || l.Peer != "" && l.Peer != o.Peer || l.Parent != o.Parent || l.VLAN != o.VLAN {
		return false
	}
	if (l.Bond == nil) != (o.Bond == nil) || (l.Sit == nil) != (o.Sit == nil) {
		return false
	}
	return l.Sit == nil || l.Sit.Remote.IsValid() == o.Sit.Remote.IsValid()
}

// String returns the device as arguments of `ip`, without the verb "add" behind "link", for example
// "link name bond0 mtu 1500 type bond mode active-backup miimon 100 up alias multiwan:ha".
func (l Link) String() string {
	var b strings.Builder
	b.WriteString("link name " + l.Name)
	if l.Parent != "" {
		b.WriteString(" link " + l.Parent)
	}
	if l.MAC != "" {
		b.WriteString(" address " + l.MAC)
	}
	if l.MTU != 0 {
		fmt.Fprintf(&b, " mtu %d", l.MTU)
	}
	b.WriteString(" type " + l.Kind)
	if l.Peer != "" {
		b.WriteString(" peer name " + l.Peer)
	}
	if l.VLAN != 0 {
		fmt.Fprintf(&b, " id %d", l.VLAN)
	}
	if l.Bond != nil {
		b.WriteString(" " + l.Bond.String())
	}
	if l.Sit != nil {
		b.WriteString(" " + l.Sit.String())
	}
	if l.Up {
		b.WriteString(" up")
	} else {
		b.WriteString(" down")
	}
	if l.Alias != "" {
		b.WriteString(" alias " + l.Alias)
	}
	return b.String()
}
