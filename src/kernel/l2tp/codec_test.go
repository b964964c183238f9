package l2tp

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"multiwan/src/core/kstate"
)

// field is an attribute for tests: a number of 1, 2, 4 or 8 bytes in one byte order, or bytes as they are.
type field struct {
	typ   uint16
	value any
}

// message builds attributes in a byte order.
func message(order binary.AppendByteOrder, fields ...field) []byte {
	var b []byte
	for _, f := range fields {
		var v []byte
		switch n := f.value.(type) {
		case uint8:
			v = []byte{n}
		case uint16:
			v = order.AppendUint16(nil, n)
		case uint32:
			v = order.AppendUint32(nil, n)
		case uint64:
			v = order.AppendUint64(nil, n)
		case string:
			v = []byte(n)
		case netip.Addr:
			v = n.AsSlice()
		case []field:
			v = message(order, n...)
		}
		b = order.AppendUint16(order.AppendUint16(b, uint16(4+len(v))), f.typ)
		b = append(b, v...)
		for len(b)%4 != 0 {
			b = append(b, 0)
		}
	}
	return b
}

var native = map[bool]binary.AppendByteOrder{true: binary.LittleEndian, false: binary.BigEndian}[binary.NativeEndian.Uint16([]byte{1, 0}) == 1]

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// tunnelCases have what is sent and what the kernel reports, each in both byte orders: numbers turn, addresses do not.
var tunnelCases = map[string]struct {
	tunnel      kstate.Tunnel
	sent        []field
	little, big string // of sent
	reported    []field
}{
	"udp, IPv4": {
		kstate.Tunnel{ID: 1, PeerID: 0x80000002, Encap: "udp", Local: addr("192.0.2.1"), Remote: addr("198.51.100.1"), LocalPort: 1701, RemotePort: 41702, Checksum: true},
		[]field{{9, uint32(1)}, {10, uint32(0x80000002)}, {7, uint8(3)}, {24, addr("192.0.2.1")}, {25, addr("198.51.100.1")}, {2, uint16(0)},
			{26, uint16(1701)}, {27, uint16(41702)}, {13, uint8(1)}},
		"0800090001000000" + "08000a0002000080" + "0500070003000000" + "08001800c0000201" + "08001900c6336401" + "0600020000000000" +
			"06001a00a5060000" + "06001b00e6a20000" + "05000d0001000000",
		"0008000900000001" + "0008000a80000002" + "0005000703000000" + "00080018c0000201" + "00080019c6336401" + "0006000200000000" +
			"0006001a06a50000" + "0006001ba2e60000" + "0005000d01000000",
		[]field{{7, uint8(3)}, {9, uint32(1)}, {10, uint32(0x80000002)}, {17, uint32(0)}, {2, uint16(0)}, {30, []field{{1, uint64(5)}}}, {35, ""},
			{13, uint8(1)}, {24, addr("192.0.2.1")}, {25, addr("198.51.100.1")}, {26, uint16(1701)}, {27, uint16(41702)}, {99, "what comes later"}},
	},
	"udp, IPv4, no checksum": {
		kstate.Tunnel{ID: 1, PeerID: 2, Encap: "udp", Local: addr("192.0.2.1"), Remote: addr("192.0.2.2"), LocalPort: 1, RemotePort: 2},
		[]field{{9, uint32(1)}, {10, uint32(2)}, {7, uint8(3)}, {24, addr("192.0.2.1")}, {25, addr("192.0.2.2")}, {2, uint16(0)}, {26, uint16(1)}, {27, uint16(2)}},
		"0800090001000000" + "08000a0002000000" + "0500070003000000" + "08001800c0000201" + "08001900c0000202" + "0600020000000000" +
			"06001a0001000000" + "06001b0002000000",
		"0008000900000001" + "0008000a00000002" + "0005000703000000" + "00080018c0000201" + "00080019c0000202" + "0006000200000000" +
			"0006001a00010000" + "0006001b00020000",
		[]field{{7, uint8(3)}, {9, uint32(1)}, {10, uint32(2)}, {2, uint16(0)}, {13, uint8(0)}, {24, addr("192.0.2.1")}, {25, addr("192.0.2.2")},
			{26, uint16(1)}, {27, uint16(2)}},
	},
	"ip, IPv6": {
		kstate.Tunnel{ID: 0x01020304, PeerID: 7, Encap: "ip", Local: addr("2001:db8::1"), Remote: addr("2001:db8::2")},
		[]field{{9, uint32(0x01020304)}, {10, uint32(7)}, {7, uint8(3)}, {31, addr("2001:db8::1")}, {32, addr("2001:db8::2")}, {2, uint16(1)}},
		"0800090004030201" + "08000a0007000000" + "0500070003000000" + "14001f0020010db8000000000000000000000001" +
			"1400200020010db8000000000000000000000002" + "0600020001000000",
		"0008000901020304" + "0008000a00000007" + "0005000703000000" + "0014001f20010db8000000000000000000000001" +
			"0014002020010db8000000000000000000000002" + "0006000200010000",
		[]field{{9, uint32(0x01020304)}, {10, uint32(7)}, {7, uint8(3)}, {2, uint16(1)}, {31, addr("2001:db8::1")}, {32, addr("2001:db8::2")}},
	},
	"udp, IPv6, no checksum": {
		kstate.Tunnel{ID: 1, PeerID: 2, Encap: "udp", Local: addr("2001:db8::1"), Remote: addr("2001:db8::2"), LocalPort: 1, RemotePort: 2},
		[]field{{9, uint32(1)}, {10, uint32(2)}, {7, uint8(3)}, {31, addr("2001:db8::1")}, {32, addr("2001:db8::2")}, {2, uint16(0)},
			{26, uint16(1)}, {27, uint16(2)}, {33, ""}, {34, ""}},
		"0800090001000000" + "08000a0002000000" + "0500070003000000" + "14001f0020010db8000000000000000000000001" +
			"1400200020010db8000000000000000000000002" + "0600020000000000" + "06001a0001000000" + "06001b0002000000" + "04002100" + "04002200",
		"0008000900000001" + "0008000a00000002" + "0005000703000000" + "0014001f20010db8000000000000000000000001" +
			"0014002020010db8000000000000000000000002" + "0006000200000000" + "0006001a00010000" + "0006001b00020000" + "00040021" + "00040022",
		[]field{{9, uint32(1)}, {10, uint32(2)}, {7, uint8(3)}, {2, uint16(0)}, {31, addr("2001:db8::1")}, {32, addr("2001:db8::2")},
			{26, uint16(1)}, {27, uint16(2)}, {33, ""}, {34, ""}},
	},
}

