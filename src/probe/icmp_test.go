package probe

import (
	"bytes"
	"testing"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"multiwan/src/core/kstate"
)

// The icmp package is the second opinion.
func TestEchoRequest(t *testing.T) {
	for size := range 70 {
		data := bytes.Repeat([]byte{0xf7}, size)
		for f, kind := range map[kstate.Family]icmp.Type{kstate.IPv4: ipv4.ICMPTypeEcho, kstate.IPv6: ipv6.ICMPTypeEchoRequest} {
			want, err := (&icmp.Message{Type: kind, Body: &icmp.Echo{ID: 0xfedc, Seq: 0xff00, Data: data}}).Marshal(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := echoRequest(f, 0xfedc, 0xff00, data); !bytes.Equal(got, want) {
				t.Errorf("%s, %d bytes: %x, want %x", f, size, got, want)
			}
		}
	}
}
