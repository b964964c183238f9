package link

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// Words for the numbers of linux/if_bonding.h, by number.
var (
	bondModes     = []string{kstate.BondRoundRobin, kstate.BondActiveBackup, kstate.BondXOR, kstate.BondBroadcast, kstate.Bond8023AD, kstate.BondTLB, kstate.BondALB}
	bondHashes    = []string{kstate.HashLayer2, "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"}
	bondValidates = []string{kstate.ARPValidateOff, "active", "backup", "all", "filter", "filter_active", "filter_backup"}
	bondRates     = []string{kstate.LACPSlow, kstate.LACPFast}
)

// maxTargets is BOND_MAX_ARP_TARGETS and BOND_MAX_NS_TARGETS.
const maxTargets = 16

// bondInfo is what the kernel says of a bond.
type bondInfo struct {
	attrs           kstate.BondAttrs
	primary, active int // indexes
	ad              Aggregator
}

// slaveInfo is what the kernel says of a port of a bond.
type slaveInfo struct {
	active, works bool
	failures      uint32
	aggregator    uint16
}

// Aggregator is the active one of a bond in mode 802.3ad.
type Aggregator struct {
	ID, Ports  int
	PartnerMAC string // "00:00:00:00:00:00" where nobody answers
}

func word(words []string, v uint8) string {
	if int(v) < len(words) {
		return words[v]
	}
	return fmt.Sprintf("%d", v)
}

func number(words []string, w string) (uint8, error) {
	i := slices.Index(words, w)
	if i < 0 {
		return 0, fmt.Errorf("%q is none of %v: %w", w, words, unix.EINVAL)
	}
	return uint8(i), nil
}

func decodeBond(data []byte) *bondInfo {
	var b bondInfo
	a := &b.attrs
	var four, six []netip.Addr
	for typ, v := range rtnl.Attrs(data) {
		switch typ {
		case unix.IFLA_BOND_MODE:
			a.Mode = word(bondModes, rtnl.Uint8(v))
		case unix.IFLA_BOND_ACTIVE_SLAVE:
			b.active = int(rtnl.Uint32(v))
		case unix.IFLA_BOND_MIIMON:
			a.Miimon = int(rtnl.Uint32(v))
		case unix.IFLA_BOND_ARP_INTERVAL:
			a.ARPInterval = int(rtnl.Uint32(v))
		case unix.IFLA_BOND_ARP_IP_TARGET:
			four = decodeTargets(v)
		case unix.IFLA_BOND_NS_IP6_TARGET:
			six = decodeTargets(v)
		case unix.IFLA_BOND_ARP_VALIDATE:
			a.ARPValidate = word(bondValidates, uint8(rtnl.Uint32(v)))
		case unix.IFLA_BOND_PRIMARY:
			b.primary = int(rtnl.Uint32(v))
		case unix.IFLA_BOND_XMIT_HASH_POLICY:
			a.XmitHashPolicy = word(bondHashes, rtnl.Uint8(v))
		case unix.IFLA_BOND_RESEND_IGMP:
			a.ResendIGMP = int(rtnl.Uint32(v))
		case unix.IFLA_BOND_NUM_PEER_NOTIF:
			a.NumPeerNotif = int(rtnl.Uint8(v))
		case unix.IFLA_BOND_ALL_SLAVES_ACTIVE:
			a.AllSlavesActive = rtnl.Uint8(v) != 0
		case unix.IFLA_BOND_AD_LACP_RATE:
			a.LACPRate = word(bondRates, rtnl.Uint8(v))
		case unix.IFLA_BOND_AD_INFO:
			b.ad = decodeAggregator(v)
		}
	}
	a.ARPTargets = append(four, six...)
	return &b
}

func decodeTargets(data []byte) (list []netip.Addr) {
	for _, v := range rtnl.Attrs(data) {
		if a := rtnl.Address(v); a.IsValid() {
			list = append(list, a)
		}
	}
	return list
}

func decodeAggregator(data []byte) (a Aggregator) {
	for typ, v := range rtnl.Attrs(data) {
		switch typ {
		case unix.IFLA_BOND_AD_INFO_AGGREGATOR:
			a.ID = int(rtnl.Uint16(v))
		case unix.IFLA_BOND_AD_INFO_NUM_PORTS:
			a.Ports = int(rtnl.Uint16(v))
		case unix.IFLA_BOND_AD_INFO_PARTNER_MAC:
			a.PartnerMAC = net.HardwareAddr(v).String()
		}
	}
	return a
}

func decodeSlave(data []byte) (s slaveInfo) {
	for typ, v := range rtnl.Attrs(data) {
		switch typ {
		case unix.IFLA_BOND_SLAVE_STATE:
			s.active = rtnl.Uint8(v) == 0 // BOND_STATE_ACTIVE
		case unix.IFLA_BOND_SLAVE_MII_STATUS:
			s.works = rtnl.Uint8(v) == 0 // BOND_LINK_UP
		case unix.IFLA_BOND_SLAVE_LINK_FAILURE_COUNT:
			s.failures = rtnl.Uint32(v)
		case unix.IFLA_BOND_SLAVE_AD_AGGREGATOR_ID:
			s.aggregator = rtnl.Uint16(v)
		}
	}
	return s
}

