package conntrack

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// captured is a UDP connection as Linux 6.18 dumps it: nfgenmsg, then attributes, addresses and numbers in network order.
const captured = "02000000" +
	"34000180" + "14000180" + "08000100" + "0a000001" + "08000200" + "c0000250" + "1c000280" + "05000100" + "11000000" + "06000200" + "03e90000" + "06000300" + "00350000" +
	"34000280" + "14000180" + "08000100" + "c0000250" + "08000200" + "c6336401" + "1c000280" + "05000100" + "11000000" + "06000200" + "00350000" + "06000300" + "03e90000" +
	"08000300" + "0000000a" + "08000800" + "01000000" + "08000c00" + "deadbeef" +
	"1c000980" + "0c000100" + "0000000000000002" + "0c000200" + "0000000000000064" +
	"1c000a80" + "0c000100" + "0000000000000001" + "0c000200" + "0000000000000032"

// message returns the captured bytes with lengths and types of attributes in this machine's order.
func capturedHere(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(captured)
	if err != nil {
		t.Fatal(err)
	}
	swap(b[4:])
	return b
}

// swap turns attribute headers from little-endian to the order of this machine, into nests too.
func swap(b []byte) {
	for len(b) >= 4 {
		n, typ := binary.LittleEndian.Uint16(b), binary.LittleEndian.Uint16(b[2:])
		binary.NativeEndian.PutUint16(b, n)
		binary.NativeEndian.PutUint16(b[2:], typ)
		if typ&unix.NLA_F_NESTED != 0 {
			swap(b[4:n])
		}
		b = b[min(int(n+3)&^3, len(b)):]
	}
}

func TestParseEntry(t *testing.T) {
	got, err := parseEntry(capturedHere(t))
	if err != nil {
		t.Fatal(err)
	}
	want := Entry{Family: kstate.IPv4, Proto: 17, Mark: 0x01000000, Status: StatusSeenReply | 1<<3, ID: 0xdeadbeef, Packets: 3, Bytes: 150,
		Orig:  Tuple{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("192.0.2.80"), 1001, 53},
		Reply: Tuple{netip.MustParseAddr("192.0.2.80"), netip.MustParseAddr("198.51.100.1"), 53, 1001}}
	if d := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Entry{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	key := marshal(got.key)
	if !strings.Contains(hex.EncodeToString(key), "deadbeef") || !strings.Contains(hex.EncodeToString(key), "0a000001") || len(key) != 52+8 {
		t.Errorf("the key of a delete is %x", key)
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add(capturedHere(f))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, err := parseEntry(b); err == nil && e.String() == "" {
			t.Error("an entry without a text")
		}
	})
}

func TestMatch(t *testing.T) {
	e, err := parseEntry(capturedHere(t))
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr
	cases := map[string]struct {
		f    Filter
		want bool
	}{
		"nothing asked":    {Filter{}, true},
		"mark":             {Filter{Mark: 0x01000000, Mask: 0x7f000000}, true},
		"mark with noise":  {Filter{Mark: 0x010000ff, Mask: 0x7f000000}, true},
		"other mark":       {Filter{Mark: 0x02000000, Mask: 0x7f000000}, false},
		"family":           {Filter{Family: kstate.IPv4}, true},
		"other family":     {Filter{Family: kstate.IPv6}, false},
		"reply":            {Filter{ReplyDst: addr("198.51.100.1")}, true},
		"mapped reply":     {Filter{ReplyDst: addr("::ffff:198.51.100.1")}, true},
		"source is not it": {Filter{ReplyDst: addr("10.0.0.1")}, false},
		"destination":      {Filter{OrigDst: addr("192.0.2.80")}, true},
		"not tcp":          {Filter{NotTCP: true}, true},
		"protocols":        {Filter{Protos: []uint8{6, 17}}, true},
		"other protocol":   {Filter{Protos: []uint8{6}}, false},
		"kept":             {Filter{Keep: func(Entry) bool { return true }}, false},
		"not kept":         {Filter{Keep: func(Entry) bool { return false }}, true},
	}
	for name, tc := range cases {
		if got := tc.f.Match(e); got != tc.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestConditions(t *testing.T) {
	for _, f := range []Filter{{}, {Family: kstate.IPv6}, {Mark: 7}} {
		if f.conditions() {
			t.Errorf("%+v has a condition", f)
		}
	}
	for _, f := range []Filter{{Mask: 1}, {NotTCP: true}, {Protos: []uint8{1}}, {OrigDst: netip.MustParseAddr("::1")}, {Keep: func(Entry) bool { return false }}} {
		if !f.conditions() {
			t.Errorf("%+v has no condition", f)
		}
	}
}

func TestErrnos(t *testing.T) {
	answer := func(errno int32) []byte {
		b := make([]byte, 36)
		binary.NativeEndian.PutUint32(b, 36)
		binary.NativeEndian.PutUint16(b[4:], unix.NLMSG_ERROR)
		binary.NativeEndian.PutUint32(b[16:], uint32(-errno))
		return b
	}
	both := append(answer(0), answer(int32(unix.ENOENT))...)
	if d := cmp.Diff([]unix.Errno{0, unix.ENOENT}, errnos(both)); d != "" {
		t.Error(d)
	}
	if got := errnos(both[:40]); len(got) != 1 {
		t.Errorf("of a cut datagram: %v", got)
	}
}
