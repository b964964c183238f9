package link

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/rtnl"
)

// newLink is RTM_NEWLINK of a device that is up, with the given LINKINFO.
func newLink(name string, info rtnl.Message, more func(*rtnl.Message)) []byte {
	m := request(unix.AF_UNSPEC, 7, 128)
	native.PutUint32(m[8:], unix.IFF_UP|iffLowerUp)
	m.Name(unix.IFLA_IFNAME, name)
	m.U8(unix.IFLA_OPERSTATE, operUp)
	m.U32(unix.IFLA_MTU, 1412)
	m.Attr(unix.IFLA_ADDRESS, []byte{2, 0, 0, 0, 0, 0x77})
	m.Name(unix.IFLA_IFALIAS, "multiwan:ha")
	if more != nil {
		more(&m)
	}
	if info != nil {
		m.Attr(unix.IFLA_LINKINFO|nested, info)
	}
	return m
}

func TestDecodeBond(t *testing.T) {
	to, from := activeBackup.Toward(kstate.BondAttrs{Mode: kstate.BondActiveBackup, Usable: activeBackup.Usable})
	c, err := changeBond(to, from, indexOf)
	if err != nil {
		t.Fatal(err)
	}
	var data rtnl.Message
	data.U8(unix.IFLA_BOND_MODE, 1)
	data = append(append(data, c.live...), c.active...)
	d, ok := decode(newLink("bond0", linkInfo(kstate.KindBond, data), nil))
	if !ok || !d.up || !d.carrier || !d.ours() || d.unfinished() {
		t.Fatalf("decoded %+v", d)
	}
	want := kstate.Link{Name: "bond0", Kind: kstate.KindBond, MTU: 1412, Up: true, Alias: "multiwan:ha", MAC: "02:00:00:00:00:77", Bond: &activeBackup}
	got := d.wanted(nameOf)
	got.Bond.Usable = activeBackup.Usable
	if diff := cmp.Diff(want.String(), got.String()); diff != "" || !want.Equal(got) {
		t.Errorf("wanted (-) and decoded (+):\n%s", diff)
	}
	to, from = activeBackup.Toward(*got.Bond)
	if c, err := changeBond(to, from, indexOf); err != nil || len(c.live)+len(c.down)+len(c.active) != 0 {
		t.Errorf("a bond that is as wanted is changed: %+v, %v", c, err)
	}
}

