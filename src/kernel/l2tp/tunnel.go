package l2tp

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// AddTunnel makes a tunnel. One that is there already and equal is no error; one that differs is ErrExists. See the package comment for
// what has to be in place.
func (c *Conn) AddTunnel(t kstate.Tunnel) error {
	if err := c.addTunnel(t); err != nil {
		return fmt.Errorf("add %s: %w", t, err)
	}
	return nil
}

func (c *Conn) addTunnel(t kstate.Tunnel) error {
	body, err := encodeTunnel(t)
	if err != nil {
		return err
	}
	if b, err := c.get(cmdTunnelGet, tunnelID(t.ID)); b != nil || err != nil {
		return sameTunnel(t, b, err)
	}
	_, err = c.execute(cmdTunnelCreate, netlink.Acknowledge, body)
	switch {
	case errors.Is(err, unix.EPROTONOSUPPORT) && t.Family() == kstate.IPv6:
		return lacks("l2tp_ip6", "kmod-l2tp-ip")
	case errors.Is(err, unix.EPROTONOSUPPORT):
		return lacks("l2tp_ip", "kmod-l2tp-ip")
	}
	return err
}

// sameTunnel compares with the tunnel that has the id.
func sameTunnel(t kstate.Tunnel, b []byte, err error) error {
	if err != nil {
		return err
	}
	there, err := decodeTunnel(b)
	if err == nil && !t.Equal(there) {
		err = fmt.Errorf("%w: %s", ErrExists, there)
	}
	return err
}

// DelTunnel deletes a tunnel with its sessions and their devices, and returns when they are gone. One that is not there is no error.
func (c *Conn) DelTunnel(id uint32) error {
	if err := c.remove(cmdTunnelDelete, cmdTunnelGet, tunnelID(id)); err != nil {
		return fmt.Errorf("delete l2tp tunnel %d: %w", id, err)
	}
	return nil
}

func tunnelID(id uint32) []byte {
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(attrConnID, id)
	return encoded(ae)
}

// encoded ends an encoder that was given numbers and short bytes only, which cannot fail.
func encoded(ae *netlink.AttributeEncoder) []byte {
	b, err := ae.Encode()
	if err != nil {
		return nil
	}
	return b
}

func encodeTunnel(t kstate.Tunnel) ([]byte, error) {
	switch {
	case t.Version2:
		return nil, fmt.Errorf("version 2 is not for static tunnels")
	case t.ID == 0 || t.PeerID == 0:
		return nil, fmt.Errorf("ids of tunnels are not 0")
	case t.Family() == 0 || t.Family() != kstate.FamilyOf(t.Remote):
		return nil, fmt.Errorf("the ends are not of one family")
	case t.Local.Zone() != "" || t.Remote.Zone() != "":
		return nil, fmt.Errorf("addresses with a zone do not fit")
	}
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(attrConnID, t.ID)
	ae.Uint32(attrPeerConnID, t.PeerID)
	ae.Uint8(attrProtoVersion, protoVersion3)
	src, dst := uint16(attrIPSrc), uint16(attrIPDst)
	if t.Family() == kstate.IPv6 {
		src, dst = attrIP6Src, attrIP6Dst
	}
	ae.Bytes(src, t.Local.Unmap().AsSlice())
	ae.Bytes(dst, t.Remote.Unmap().AsSlice())
	switch t.Encap {
	case kstate.EncapIP:
		ae.Uint16(attrEncapType, encapIP)
	case kstate.EncapUDP:
		if t.LocalPort == 0 || t.RemotePort == 0 {
			return nil, fmt.Errorf("ports are not 0")
		}
		ae.Uint16(attrEncapType, encapUDP)
		ae.Uint16(attrSrcPort, t.LocalPort)
		ae.Uint16(attrDstPort, t.RemotePort)
		encodeChecksum(ae, t)
	default:
		return nil, fmt.Errorf("encapsulation %q", t.Encap)
	}
	return encoded(ae), nil
}

// encodeChecksum writes what the family has: for IPv4 an attribute that says on by being there, whatever its value, for IPv6 two that say off.
func encodeChecksum(ae *netlink.AttributeEncoder, t kstate.Tunnel) {
	if t.Family() == kstate.IPv6 {
		ae.Flag(attrZeroSumTx, !t.Checksum)
		ae.Flag(attrZeroSumRx, !t.Checksum)
	} else if t.Checksum {
		ae.Uint8(attrUDPChecksum, 1)
	}
}

// decodeTunnel reads what the kernel sends of a tunnel. Where only one direction of IPv6 goes without checksums, Checksum is false.
func decodeTunnel(b []byte) (kstate.Tunnel, error) {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return kstate.Tunnel{}, fmt.Errorf("read a tunnel: %w", err)
	}
	t := kstate.Tunnel{Encap: kstate.EncapUDP}
	zero := false
	for ad.Next() {
		switch ad.Type() {
		case attrConnID:
			t.ID = ad.Uint32()
		case attrPeerConnID:
			t.PeerID = ad.Uint32()
		case attrProtoVersion:
			t.Version2 = ad.Uint8() == 2
		case attrEncapType:
			if ad.Uint16() == encapIP {
				t.Encap = kstate.EncapIP
			}
		case attrIPSrc, attrIP6Src:
			t.Local, _ = netip.AddrFromSlice(ad.Bytes())
		case attrIPDst, attrIP6Dst:
			t.Remote, _ = netip.AddrFromSlice(ad.Bytes())
		case attrSrcPort:
			t.LocalPort = ad.Uint16()
		case attrDstPort:
			t.RemotePort = ad.Uint16()
		case attrUDPChecksum:
			t.Checksum = ad.Uint8() != 0
		case attrZeroSumTx, attrZeroSumRx:
			zero = true
		}
	}
	if err := ad.Err(); err != nil {
		return kstate.Tunnel{}, fmt.Errorf("read a tunnel: %w", err)
	}
	if t.Family() == kstate.IPv6 {
		t.Checksum = !zero
	}
	if t.Encap == kstate.EncapIP {
		t.LocalPort, t.RemotePort, t.Checksum = 0, 0, false
	}
	return t, nil
}
