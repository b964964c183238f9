package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// transport is a hand-made connection that protects UDP port 1701 between two
// addresses.
func transport(local, remote netip.Addr) string {
	return fmt.Sprintf(`connections {
	peer {
		version = 2
		local_addrs = %[1]s
		remote_addrs = %[2]s
		proposals = aes128gcm16-prfsha256-curve25519
		local {
			auth = psk
			id = %[1]s
		}
		remote {
			auth = psk
			id = %[2]s
		}
		children {
			l2tp {
				mode = transport
				esp_proposals = aes128gcm16
				local_ts = %[1]s[udp/1701]
				remote_ts = %[2]s[udp/1701]
			}
		}
	}
}
secrets {
	ike {
		id-1 = %[1]s
		id-2 = %[2]s
		secret = "for this test"
	}
}
`, local, remote)
}

// TestCharon lets two charons protect a UDP port in each family: it goes as ESP
// then, and never in clear. A new charon knows nothing until it is told.
func TestCharon(t *testing.T) {
	t.Parallel()
	Need(t, Netns, ESP, Charon)
	l := New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Link(a, "eth0", "192.0.2.1/24, 2001:db8::1/64", b, "eth0", "192.0.2.2/24, 2001:db8::2/64")
	ca, cb := StartCharon(a), StartCharon(b)
	for _, c := range []struct{ a, b string }{{"192.0.2.1", "192.0.2.2"}, {"2001:db8::1", "2001:db8::2"}} {
		from, to := netip.MustParseAddr(c.a), netip.MustParseAddr(c.b)
		ca.Load(transport(from, to))
		cb.Load(transport(to, from))
		if out, err := ca.Swanctl("--initiate", "--child", "l2tp"); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		wire := a.Capture("eth0", func(f Frame) bool { return f.Src == from || f.Src == to })
		knock(t, a, b, netip.AddrPortFrom(from, 1701), netip.AddrPortFrom(to, 1701))
		esp := 0
		for _, f := range wire.Stop() {
			switch f.Proto {
			case 50:
				esp++
			case 17:
				if f.DstPort == 1701 {
					t.Errorf("%s sent a datagram in clear", f.Src)
				}
			}
		}
		if esp == 0 {
			t.Error("no ESP packet was seen")
		}
	}

	ca.Restart()
	if out, err := ca.Swanctl("--list-conns"); err != nil || strings.Contains(out, "peer") {
		t.Errorf("after a restart there are connections, or %v:\n%s", err, out)
	}
	if n := len(strings.TrimSpace(a.IP("xfrm state"))); n != 0 {
		t.Errorf("a stopped charon left states:\n%s", a.IP("xfrm state"))
	}
	ca.Kill()
	if ca.Running() {
		t.Error("a killed charon runs")
	}
}

// knock sends a datagram from port to port until it arrives.
func knock(t *testing.T, a, b *Host, from, to netip.AddrPort) {
	t.Helper()
	listen := func(h *Host, at netip.AddrPort) (c net.PacketConn) {
		var err error
		h.Do(func() { c, err = (&net.ListenConfig{}).ListenPacket(context.Background(), "udp", at.String()) })
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	here, there := listen(a, from), listen(b, to)
	buf := make([]byte, 100)
	for range 50 {
		here.WriteTo([]byte("knock"), net.UDPAddrFromAddrPort(to))
		there.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		if n, _, err := there.ReadFrom(buf); err == nil && string(buf[:n]) == "knock" {
			return
		}
	}
	t.Fatalf("nothing arrived at %s", to)
}