func TestTunnel(t *testing.T) {
	for name, tc := range tunnelCases {
		for order, want := range map[binary.AppendByteOrder]string{binary.LittleEndian: tc.little, binary.BigEndian: tc.big} {
			if got := hex.EncodeToString(message(order, tc.sent...)); got != want {
				t.Errorf("%s, %s:\n%s, want\n%s", name, order, got, want)
			}
		}
		got, err := encodeTunnel(tc.tunnel)
		if want := message(native, tc.sent...); err != nil || string(got) != string(want) {
			t.Errorf("%s:\n%x, want\n%x, %v", name, got, want, err)
		}
		read, err := decodeTunnel(message(native, tc.reported...))
		if err != nil || !read.Equal(tc.tunnel) {
			t.Errorf("%s: read %s, want %s, %v", name, read, tc.tunnel, err)
		}
		again, err := decodeTunnel(got)
		if err != nil || again != tc.tunnel {
			t.Errorf("%s: read what was sent as %s, %v", name, again, err)
		}
	}
}

func TestForeignTunnel(t *testing.T) {
	got, err := decodeTunnel(message(native, field{7, uint8(2)}, field{9, uint32(5)}, field{2, uint16(0)}, field{24, addr("192.0.2.1")}))
	if err != nil || !got.Version2 || got.ID != 5 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestTunnelRefused(t *testing.T) {
	good := tunnelCases["udp, IPv4"].tunnel
	for want, change := range map[string]func(*kstate.Tunnel){
		"version 2":     func(k *kstate.Tunnel) { k.Version2 = true },
		"are not 0":     func(k *kstate.Tunnel) { k.PeerID = 0 },
		"one family":    func(k *kstate.Tunnel) { k.Remote = addr("2001:db8::2") },
		"family":        func(k *kstate.Tunnel) { k.Local, k.Remote = netip.Addr{}, netip.Addr{} },
		"zone":          func(k *kstate.Tunnel) { k.Local, k.Remote = addr("fe80::1%eth0"), addr("fe80::2%eth0") },
		"ports":         func(k *kstate.Tunnel) { k.LocalPort = 0 },
		"encapsulation": func(k *kstate.Tunnel) { k.Encap = "gre" },
	} {
		k := good
		change(&k)
		if _, err := encodeTunnel(k); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", k, err, want)
		}
	}
}

