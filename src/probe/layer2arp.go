package probe

import (
	"net/netip"

	"github.com/mdlayher/arp"
)

func openLayer2ARP(p Path) (linkConn, error) {
	return openLink(p.Device, etherARP, bytesAre(6, 2, 0xffff, uint32(arp.OperationReply)), nil)
}

// arpProbe is the ARP probe of RFC 5227, 2.1.1: no sender's address.
func arpProbe(own hwAddr, target netip.Addr) ([]byte, hwAddr, error) {
	p, err := arp.NewPacket(arp.OperationRequest, own[:], netip.IPv4Unspecified(), make([]byte, len(own)), target)
	if err != nil {
		return nil, hwAddr{}, err
	}
	b, err := p.MarshalBinary()
	return b, broadcast, err
}

// arpAnswered takes an answer to us: the hardware address tells, as there is no other.
func arpAnswered(b []byte, own hwAddr) (netip.Addr, bool) {
	var p arp.Packet
	if p.UnmarshalBinary(b) != nil || p.Operation != arp.OperationReply || string(p.TargetHardwareAddr) != string(own[:]) {
		return netip.Addr{}, false
	}
	return p.SenderIP, true
}
