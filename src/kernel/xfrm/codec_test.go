package xfrm

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/netlink"

	"multiwan/src/core/kstate"
)

var sameAddr = cmp.Options{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}

func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func addr(s string) netip.Addr  { return netip.MustParseAddr(s) }

var (
	udpOut = kstate.Block{Family: kstate.IPv4, Dir: kstate.DirOut, Src: pfx("192.0.2.1/32"), Dst: pfx("198.51.100.1/32"), Proto: kstate.ProtoUDP, SrcPort: 1701, DstPort: 41702}
	ipIn   = kstate.Block{Family: kstate.IPv6, Dir: kstate.DirIn, Src: pfx("2001:db8::1/128"), Dst: pfx("2001:db8:1::/48"), Proto: kstate.ProtoL2TP}
)

// selectors in hex; the numbers that are in the machine's order are written last byte last.
var selectors = map[string]struct {
	k           kstate.Block
	little, big string
}{
	"udp, IPv4": {udpOut,
		"c6336401" + zeros(12) + "c0000201" + zeros(12) + "a2e6ffff" + "06a5ffff" + "0200" + "2020" + "11" + zeros(3) + zeros(4) + "6e61776d",
		"c6336401" + zeros(12) + "c0000201" + zeros(12) + "a2e6ffff" + "06a5ffff" + "0002" + "2020" + "11" + zeros(3) + zeros(4) + "6d77616e"},
	"l2tp, IPv6": {ipIn,
		"20010db8000100000000000000000000" + "20010db8000000000000000000000001" + zeros(8) + "0a00" + "3080" + "73" + zeros(3) + zeros(4) + "6e61776d",
		"20010db8000100000000000000000000" + "20010db8000000000000000000000001" + zeros(8) + "000a" + "3080" + "73" + zeros(3) + zeros(4) + "6d77616e"},
}

func zeros(n int) string { return strings.Repeat("00", n) }

// here picks what this machine's byte order is.
func here(little, big string) string {
	if native.Uint16([]byte{1, 0}) == 1 {
		return little
	}
	return big
}

// tail is the padding at the end of structures with 64-bit numbers.
func tail(n int) string {
	if runtime.GOARCH == "386" {
		return zeros((4 - n%4) % 4)
	}
	return zeros((8 - n%8) % 8)
}

func TestEncodeBlock(t *testing.T) {
	for name, tc := range selectors {
		dir := map[string]string{kstate.DirIn: "00", kstate.DirOut: "01"}[tc.k.Dir]
		want := here(tc.little, tc.big) + strings.Repeat("ff", 32) + zeros(32+32) + here("ffffff7f", "7fffffff") + zeros(4) + dir + "01" + "0000" + tail(policyLen)
		got, err := encodeBlock(tc.k)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s:\n%x, want\n%s, %v", name, got, want, err)
		}
		p, main, err := decodePolicy(got)
		if err != nil || !main || !ours(p) || p.Block != tc.k {
			t.Errorf("%s: read %+v, %v", name, p, err)
		}
		id, err := encodeBlockID(tc.k)
		if want := here(tc.little, tc.big) + zeros(4) + dir + zeros(3); err != nil || hex.EncodeToString(id) != want {
			t.Errorf("%s: id\n%x, want\n%s, %v", name, id, want, err)
		}
	}
}

func TestBlockRefused(t *testing.T) {
	for want, change := range map[string]func(*kstate.Block){
		"direction": func(k *kstate.Block) { k.Dir = "up" },
		"family":    func(k *kstate.Block) { k.Dst = ipIn.Dst },
		"of one":    func(k *kstate.Block) { k.Src, k.Dst, k.Family = netip.Prefix{}, netip.Prefix{}, 0 },
	} {
		k := udpOut
		change(&k)
		_, err := encodeBlock(k)
		_, iderr := encodeBlockID(k)
		if err == nil || iderr == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, %v", k, err, iderr)
		}
	}
}