// sessionCases are as tunnelCases.
var sessionCases = map[string]struct {
	session  kstate.Session
	sent     []field
	reported []field
}{
	"cookies of two lengths, no l2spec": {
		kstate.Session{Tunnel: 1, PeerTunnel: 2, ID: 11, PeerID: 0xf0000016, Device: "fifteen-bytes00", Cookie: "\xde\xad\xbe\xef", PeerCookie: "\x00\x01\x02\x03\x04\x05\x06\x07",
			L2Spec: "none"},
		[]field{{9, uint32(1)}, {11, uint32(11)}, {12, uint32(0xf0000016)}, {1, uint16(5)}, {5, uint8(0)}, {15, "\xde\xad\xbe\xef"},
			{16, "\x00\x01\x02\x03\x04\x05\x06\x07"}, {8, "fifteen-bytes00\x00"}},
		[]field{{9, uint32(1)}, {11, uint32(11)}, {10, uint32(2)}, {12, uint32(0xf0000016)}, {17, uint32(0)}, {1, uint16(5)}, {8, "fifteen-bytes00\x00"},
			{15, "\xde\xad\xbe\xef"}, {16, "\x00\x01\x02\x03\x04\x05\x06\x07"}, {18, uint8(0)}, {30, []field{{1, uint64(1)}}}},
	},
	"no cookie, name of the kernel's choice": {
		kstate.Session{Tunnel: 1, PeerTunnel: 2, ID: 11, PeerID: 22, L2Spec: "default"},
		[]field{{9, uint32(1)}, {11, uint32(11)}, {12, uint32(22)}, {1, uint16(5)}, {5, uint8(1)}},
		[]field{{9, uint32(1)}, {11, uint32(11)}, {10, uint32(2)}, {12, uint32(22)}, {1, uint16(5)}},
	},
}

func TestSession(t *testing.T) {
	for name, tc := range sessionCases {
		got, err := encodeSession(tc.session)
		if want := message(native, tc.sent...); err != nil || string(got) != string(want) {
			t.Errorf("%s:\n%x, want\n%x, %v", name, got, want, err)
		}
		read, _, err := decodeSession(message(native, tc.reported...))
		if err != nil || !tc.session.Equal(read) || read.L2Spec != "" {
			t.Errorf("%s: read %s, want %s, %v", name, read, tc.session, err)
		}
	}
	read, _, err := decodeSession(message(native, field{9, uint32(1)}, field{11, uint32(3)}, field{1, uint16(7)}))
	if err != nil || !read.Foreign {
		t.Errorf("a session of PPP: %+v, %v", read, err)
	}
}

func TestSessionRefused(t *testing.T) {
	good := sessionCases["cookies of two lengths, no l2spec"].session
	for want, change := range map[string]func(*kstate.Session){
		"of Ethernet":  func(s *kstate.Session) { s.Foreign = true },
		"are not 0":    func(s *kstate.Session) { s.ID = 0 },
		"16 bytes":     func(s *kstate.Session) { s.Device += "x" },
		"l2spec_type":  func(s *kstate.Session) { s.L2Spec = "" },
		"cookie of 5 ": func(s *kstate.Session) { s.PeerCookie = "12345" },
	} {
		s := good
		change(&s)
		if _, err := encodeSession(s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", s, err, want)
		}
	}
}

func TestCounters(t *testing.T) {
	stats := []field{{1, uint64(1)}, {9, ""}, {2, uint64(1) << 40}, {3, uint64(3)}, {4, uint64(4)}, {5, uint64(5)}, {10, uint64(6)}, {6, uint64(7)},
		{7, uint64(8)}, {8, uint64(9)}, {11, uint64(10)}, {77, uint64(11)}}
	s, n, err := decodeSession(message(native, field{9, uint32(1)}, field{11, uint32(2)}, field{30 | 0x8000, stats}))
	want := Counters{TxPackets: 1, TxBytes: 1 << 40, TxErrors: 3, RxPackets: 4, RxBytes: 5, CookieDiscards: 6, SeqDiscards: 7, OutOfOrder: 8, RxErrors: 9, RxInvalid: 10}
	if err != nil || n != want || s.SessionKey() != (kstate.SessionKey{Tunnel: 1, ID: 2}) {
		t.Errorf("%+v of %s, %v", n, s, err)
	}
}

// FuzzDecode feeds what is cut or senseless.
func FuzzDecode(f *testing.F) {
	for _, tc := range tunnelCases {
		b := message(native, tc.reported...)
		f.Add(b)
		f.Add(b[:len(b)-3])
	}
	for _, tc := range sessionCases {
		b := message(native, tc.reported...)
		f.Add(b)
		f.Add(b[:len(b)-5])
	}
	f.Add([]byte{5})
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := decodeTunnel(b); err == nil && k.Encap == kstate.EncapIP && k.LocalPort != 0 {
			t.Errorf("a tunnel over IP with a port: %s", k)
		}
		if s, _, err := decodeSession(b); err != nil && s != (kstate.Session{}) {
			t.Errorf("a session beside an error: %s", s)
		}
	})
}