// bondChange is what has to be sent to make one bond of another; both are normal. The kernel takes the attributes of a message in an order of
// its own (bond_changelink of drivers/net/bonding/bond_netlink.c) and stops at the first that it refuses, so what may be refused while
// the bond is up or a port is down goes alone, in the order of the fields.
type bondChange struct {
	live   rtnl.Message // may be changed at any time
	down   rtnl.Message // on most kernels only while the bond is down: BOND_OPTFLAG_IFDOWN
	active rtnl.Message // the active port
}

func changeBond(want, have kstate.BondAttrs, index func(string) (int, error)) (bondChange, error) {
	var c bondChange
	if want.Miimon != have.Miimon {
		c.live.U32(unix.IFLA_BOND_MIIMON, uint32(want.Miimon))
	}
	if want.ARPInterval != have.ARPInterval {
		c.live.U32(unix.IFLA_BOND_ARP_INTERVAL, uint32(want.ARPInterval))
	}
	if want.ARPInterval != 0 {
		if err := changeARP(&c.live, want, have); err != nil {
			return c, err
		}
	}
	if want.Primary != have.Primary {
		if err := deviceAttr(&c.live, unix.IFLA_BOND_PRIMARY, want.Primary, index); err != nil {
			return c, err
		}
	}
	if want.XmitHashPolicy != have.XmitHashPolicy {
		v, err := number(bondHashes, want.XmitHashPolicy)
		if err != nil {
			return c, fmt.Errorf("xmit_hash_policy: %w", err)
		}
		c.live.U8(unix.IFLA_BOND_XMIT_HASH_POLICY, v)
	}
	if want.ResendIGMP != have.ResendIGMP {
		c.live.U32(unix.IFLA_BOND_RESEND_IGMP, uint32(want.ResendIGMP))
	}
	if want.NumPeerNotif != have.NumPeerNotif {
		c.live.U8(unix.IFLA_BOND_NUM_PEER_NOTIF, uint8(want.NumPeerNotif))
	}
	if want.AllSlavesActive != have.AllSlavesActive {
		v := uint8(0)
		if want.AllSlavesActive {
			v = 1
		}
		c.live.U8(unix.IFLA_BOND_ALL_SLAVES_ACTIVE, v)
	}
	if want.LACPRate != have.LACPRate {
		v, err := number(bondRates, want.LACPRate)
		if err != nil {
			return c, fmt.Errorf("lacp_rate: %w", err)
		}
		c.down.U8(unix.IFLA_BOND_AD_LACP_RATE, v)
	}
	if want.ActiveSlave != have.ActiveSlave {
		return c, deviceAttr(&c.active, unix.IFLA_BOND_ACTIVE_SLAVE, want.ActiveSlave, index)
	}
	return c, nil
}

// changeARP adds the targets, where they differ, and how answers are checked.
func changeARP(m *rtnl.Message, want, have kstate.BondAttrs) error {
	if !slices.Equal(want.ARPTargets, have.ARPTargets) {
		for i, typ := range [2]uint16{unix.IFLA_BOND_ARP_IP_TARGET, unix.IFLA_BOND_NS_IP6_TARGET} {
			f := kstate.Families[i]
			list, old := ofFamily(want.ARPTargets, f), ofFamily(have.ARPTargets, f)
			if len(list) > maxTargets {
				return fmt.Errorf("%d ARP targets: %w", len(list), unix.E2BIG)
			}
			if len(list) == 0 && len(old) == 0 {
				continue // a kernel that does not know those of IPv6 is not told of them
			}
			var targets rtnl.Message
			for i, a := range list {
				targets.Addr(uint16(i), a)
			}
			m.Attr(typ|nested, targets)
		}
	}
	if want.ARPValidate != have.ARPValidate {
		v, err := number(bondValidates, want.ARPValidate)
		if err != nil {
			return fmt.Errorf("arp_validate: %w", err)
		}
		m.U32(unix.IFLA_BOND_ARP_VALIDATE, uint32(v))
	}
	return nil
}

func ofFamily(list []netip.Addr, f kstate.Family) (some []netip.Addr) {
	for _, a := range list {
		if kstate.FamilyOf(a) == f {
			some = append(some, a)
		}
	}
	return some
}

// deviceAttr names a device by its index; "" is 0, no device.
func deviceAttr(m *rtnl.Message, typ uint16, name string, index func(string) (int, error)) error {
	i := 0
	if name != "" {
		var err error
		if i, err = index(name); err != nil {
			return err
		}
	}
	m.U32(typ, uint32(i))
	return nil
}