// TestOurs takes no policy for ours that is not exactly as we make it.
func TestOurs(t *testing.T) {
	good := encoded(t, udpOut)
	for name, change := range map[string]func([]byte) []byte{
		"user":      func(b []byte) []byte { native.PutUint32(b[52:], 0); return b },
		"priority":  func(b []byte) []byte { native.PutUint32(b[offPriority:], 7); return b },
		"action":    func(b []byte) []byte { b[offAction] = actionAllow; return b },
		"port mask": func(b []byte) []byte { b[35] = 0xf0; return b },
		"mark": func(b []byte) []byte {
			return attach(b, attrMark, native.AppendUint32(native.AppendUint32(nil, 1), 0xff))
		},
		"interface": func(b []byte) []byte { return attach(b, attrInterfaceID, native.AppendUint32(nil, 9)) },
		"template":  func(b []byte) []byte { return attach(b, attrTemplates, make([]byte, templateLen)) },
	} {
		p, main, err := decodePolicy(change(slices.Clone(good)))
		if err != nil || !main || ours(p) {
			t.Errorf("%s: %+v, main %v, %v", name, p, main, err)
		}
	}
	for name, b := range map[string][]byte{
		"of a socket": func() []byte { b := slices.Clone(good); b[offDir] = 3; return b }(),
		"sub-policy":  attach(slices.Clone(good), attrPolicyType, []byte{1, 0, 0, 0, 0, 0}),
	} {
		if _, main, err := decodePolicy(b); err != nil || main {
			t.Errorf("%s: main %v, %v", name, main, err)
		}
	}
}