func TestDecodeSit(t *testing.T) {
	for _, want := range sits {
		data, err := encodeSit(want)
		if err != nil {
			t.Fatal(err)
		}
		d, ok := decode(newLink("six", linkInfo(kstate.KindSit, data), nil))
		if !ok || d.sit == nil || !want.Equal(*d.sit) {
			t.Errorf("wanted %s, decoded %+v", want, d.sit)
		}
	}
	for _, bad := range []kstate.SitAttrs{
		{Local: netip.MustParseAddr("2001:db8::1")}, {Prefix: netip.MustParsePrefix("2001:db8:1::/48")}, {Prefix: netip.MustParsePrefix("10.0.0.0/8")}, {RelayPrefix: netip.MustParsePrefix("2001:db8::/32")},
	} {
		if _, err := encodeSit(bad); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func TestDecodePort(t *testing.T) {
	var data, info rtnl.Message
	data.U32(unix.IFLA_BRPORT_COST, 77)
	data.U8(unix.IFLA_BRPORT_ISOLATED, 1)
	data.U8(unix.IFLA_BRPORT_PROTECT, 1)
	info.Name(unix.IFLA_INFO_SLAVE_KIND, kstate.KindBridge)
	info.Attr(unix.IFLA_INFO_SLAVE_DATA|nested, data)
	d, ok := decode(newLink("l2", info, func(m *rtnl.Message) { m.U32(unix.IFLA_MASTER, 9) }))
	if want := (kstate.Port{Isolated: true, Cost: 77, RootBlock: true}); !ok || d.port != want || d.master != 9 {
		t.Errorf("decoded %+v", d)
	}
	if l := d.wanted(nameOf); l.Kind != kstate.KindL2TP {
		t.Errorf("a device of ours without a kind is %s", l)
	}
}

func TestDecodeVLANs(t *testing.T) {
	var spec rtnl.Message
	for _, v := range [][2]uint16{{vlanPVID | vlanUntagged, 1}, {vlanRangeBegin, 10}, {vlanRangeEnd, 20}, {vlanUntagged, 30}} {
		spec.Attr(bridgeVLANInfo, native.AppendUint16(native.AppendUint16(nil, v[0]), v[1]))
	}
	var got []vlanRange
	decodeVLANs(spec, func(v vlanRange) { got = append(got, v) })
	want := []vlanRange{{1, 1, vlanPVID | vlanUntagged}, {10, 20, 0}, {30, 30, vlanUntagged}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(vlanRange{})); diff != "" {
		t.Errorf("wanted (-) and decoded (+):\n%s", diff)
	}
	for vid, want := range map[uint16][]vlanRange{
		10: {{11, 20, 0}}, 20: {{10, 19, 0}}, 15: {{10, 14, 0}, {16, 20, 0}}, 21: {{10, 20, 0}},
	} {
		if diff := cmp.Diff(want, vlanRange{10, 20, 0}.without(vid), cmp.AllowUnexported(vlanRange{})); diff != "" {
			t.Errorf("without %d: wanted (-) and got (+):\n%s", vid, diff)
		}
	}
	if parts := (vlanRange{5, 5, 0}).without(5); len(parts) != 0 {
		t.Errorf("without itself: %v", parts)
	}
}

func TestDecodeFilter(t *testing.T) {
	filter := func(handle, info uint32, kind string, to int) []byte {
		m := tcRequest(5, handle, ingressParent, info)
		m.Name(tcaKind, kind)
		m.Attr(tcaOptions|nested, mirredAction(to))
		return m
	}
	for name, tc := range map[string]struct {
		data    []byte
		ok, own bool
		to      int
	}{
		"ours":           {filter(kstate.MirrorPriority, filterInfo(), "matchall", 9), true, true, 9},
		"other priority": {filter(kstate.MirrorPriority, 1<<16, "matchall", 9), true, false, 0},
		"other handle":   {filter(1, filterInfo(), "matchall", 9), true, false, 0},
		"other kind":     {filter(kstate.MirrorPriority, filterInfo(), "u32", 9), true, false, 0},
		"chain":          {filter(0, filterInfo(), "matchall", 9), false, false, 0},
		"short":          {[]byte{1, 2}, false, false, 0},
	} {
		f, ok := decodeFilter(tc.data)
		if ok != tc.ok || f.own != tc.own || f.to != tc.to {
			t.Errorf("%s: %+v, %v", name, f, ok)
		}
	}
}

// FuzzDecode reads anything without a panic.
func FuzzDecode(f *testing.F) {
	f.Add(newLink("bond0", linkInfo(kstate.KindBond, nil), nil))
	f.Add([]byte(mirredAction(3)))
	f.Fuzz(func(t *testing.T, b []byte) {
		if d, ok := decode(b); ok {
			if d.name == "" || d.index <= 0 {
				t.Errorf("decoded %+v", d)
			}
			d.wanted(nameOf)
		}
		decodeFilter(b)
		decodeVLANs(b, func(vlanRange) {})
		decodeMirred(b)
	})
}

func TestLacking(t *testing.T) {
	for _, tc := range []struct {
		kind    string
		errno   syscall.Errno
		missing string
	}{
		{kstate.KindBond, unix.EOPNOTSUPP, "kmod-bonding"}, {kstate.KindVeth, unix.EOPNOTSUPP, "kmod-veth"}, {kstate.KindSit, unix.EOPNOTSUPP, "kmod-sit"},
		{"clsact", unix.ENOENT, "kmod-sched-core"}, {"mirred", unix.ENOENT, "kmod-sched-core"}, {kstate.KindBond, unix.EINVAL, ""},
	} {
		err := lacking(tc.kind, &rtnl.KernelError{Errno: tc.errno, Message: "Unknown device type"})
		var m *ModuleError
		if errors.As(err, &m) != (tc.missing != "") || m != nil && m.Package != tc.missing || !errors.Is(err, tc.errno) {
			t.Errorf("%s: %v", tc.kind, err)
		}
	}
	if lacking(kstate.KindBond, nil) != nil {
		t.Error("no error becomes one")
	}
}
