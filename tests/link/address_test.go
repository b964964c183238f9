package link

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"multiwan/src/core/kstate"
	"multiwan/src/kernel/link"
	"multiwan/tests/lab"
)

type shownAddress struct {
	Local     string
	Prefixlen int
	Scope     string
	Tentative bool
}

func addressesOf(t *testing.T, h *lab.Host, dev string) map[string]shownAddress {
	t.Helper()
	var list []struct {
		AddrInfo []shownAddress `json:"addr_info"`
	}
	must(t, json.Unmarshal([]byte(h.IP("-j address show dev %s", dev)), &list))
	m := map[string]shownAddress{}
	for _, a := range list[0].AddrInfo {
		m[a.Local] = a
	}
	return m
}

func TestAddresses(t *testing.T) {
	h, c := router(t)
	must(t, c.AddLink(veth("v1", "u1")))
	before := addressesOf(t, h, "lo")
	want := []kstate.Address{
		{Device: "lo", Prefix: pfx("172.30.201.5/32")}, {Device: "lo", Prefix: pfx("2001:db8::5/128")},
		{Device: "v1", Prefix: pfx("10.9.0.1/24")}, {Device: "v1", Prefix: pfx("2001:db8:9::1/64")},
	}
	for range 2 {
		for _, a := range want {
			must(t, c.AddAddress(a))
		}
	}
	h.IP("address add 10.10.0.1/24 dev v1") // somebody else's, on a device of ours
	var observed []kstate.Address
	for _, a := range observe(t, c).Addresses {
		if a.Prefix == pfx("10.10.0.1/24") {
			if a.Own {
				t.Error("a foreign address is taken for ours")
			}
			continue
		}
		if !a.Own { // every kernel that tests run on keeps the protocol
			t.Errorf("%s is not known as ours", a)
		}
		observed = append(observed, a.Address)
	}
	compare := func(list []kstate.Address) map[kstate.Address]bool {
		m := map[kstate.Address]bool{}
		for _, a := range list {
			m[a] = true
		}
		return m
	}
	if diff := cmp.Diff(compare(want), compare(observed), cmp.Comparer(func(x, y kstate.Address) bool { return x == y })); diff != "" {
		t.Errorf("added (-) and observed (+):\n%s", diff)
	}
	six := addressesOf(t, h, "v1")["2001:db8:9::1"]
	if six.Tentative || six.Scope != "global" || six.Prefixlen != 64 {
		t.Errorf("ip shows %+v", six)
	}
	if !observe(t, c).Protocols {
		t.Error("the kernel passes for one that does not keep who has added an address")
	}
	foreign := kstate.Address{Device: "v1", Prefix: pfx("10.10.0.1/24")}
	var refused *link.ForeignError
	if err := c.DelAddress(foreign, false); !errors.As(err, &refused) {
		t.Errorf("delete a foreign address: %v", err)
	}
	for range 2 {
		for _, a := range want {
			must(t, c.DelAddress(a, false))
		}
	}
	if diff := cmp.Diff(before, addressesOf(t, h, "lo")); diff != "" {
		t.Errorf("lo before (-) and after (+):\n%s", diff)
	}
	if got := observe(t, c).Addresses; len(got) != 1 || got[0] != (link.Address{Address: foreign}) {
		t.Errorf("left over: %v", got)
	}
	must(t, c.DelAddress(foreign, true)) // the record says so
	if got := observe(t, c).Addresses; len(got) != 0 {
		t.Errorf("left over: %v", got)
	}
}
