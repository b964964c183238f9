package ipsec_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/ipsec"
	"multiwan/tests/lab"
)

// charon is strongSwan's daemon on one host.
type charon struct {
	*lab.IKEDaemon
	t    *testing.T
	host *lab.Host
}

func newCharon(t *testing.T, h *lab.Host) *charon {
	t.Helper()
	return &charon{lab.StartCharon(h), t, h}
}

// load replaces all connections and secrets, and returns what swanctl says.
func (c *charon) load(conf string) string {
	c.t.Helper()
	name := filepath.Join(c.t.TempDir(), "swanctl.conf")
	if err := os.WriteFile(name, []byte(conf), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return c.swanctl("--load-all", "--noprompt", "--file", name)
}

func (c *charon) swanctl(args ...string) string {
	c.t.Helper()
	out, err := c.Swanctl(args...)
	if err != nil {
		c.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// pair is two hosts on one wire, each with a charon: a with our client, b as set up by hand.
type pair struct {
	t    *testing.T
	a, b *charon
}

const (
	addrA, addrA2 = "192.0.2.1", "192.0.2.3"
	addrB         = "192.0.2.2"
	addrA6        = "fd00:1::1"
	addrB6        = "fd00:1::2"
	innerA        = "172.30.201.5"
	innerB        = "172.30.201.9"
)

func newPair(t *testing.T) *pair {
	t.Helper()
	lab.Need(t, lab.ESP, lab.Charon)
	l := lab.New(t)
	a, b := l.Host("a"), l.Host("b")
	l.Link(a, "wan", addrA+"/24,"+addrA2+"/24,"+addrA6+"/64", b, "wan", addrB+"/24,"+addrB6+"/64")
	a.IP("link set dev lo up")
	b.IP("link set dev lo up")
	a.AddAddr("lo", innerA+"/32")
	b.AddAddr("lo", innerB+"/32")
	return &pair{t, newCharon(t, a), newCharon(t, b)}
}

// client runs a client for one charon.
func client(t *testing.T, c *charon) *ipsec.Client {
	t.Helper()
	cl := ipsec.New(ipsec.Options{Socket: c.Socket()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); cl.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
	return cl
}

// conn is the connection from a to b in transport mode for all traffic between the two.
func conn(name string) kstate.Conn {
	return kstate.Conn{
		Name: name, Local: netip.MustParseAddr(addrA), Remote: addrB, LocalID: "a@example.org", RemoteID: "b@example.org", PSK: kstate.Secret("se#cret \"x\""),
		IKEProposals: []string{"aes128gcm16-prfsha256-curve25519"}, ESPProposals: []string{"aes128gcm16-curve25519"}, Mode: kstate.ModeTransport,
		LocalTS: []string{addrA + "/32[udp/1701]"}, RemoteTS: []string{addrB + "/32[udp/1702]"}, DPD: 5 * time.Second, Initiate: true,
	}
}

// byHand is the other end of conn as somebody would write it, with changes "old", "new", ….
func byHand(changes ...string) string {
	return strings.NewReplacer(changes...).Replace(`connections {
	site {
		version = 2
		local_addrs = 192.0.2.2
		proposals = aes128gcm16-prfsha256-curve25519
		local {
			auth = psk
			id = b@example.org
		}
		remote {
			auth = psk
			id = a@example.org
		}
		children {
			net {
				mode = transport
				local_ts = 192.0.2.2/32[udp/1702]
				remote_ts = 192.0.2.1/32[udp/1701]
				esp_proposals = aes128gcm16-curve25519
			}
		}
	}
}
secrets {
	ike-site {
		id-1 = a@example.org
		id-2 = b@example.org
		secret = "se#cret \"x\""
	}
}
`)
}

// tunnel is conn between the loopback addresses, and tunnelByHand the other end.
func tunnel(name string) kstate.Conn {
	c := conn(name)
	c.Mode, c.LocalTS, c.RemoteTS = kstate.ModeTunnel, []string{innerA + "/32"}, []string{innerB + "/32"}
	return c
}

func tunnelByHand() string {
	return byHand("mode = transport", "mode = tunnel", "192.0.2.2/32[udp/1702]", innerB+"/32", "192.0.2.1/32[udp/1701]", innerA+"/32")
}

// await waits for a status and returns it with the time that it took.
func await(t *testing.T, c *ipsec.Client, name string, limit time.Duration, what string, want func(ipsec.Status) bool) (ipsec.Status, time.Duration) {
	t.Helper()
	from := time.Now()
	var st ipsec.Status
	if !lab.Wait(limit, func() bool { st = c.Status()[name]; return want(st) }) {
		t.Fatalf("%s: not %s within %v: %+v", name, what, limit, st)
	}
	return st, time.Since(from)
}

func isUp(s ipsec.Status) bool { return s.State == "up" }
