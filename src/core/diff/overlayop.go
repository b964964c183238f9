package diff

import (
	"fmt"
	"strings"

	"multiwan/src/core/kstate"
)

// OverlayKind is the kind of an OverlayOp's object.
type OverlayKind uint8

// The kinds.
const (
	Block OverlayKind = iota + 1
	Tunnel
	Session
	Link
	Port
	Address
	Mirror
)

// OverlayOp is one operation on what joins sites. The field that Kind names holds the object; the others are zero.
type OverlayOp struct {
	Verb    Verb
	Kind    OverlayKind
	Block   kstate.Block
	Tunnel  kstate.Tunnel
	Session kstate.Session
	Link    kstate.Link
	// Was is the device that Replace changes, as observed; the zero Link where a session or the other end of a pair has just made it.
	Was     kstate.Link
	Port    kstate.Port
	Address kstate.Address
	Mirror  kstate.Mirror
	// After are the keys of operations before this one without which it must not be tried: of what it stands on, or of what it guards.
	After []string
}

// Key identifies the operation's object, whatever the verb.
func (o OverlayOp) Key() string {
	switch o.Kind {
	case Block:
		return o.Block.Key()
	case Tunnel:
		return o.Tunnel.Key()
	case Session:
		return o.Session.Key()
	case Link:
		return o.Link.Key()
	case Port:
		return o.Port.Key()
	case Address:
		return o.Address.Key()
	}
	return o.Mirror.Key()
}

// String returns the operation as a command, for example "ip l2tp add session name l2 tunnel_id 1 session_id 11 peer_session_id 22".
func (o OverlayOp) String() string {
	gone := o.Verb == Delete
	switch o.Kind {
	case Block:
		if text, _, _ := strings.Cut(o.Block.String(), " action "); gone {
			return ipText("policy", Delete, text)
		}
		return ipText("policy", Add, o.Block.String())
	case Tunnel:
		if gone {
			return fmt.Sprintf("ip l2tp del tunnel tunnel_id %d", o.Tunnel.ID)
		}
		return ipText("l2tp", Add, o.Tunnel.String())
	case Session:
		if gone {
			return "ip l2tp del session " + o.Session.SessionKey().String()
		}
		return ipText("l2tp", Add, o.Session.String())
	case Link:
		return o.link()
	case Port:
		if gone {
			return fmt.Sprintf("ip link set dev %s nomaster", o.Port.Device)
		}
		return "ip " + strings.Replace(o.Port.String(), " vlan add ", "; bridge vlan add ", 1)
	case Address:
		verb := Verb("add")
		if gone {
			verb = "del"
		}
		return ipText("address", verb, o.Address.String())
	}
	if gone {
		return fmt.Sprintf("tc filter del dev %s ingress pref %d", o.Mirror.From, kstate.MirrorPriority)
	}
	return "tc " + strings.Replace(o.Mirror.String(), "filter ", "filter add ", 1)
}

// link says what becomes of a device. Of a change only what differs is shown.
func (o OverlayOp) link() string {
	l := o.Link
	switch o.Verb {
	case Delete:
		return "ip link del dev " + l.Name
	case Add:
		return ipText("link", Add, l.String())
	}
	s := "ip link set dev " + l.Name
	if l.MTU != 0 && l.MTU != o.Was.MTU {
		s += fmt.Sprintf(" mtu %d", l.MTU)
	}
	if l.MAC != "" && l.MAC != o.Was.MAC {
		s += " address " + l.MAC
	}
	if l.Up != o.Was.Up {
		s += map[bool]string{true: " up", false: " down"}[l.Up]
	}
	if l.Alias != o.Was.Alias {
		s += " alias " + l.Alias
	}
	if l.Bond != nil && (o.Was.Bond == nil || !l.Bond.Equal(*o.Was.Bond)) {
		s += " type bond " + l.Bond.String()
	}
	if l.Sit != nil && (o.Was.Sit == nil || !l.Sit.Equal(*o.Was.Sit)) {
		s += " type sit " + l.Sit.String()
	}
	return s
}
