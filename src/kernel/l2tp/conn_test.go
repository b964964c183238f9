package l2tp

import (
	"errors"
	"strings"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/genetlink/genltest"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// served is a kernel that answers in its turn what a list of answers says, by the number of a command.
func served(t *testing.T, id uint16, answer func(cmd uint8, data []byte) ([]byte, error)) *Conn {
	t.Helper()
	fn := func(m genetlink.Message, _ netlink.Message) ([]genetlink.Message, error) {
		b, err := answer(m.Header.Command, m.Data)
		if err != nil {
			return nil, err
		}
		return []genetlink.Message{{Header: m.Header, Data: b}}, nil
	}
	c := &Conn{nl: genltest.Dial(genltest.ServeFamily(genetlink.Family{ID: id, Version: 1, Name: familyName}, fn))}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestNoModule(t *testing.T) {
	loaded := false
	family := genltest.ServeFamily(genetlink.Family{ID: 30, Version: 1, Name: familyName}, func(m genetlink.Message, _ netlink.Message) ([]genetlink.Message, error) {
		if m.Header.Command == cmdTunnelGet || m.Header.Command == cmdSessionGet {
			return nil, genltest.Error(int(unix.ENODEV))
		}
		return nil, genltest.Error(int(unix.EPROTONOSUPPORT))
	})
	c := &Conn{nl: genltest.Dial(func(g genetlink.Message, n netlink.Message) ([]genetlink.Message, error) {
		if !loaded {
			return nil, genltest.Error(int(unix.ENOENT))
		}
		return family(g, n)
	})}
	defer c.Close()
	tunnel, session := tunnelCases["ip, IPv6"].tunnel, sessionCases["no cookie, name of the kernel's choice"].session
	check := func(module string, err error) {
		t.Helper()
		if !errors.Is(err, ErrNoModule) || !strings.Contains(err.Error(), module) {
			t.Errorf("%v, want %s", err, module)
		}
	}
	_, _, err := c.Observe(t.Context())
	check("l2tp_netlink (kmod-l2tp ", err)
	check("l2tp_netlink (kmod-l2tp ", c.DelTunnel(1))
	loaded = true
	check("l2tp_ip6 (kmod-l2tp-ip ", c.AddTunnel(tunnel))
	tunnel.Local, tunnel.Remote = addr("192.0.2.1"), addr("192.0.2.2")
	check("l2tp_ip (kmod-l2tp-ip ", c.AddTunnel(tunnel))
	check("l2tp_eth (kmod-l2tp-eth ", c.AddSession(session))
}

// TestExists compares with what has the id already.
func TestExists(t *testing.T) {
	tc, sc := tunnelCases["udp, IPv4"], sessionCases["cookies of two lengths, no l2spec"]
	there := true
	c := served(t, 30, func(cmd uint8, _ []byte) ([]byte, error) {
		switch {
		case cmd == cmdTunnelCreate || cmd == cmdSessionCreate:
			if there {
				t.Error("made again what is there")
			}
			return nil, genltest.Error(int(unix.EEXIST))
		case !there:
			return nil, genltest.Error(int(unix.ENODEV))
		case cmd == cmdTunnelGet:
			return message(native, tc.reported...), nil
		}
		return message(native, sc.reported...), nil
	})
	if err := errors.Join(c.AddTunnel(tc.tunnel), c.AddSession(sc.session)); err != nil {
		t.Errorf("equal ones: %v", err)
	}
	tunnel, session := tc.tunnel, sc.session
	tunnel.Checksum = false
	session.Cookie = ""
	for _, err := range []error{c.AddTunnel(tunnel), c.AddSession(session)} {
		if !errors.Is(err, ErrExists) || strings.Count(err.Error(), "tunnel_id 1") != 2 {
			t.Errorf("a different one: %v", err)
		}
	}
	there = false
	if err := c.AddSession(session); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), "a device of that name") {
		t.Errorf("something else in the way: %v", err)
	}
}

// TestDeleteWaits goes on asking until the object is gone.
func TestDeleteWaits(t *testing.T) {
	asked := 0
	c := served(t, 30, func(cmd uint8, _ []byte) ([]byte, error) {
		if cmd == cmdTunnelDelete {
			return nil, nil
		}
		if asked++; asked == 3 {
			return nil, genltest.Error(int(unix.ENODEV))
		}
		return message(native, tunnelCases["udp, IPv4"].reported...), nil
	})
	if err := c.DelTunnel(1); err != nil || asked != 3 {
		t.Errorf("%v after %d questions", err, asked)
	}
}

// TestRemains goes on asking for a session while the device of one that was deleted just now may still have the name.
func TestRemains(t *testing.T) {
	tried := 0
	c := served(t, 30, func(cmd uint8, _ []byte) ([]byte, error) {
		switch cmd {
		case cmdSessionCreate:
			if tried++; tried < 3 {
				return nil, genltest.Error(int(unix.EEXIST))
			}
		case cmdSessionGet:
			return nil, genltest.Error(int(unix.ENODEV))
		}
		return nil, nil
	})
	s := sessionCases["no cookie, name of the kernel's choice"].session
	if err := c.AddSession(s); !errors.Is(err, ErrExists) || tried != 1 {
		t.Errorf("nothing was deleted: %v after %d tries", err, tried)
	}
	if err := errors.Join(c.DelSession(s.SessionKey()), c.AddSession(s)); err != nil || tried != 3 {
		t.Errorf("%v after %d tries", err, tried)
	}
}

// TestFamilyAgain asks for the number of the family again when the module was loaded anew.
func TestFamilyAgain(t *testing.T) {
	stale := true
	c := served(t, 31, func(uint8, []byte) ([]byte, error) {
		if stale {
			stale = false
			return nil, genltest.Error(int(unix.ENOENT))
		}
		return message(native, tunnelCases["udp, IPv4"].reported...), nil
	})
	c.family = 30
	if err := c.AddTunnel(tunnelCases["udp, IPv4"].tunnel); err != nil || c.family != 31 {
		t.Errorf("%v, family %d", err, c.family)
	}
}
