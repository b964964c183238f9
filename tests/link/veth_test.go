package link

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/link"
	"multiwan/tests/lab"
)

func TestVeth(t *testing.T) {
	h, c := router(t)
	leaks(t, h, func() {
		fixpoint(t, h, c, veth("v1", "u1"))
		hold(t, h, "v1", map[string]any{"ifalias": "multiwan:lacp", "mtu": 1412.0, "link": "u1", "group": "default"})
		hold(t, h, "u1", map[string]any{"ifalias": "multiwan:lacp", "mtu": 1412.0, "link": "v1", "group": "default", "operstate": "UP"})
		fixpoint(t, h, c, veth("u1", "v1")) // the other end of the same pair

		l := veth("v1", "u1")
		l.MTU, l.MAC, l.Alias, l.Up = 1300, "02:00:00:00:00:77", "multiwan:other", false
		index := show(h, "v1")["ifindex"]
		fixpoint(t, h, c, l)
		hold(t, h, "v1", map[string]any{"ifindex": index, "ifalias": "multiwan:other", "mtu": 1300.0, "address": "02:00:00:00:00:77", "operstate": "DOWN"})

		fixpoint(t, h, c, veth("v1", "w1")) // another peer: the pair is made anew
		for range 2 {
			must(t, c.DelLink("v1"))
			must(t, c.DelLink("w1"))
		}
	})
}

