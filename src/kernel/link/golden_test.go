package link

import (
	"encoding/hex"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
)

var update = flag.Bool("update", false, "write the golden files of this machine's byte order")

var indexes = map[string]int{"s1": 3, "s2": 0x01020304}

func indexOf(name string) (int, error) { return indexes[name], nil }

func nameOf(index int) string {
	for n, i := range indexes {
		if i == index {
			return n
		}
	}
	return ""
}

var (
	activeBackup = kstate.BondAttrs{Mode: kstate.BondActiveBackup, ARPInterval: 100, ARPValidate: "active", Primary: "s1", ActiveSlave: "s2",
		ARPTargets: []netip.Addr{netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("2001:db8::9")}, XmitHashPolicy: "layer3+4",
		AllSlavesActive: true, ResendIGMP: 3, NumPeerNotif: 5, Usable: []string{"s1", "s2"}}
	lacp = kstate.BondAttrs{Mode: kstate.Bond8023AD, LACPRate: kstate.LACPFast, XmitHashPolicy: "layer2+3"}
	sits = []kstate.SitAttrs{
		{Local: netip.MustParseAddr("192.0.2.1"), Remote: netip.MustParseAddr("198.51.100.9"), TTL: 64},
		{Local: netip.MustParseAddr("192.0.2.1")},
		{Local: netip.MustParseAddr("10.1.2.3"), Prefix: netip.MustParsePrefix("2001:db8::/32"), RelayPrefix: netip.MustParsePrefix("10.0.0.0/8"), PMTUDisc: true},
	}
)

// TestEncode compares the bytes with golden files, one for each byte order. Those of the little-endian one were taken by a kernel:
// tests/link applies the same kinds of objects.
func TestEncode(t *testing.T) {
	var b strings.Builder
	line := func(what string, body []byte) { fmt.Fprintf(&b, "%s\n\t%s\n", what, hex.EncodeToString(body)) }
	fresh := kstate.BondAttrs{Usable: []string{"s1", "s2"}}
	for _, want := range []kstate.BondAttrs{activeBackup, lacp} {
		have := fresh
		have.Mode = want.Mode
		to, from := want.Toward(have)
		c, err := changeBond(to, from, indexOf)
		if err != nil {
			t.Fatal(err)
		}
		line("live: "+want.String(), c.live)
		line("down", c.down)
		line("active", c.active)
	}
	for _, s := range sits {
		m, err := encodeSit(s)
		if err != nil {
			t.Fatal(err)
		}
		line(s.String(), m)
	}
	line("veth", linkInfo(kstate.KindVeth, peerData(kstate.Link{Peer: "u1"})))
	line("mirror", mirredAction(0x01020304))
	line("filter", tcRequest(5, kstate.MirrorPriority, ingressParent, filterInfo()))
	order := "little"
	if native.Uint16([]byte{0, 1}) == 1 {
		order = "big"
	}
	path := "testdata/encode." + order + ".golden"
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("golden (-) and encoded (+):\n%s", diff)
	}
}