func encoded(t testing.TB, k kstate.Block) []byte {
	t.Helper()
	b, err := encodeBlock(k)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// attach adds an attribute.
func attach(b []byte, typ uint16, v []byte) []byte {
	a, err := netlink.MarshalAttributes([]netlink.Attribute{{Type: typ, Data: v}})
	if err != nil {
		panic(err)
	}
	return append(b, a...)
}

func hexBytes(parts ...string) []byte {
	b, err := hex.DecodeString(strings.Join(parts, ""))
	if err != nil {
		panic(err)
	}
	return b
}

// template is struct xfrm_user_tmpl of ESP in transport mode with reqid 7, to the far end.
func template() []byte {
	return hexBytes("c6336401", zeros(12), zeros(4), "32", zeros(3), here("0200", "0002"), "0000", "c0000201", zeros(12),
		here("07000000", "00000007"), "00", "00", "00", "00", strings.Repeat("ff", 12))
}

func TestDecodeTemplate(t *testing.T) {
	b := encoded(t, udpOut)
	b[offAction] = actionAllow
	p, main, err := decodePolicy(attach(b, attrTemplates, slices.Concat(template(), template())))
	want := kstate.Template{Proto: kstate.ProtoESP, Mode: "transport", Src: addr("192.0.2.1"), Dst: addr("198.51.100.1"), ReqID: 7}
	if err != nil || !main || len(p.Templates) != 2 || p.Templates[1] != want || p.Action != "allow" {
		t.Errorf("%+v, %v", p, err)
	}
}

// association is struct xfrm_usersa_info with attributes: keys, UDP encapsulation, replay window, last use.
func association() []byte {
	u64 := func(n uint64) string { return hex.EncodeToString(native.AppendUint64(nil, n)) }
	u32 := func(n uint32) string { return hex.EncodeToString(native.AppendUint32(nil, n)) }
	b := hexBytes(zeros(selectorLen), "c6336401", zeros(12), "c0ffee01", "32", zeros(3), "c0000201", zeros(12), strings.Repeat("ff", 32), zeros(32),
		u64(1<<33), u64(500), u64(1700000000), u64(1700000001), u32(3), u32(2), u32(1), u32(0), u32(7), here("0200", "0002"), "00", "20", "00", tail(saLen))
	b = attach(b, 18, []byte("rfc4106(gcm(aes)) and a key that must not be seen"))
	b = attach(b, attrEncap, hexBytes(here("0200", "0002"), "1194", "94e2", "0000", zeros(16)))
	b = attach(b, attrReplayState, hexBytes(zeros(20), u32(128)))
	return attach(b, attrLastUsed, hexBytes(u64(1700000100)))
}

func TestDecodeSA(t *testing.T) {
	got, err := decodeSA(association())
	want := kstate.SA{Src: addr("192.0.2.1"), Dst: addr("198.51.100.1"), Proto: kstate.ProtoESP, SPI: 0xc0ffee01, ReqID: 7, Mode: "transport",
		EncapSrc: 4500, EncapDst: 38114, ReplayWindow: 128, Bytes: 1 << 33, Packets: 500, Added: 1700000000, LastUsed: 1700000100,
		Outside: 3, Replayed: 2, Failed: 1}
	if d := cmp.Diff(want, got, sameAddr); d != "" || err != nil {
		t.Errorf("%v, (-want +got):\n%s", err, d)
	}
}

func TestDecodeEvent(t *testing.T) {
	mine := encoded(t, udpOut)
	foreign := slices.Clone(mine)
	native.PutUint32(foreign[52:], 0)
	byIndex := make([]byte, policyIDLen)
	for name, tc := range map[string]struct {
		typ  uint16
		b    []byte
		want Event
		ok   bool
	}{
		"ours":              {msgNewPolicy, mine, Event{Policy: true, Own: true}, true},
		"foreign":           {msgUpdPolicy, foreign, Event{Policy: true}, true},
		"ours deleted":      {msgDelPolicy, attach(slices.Clone(byIndex), attrPolicy, mine), Event{Policy: true, Own: true, Gone: true}, true},
		"foreign deleted":   {msgDelPolicy, attach(slices.Clone(byIndex), attrPolicy, foreign), Event{Policy: true, Gone: true}, true},
		"some one deleted":  {msgDelPolicy, byIndex, Event{Policy: true, Own: true, Gone: true}, true},
		"expired":           {msgPolExpire, foreign, Event{Policy: true, Gone: true}, true},
		"flush":             {msgFlushPolicy, nil, Event{Policy: true, Own: true, Gone: true}, true},
		"association":       {msgNewSA, nil, Event{SA: true}, true},
		"associations gone": {msgFlushSA, nil, Event{SA: true, Gone: true}, true},
		"what comes later":  {0x99, nil, Event{}, false},
	} {
		if got, ok := decodeEvent(tc.typ, tc.b); got != tc.want || ok != tc.ok {
			t.Errorf("%s: %+v, %v", name, got, ok)
		}
	}
}

// FuzzDecode feeds what is cut or senseless.
func FuzzDecode(f *testing.F) {
	for _, b := range [][]byte{attach(encoded(f, udpOut), attrTemplates, template()), encoded(f, ipIn), association(), {}} {
		f.Add(b)
		for _, cut := range []int{1, 3, 7, 20} {
			f.Add(b[:max(0, len(b)-cut)])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, main, err := decodePolicy(b); err == nil && main && p.Key() == "" {
			t.Error("a policy without a text")
		}
		if s, err := decodeSA(b); err == nil && s.String() == "" {
			t.Error("an association without a text")
		}
		for typ := range uint16(0x20) {
			decodeEvent(typ, b)
		}
	})
}

func TestByteOrderOfSelectors(t *testing.T) {
	for name, tc := range selectors {
		b := hexBytes(here(tc.little, tc.big))
		p := getSelector(b)
		if p.Src != tc.k.Src || p.Dst != tc.k.Dst || p.Proto != tc.k.Proto || p.SrcPort != tc.k.SrcPort || p.DstPort != tc.k.DstPort || p.User != kstate.BlockUser {
			t.Errorf("%s: %+v", name, p)
		}
		if l, g := hexBytes(tc.little), hexBytes(tc.big); binary.LittleEndian.Uint32(l[52:]) != binary.BigEndian.Uint32(g[52:]) {
			t.Errorf("%s: the two orders differ in the mark of ours", name)
		}
	}
}