// TestForeign holds that nothing of others is touched, whatever is asked.
func TestForeign(t *testing.T) {
	h, c := router(t)
	h.IP("link add name a type veth peer name b")
	h.IP("link set dev a alias my-own")
	h.IP("link set dev b alias multiwan:")
	h.IP("address add 192.0.2.1/24 dev a")
	before := h.IP("-d -j link show") + h.IP("-j address show")
	own := kstate.Mirror{From: "a", To: "b"}
	for what, err := range map[string]error{
		"add":           c.AddLink(veth("a", "b")),
		"add other end": c.AddLink(veth("b", "a")),
		"peer is taken": c.AddLink(veth("x", "a")),
		"set":           c.SetLink(veth("a", "b")),
		"delete":        c.DelLink("a"),
		"claim":         c.Claim("a", "multiwan:x"),
		"claim lo":      c.Claim("lo", "multiwan:x"),
		"mirror":        c.AddMirror(own),
		"unmirror":      c.DelMirror(own),
		"address":       c.DelAddress(kstate.Address{Device: "a", Prefix: pfx("192.0.2.1/24")}, false),
	} {
		var foreign *link.ForeignError
		if !errors.As(err, &foreign) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if diff := cmp.Diff(before, h.IP("-d -j link show")+h.IP("-j address show")); diff != "" {
		t.Errorf("before (-) and after (+):\n%s", diff)
	}
	st := observe(t, c)
	if len(st.Links)+len(st.Devices)+len(st.Addresses) != 0 {
		t.Errorf("observed as ours: %+v", st)
	}
	st = observe(t, c, "a", "absent")
	if d := st.Devices["a"]; len(st.Devices) != 1 || d.Own || d.Alias != "my-own" || d.Kind != "veth" || d.MTU != 1500 || d.Up || d.MAC == "" {
		t.Errorf("observed: %+v", st.Devices)
	}
}

// TestAbsent asks for changes of what does not exist.
func TestAbsent(t *testing.T) {
	h, c := router(t)
	leaks(t, h, func() {
		none := kstate.Port{Device: "x", Master: "y"}
		for what, err := range map[string]error{
			"delete link": c.DelLink("x"), "clear port": c.ClearPort(none), "delete mirror": c.DelMirror(kstate.Mirror{From: "x", To: "y"}),
			"delete address": c.DelAddress(kstate.Address{Device: "x", Prefix: pfx("192.0.2.1/24")}, true),
		} {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		for what, err := range map[string]error{
			"set link": c.SetLink(veth("x", "y")), "set port": c.SetPort(none), "add mirror": c.AddMirror(kstate.Mirror{From: "x", To: "y"}),
			"add address": c.AddAddress(kstate.Address{Device: "x", Prefix: pfx("192.0.2.1/24")}), "claim": c.Claim("x", "multiwan:y"),
		} {
			if !errors.Is(err, syscall.ENODEV) {
				t.Errorf("%s: %v", what, err)
			}
		}
		if err := c.AddLink(kstate.Link{Name: "l2", Kind: kstate.KindL2TP, Alias: "multiwan:l2"}); !errors.Is(err, link.ErrNotMade) {
			t.Errorf("a pseudowire: %v", err)
		}
		for _, l := range []kstate.Link{
			{Name: "x", Kind: kstate.KindBond, Alias: "multiwan:x"}, {Name: "a/b", Kind: kstate.KindVeth, Peer: "c", Alias: "multiwan:x"},
			{Name: "x", Kind: kstate.KindVeth, Peer: "sixteen-letters-", Alias: "multiwan:x"}, {Name: "x", Kind: kstate.KindVeth, Peer: "y", Alias: "mine"},
			{Name: "x", Kind: kstate.KindVLAN, Parent: "lo", VLAN: 4095, Alias: "multiwan:x"}, {Name: "x", Kind: kstate.KindSit, Alias: "multiwan:x"},
		} {
			if err := c.AddLink(l); !errors.Is(err, syscall.EINVAL) {
				t.Errorf("%s: %v", l, err)
			}
		}
	})
}

// TestUnfinished adopts and removes what a program that died half-way has left.
func TestUnfinished(t *testing.T) {
	h, c := router(t)
	half := func() { h.IP("link add name v1 group 19799 type veth peer name u1 group 19799") }
	leaks(t, h, func() {
		half()
		if st := observe(t, c); len(st.Links) != 2 || !st.Devices["v1"].Own {
			t.Errorf("observed: %+v", st)
		}
		fixpoint(t, h, c, veth("v1", "u1"))
		hold(t, h, "u1", map[string]any{"group": "default", "ifalias": "multiwan:lacp"})
		must(t, c.DelLink("u1"))
		half()
		must(t, c.DelLink("v1"))
	})
}

// TestModuleMissing names the package where the kernel lacks a kind of device.
func TestModuleMissing(t *testing.T) {
	_, c := router(t)
	for kind, pkg := range map[string]string{kstate.KindBond: "kmod-bonding", kstate.KindSit: "kmod-sit"} {
		if lab.Has(map[string]lab.Feature{kstate.KindBond: lab.Bonding, kstate.KindSit: lab.Sit}[kind]) == nil {
			continue // this kernel has it
		}
		err := c.AddLink(kstate.Link{Name: "x0", Kind: kind, Alias: "multiwan:x", Bond: bondOf(kind), Sit: sitOf(kind)})
		var missing *link.ModuleError
		if !errors.As(err, &missing) || missing.Package != pkg || !strings.Contains(err.Error(), pkg) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

// TestMirrorMissing leaves no place for filters behind where there can be none.
func TestMirrorMissing(t *testing.T) {
	if lab.Has(lab.Mirred) == nil {
		return // this kernel has it: TestMirror
	}
	h, c := router(t)
	must(t, c.AddLink(veth("v1", "u1")))
	before := qdiscs(t, h, "v1")
	err := c.AddMirror(kstate.Mirror{From: "v1", To: "u1"})
	var missing *link.ModuleError
	if !errors.As(err, &missing) || missing.Package != "kmod-sched-core" {
		t.Errorf("%v", err)
	}
	if after := qdiscs(t, h, "v1"); after != before {
		t.Errorf("before %s\nafter  %s", before, after)
	}
}

func bondOf(kind string) *kstate.BondAttrs {
	if kind != kstate.KindBond {
		return nil
	}
	return &kstate.BondAttrs{Mode: kstate.BondActiveBackup}
}

func sitOf(kind string) *kstate.SitAttrs {
	if kind != kstate.KindSit {
		return nil
	}
	return &kstate.SitAttrs{Local: ip("192.0.2.1")}
}
