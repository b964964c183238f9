package kstate

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Modes of a bond (bonding.rst of the kernel, "mode").
const (
	BondRoundRobin   = "balance-rr"
	BondActiveBackup = "active-backup"
	BondXOR          = "balance-xor"
	BondBroadcast    = "broadcast"
	Bond8023AD       = "802.3ad"
	BondTLB          = "balance-tlb" // only ever observed
	BondALB          = "balance-alb" // only ever observed
)

// Words for the options of a bond that are the kernel's defaults.
const (
	LACPSlow       = "slow"
	LACPFast       = "fast"
	HashLayer2     = "layer2"
	ARPValidateOff = "none"
)

// bondMiimon is what the kernel sets in modes that need carrier detection and got none (BOND_DEFAULT_MIIMON of net/bonding.h).
const bondMiimon = 100

// BondAttrs are the options of a bond, with the names and values of bonding.rst. What is empty is the kernel's default.
type BondAttrs struct {
	Mode   string
	Miimon int // milliseconds between looks at the carrier, 0 is never; 100 where the mode needs it
	// ARPInterval is the time in milliseconds between ARP probes to ARPTargets, 0 is never. It excludes Miimon and, in the kernel, the
	// mode 802.3ad.
	ARPInterval int
	// ARPTargets are at most 16 addresses of each family; those of IPv6 are asked by neighbour discovery (Linux 5.18).
	ARPTargets     []netip.Addr
	ARPValidate    string // none, active, backup, all, filter, filter_active, filter_backup
	LACPRate       string // of 802.3ad: slow, fast
	XmitHashPolicy string // layer2, layer2+3, layer3+4, encap2+3, encap3+4, vlan+srcmac
	// Primary and ActiveSlave are ports of a bond in mode active-backup. A wanted ActiveSlave "" leaves the choice to the kernel.
	Primary, ActiveSlave string
	// AllSlavesActive takes frames that came in by a port which is not active, instead of dropping them as duplicates.
	AllSlavesActive bool
	// ResendIGMP and NumPeerNotif are how many IGMP reports, or gratuitous ARPs and unsolicited neighbour advertisements, a change of
	// the active port sends: 1 to 255; 0 is the default of 1.
	ResendIGMP, NumPeerNotif int
	// Usable is only observed: the ports that work, sorted by name. A port that is not there cannot be made primary or active.
	Usable []string
}

// Active says whether the mode has one active port, which can be chosen.
func (b BondAttrs) Active() bool { return b.Mode == BondActiveBackup }

// normal returns the options without what has no effect and with what the kernel puts in the place of nothing.
func (b BondAttrs) normal() BondAttrs {
	if b.Mode == "" {
		b.Mode = BondRoundRobin
	}
	carrier := b.Mode == Bond8023AD || b.Mode == BondTLB || b.Mode == BondALB
	if carrier {
		b.ARPInterval = 0
		if b.Miimon == 0 {
			b.Miimon = bondMiimon
		}
	}
	switch {
	case b.ARPInterval == 0:
		b.ARPTargets, b.ARPValidate = nil, ARPValidateOff
	case b.ARPValidate == "":
		b.ARPValidate = ARPValidateOff
	}
	if b.Mode != Bond8023AD {
		b.LACPRate = ""
	} else if b.LACPRate == "" {
		b.LACPRate = LACPSlow
	}
	if b.XmitHashPolicy == "" {
		b.XmitHashPolicy = HashLayer2
	}
	if !b.Active() {
		b.Primary, b.ActiveSlave = "", ""
	}
	b.ResendIGMP, b.NumPeerNotif = max(b.ResendIGMP, 1), max(b.NumPeerNotif, 1)
	return b
}

// Toward returns the options that the kernel's bond o has to get to be what b wants, normal and as far as can be reached now: a primary
// or active port that is not usable is what o has.
func (b BondAttrs) Toward(o BondAttrs) (want, have BondAttrs) {
	usable := o.Usable
	b, o = b.normal(), o.normal()
	if b.Primary != "" && !slices.Contains(usable, b.Primary) {
		b.Primary = o.Primary
	}
	if !slices.Contains(usable, b.ActiveSlave) {
		b.ActiveSlave = o.ActiveSlave
	}
	b.Usable, o.Usable = nil, nil
	return b, o
}

// Equal says whether the kernel's bond o has the options that b wants. A wanted primary or active port that is not usable is no difference:
// there will be one when it is.
func (b BondAttrs) Equal(o BondAttrs) bool {
	b, o = b.Toward(o)
	return b.Mode == o.Mode && b.Miimon == o.Miimon && b.ARPInterval == o.ARPInterval && slices.Equal(b.ARPTargets, o.ARPTargets) &&
		b.ARPValidate == o.ARPValidate && b.LACPRate == o.LACPRate && b.XmitHashPolicy == o.XmitHashPolicy && b.Primary == o.Primary &&
		b.ActiveSlave == o.ActiveSlave && b.AllSlavesActive == o.AllSlavesActive && b.ResendIGMP == o.ResendIGMP && b.NumPeerNotif == o.NumPeerNotif
}

// String returns the options as arguments of `ip link … type bond`.
func (b BondAttrs) String() string {
	var s strings.Builder
	s.WriteString("mode " + b.Mode)
	word := func(name, value string) {
		if value != "" {
			s.WriteString(" " + name + " " + value)
		}
	}
	number := func(name string, value int) {
		if value != 0 {
			fmt.Fprintf(&s, " %s %d", name, value)
		}
	}
	word("active_slave", b.ActiveSlave)
	number("miimon", b.Miimon)
	number("arp_interval", b.ARPInterval)
	var four, six []string
	for _, a := range b.ARPTargets {
		if FamilyOf(a) == IPv6 {
			six = append(six, a.String())
		} else {
			four = append(four, a.String())
		}
	}
	word("arp_ip_target", strings.Join(four, ","))
	word("ns_ip6_target", strings.Join(six, ","))
	word("arp_validate", b.ARPValidate)
	word("primary", b.Primary)
	word("xmit_hash_policy", b.XmitHashPolicy)
	number("resend_igmp", b.ResendIGMP)
	number("num_grat_arp", b.NumPeerNotif)
	if b.AllSlavesActive {
		s.WriteString(" all_slaves_active 1")
	}
	word("lacp_rate", b.LACPRate)
	return s.String()
}
