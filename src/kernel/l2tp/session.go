package l2tp

import (
	"errors"
	"fmt"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// AddSession makes a session of a tunnel, with a device of that name, which is down at first and whose MTU is the kernel's guess. One that
// is there already and equal is no error, though its L2Spec cannot be seen; a session that differs, or a device of that name, is
// ErrExists. An ID is unique in the namespace; where both tunnels are over UDP, Linux 6.11 and later want it unique in its tunnel only.
func (c *Conn) AddSession(s kstate.Session) error {
	if err := c.addSession(s); err != nil {
		return fmt.Errorf("add %s: %w", s, err)
	}
	return nil
}

// addSession looks for the id first, since Linux 6.11 and later refuse no second session of the same id in the same tunnel.
func (c *Conn) addSession(s kstate.Session) error {
	body, err := encodeSession(s)
	if err != nil {
		return err
	}
	if b, err := c.get(cmdSessionGet, sessionID(s.SessionKey())); b != nil || err != nil {
		return sameSession(s, b, err)
	}
	_, err = c.execute(cmdSessionCreate, netlink.Acknowledge, body)
	for errors.Is(err, unix.EEXIST) && c.settling() {
		time.Sleep(5 * time.Millisecond)
		_, err = c.execute(cmdSessionCreate, netlink.Acknowledge, body)
	}
	switch {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("%w: a device of that name, or a session of that id in another tunnel", ErrExists)
	case errors.Is(err, unix.EPROTONOSUPPORT):
		return lacks("l2tp_eth", "kmod-l2tp-eth")
	case absent(err):
		return fmt.Errorf("its tunnel does not exist: %w", err)
	}
	return err
}

// sameSession compares with the session that has the id.
func sameSession(s kstate.Session, b []byte, err error) error {
	if err != nil {
		return err
	}
	there, _, err := decodeSession(b)
	if err == nil && !s.Equal(there) {
		err = fmt.Errorf("%w: %s", ErrExists, there)
	}
	return err
}

// DelSession deletes a session with its device, and returns when they are gone. One that is not there is no error.
func (c *Conn) DelSession(k kstate.SessionKey) error {
	if err := c.remove(cmdSessionDelete, cmdSessionGet, sessionID(k)); err != nil {
		return fmt.Errorf("delete l2tp session %s: %w", k, err)
	}
	return nil
}

func sessionID(k kstate.SessionKey) []byte {
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(attrConnID, k.Tunnel)
	ae.Uint32(attrSessionID, k.ID)
	return encoded(ae)
}

func encodeSession(s kstate.Session) ([]byte, error) {
	switch {
	case s.Foreign:
		return nil, fmt.Errorf("only sessions of Ethernet are made")
	case s.Tunnel == 0 || s.ID == 0 || s.PeerID == 0:
		return nil, fmt.Errorf("ids of tunnels and sessions are not 0")
	case len(s.Device) > kstate.MaxDeviceName:
		return nil, fmt.Errorf("device name of %d bytes, at most %d fit", len(s.Device), kstate.MaxDeviceName)
	}
	ae := netlink.NewAttributeEncoder()
	ae.Uint32(attrConnID, s.Tunnel)
	ae.Uint32(attrSessionID, s.ID)
	ae.Uint32(attrPeerSession, s.PeerID)
	ae.Uint16(attrPWType, typeEthernet)
	switch s.L2Spec {
	case kstate.L2SpecDefault:
		ae.Uint8(attrL2SpecType, l2specDefault)
	case kstate.L2SpecNone:
		ae.Uint8(attrL2SpecType, l2specNone)
	default:
		return nil, fmt.Errorf("l2spec_type %q", s.L2Spec)
	}
	for _, c := range []struct {
		typ    uint16
		cookie string
	}{{attrCookie, s.Cookie}, {attrPeerCookie, s.PeerCookie}} {
		switch len(c.cookie) {
		case 0:
		case 4, 8:
			ae.Bytes(c.typ, []byte(c.cookie))
		default:
			return nil, fmt.Errorf("cookie of %d bytes, 4 or 8 fit", len(c.cookie))
		}
	}
	if s.Device != "" {
		ae.String(attrIfname, s.Device)
	}
	return encoded(ae), nil
}

// decodeSession reads what the kernel sends of a session.
func decodeSession(b []byte) (s kstate.Session, n Counters, err error) {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return s, n, fmt.Errorf("read a session: %w", err)
	}
	for ad.Next() {
		switch ad.Type() {
		case attrConnID:
			s.Tunnel = ad.Uint32()
		case attrPeerConnID:
			s.PeerTunnel = ad.Uint32()
		case attrSessionID:
			s.ID = ad.Uint32()
		case attrPeerSession:
			s.PeerID = ad.Uint32()
		case attrPWType:
			s.Foreign = ad.Uint16() != typeEthernet
		case attrIfname:
			s.Device = ad.String()
		case attrCookie:
			s.Cookie = string(ad.Bytes())
		case attrPeerCookie:
			s.PeerCookie = string(ad.Bytes())
		case attrStats:
			ad.Nested(n.decode)
		}
	}
	if err := ad.Err(); err != nil {
		return kstate.Session{}, Counters{}, fmt.Errorf("read a session: %w", err)
	}
	return s, n, nil
}
