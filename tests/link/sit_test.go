package link

import (
	"testing"

	"multiwan/src/core/kstate"
	"multiwan/tests/lab"
)

func TestSit(t *testing.T) {
	lab.Need(t, lab.Sit)
	h, c := router(t)
	h.IP("address add 192.0.2.1/24 dev lo")
	data := "linkinfo.info_data."
	sit := func(name string, a kstate.SitAttrs) kstate.Link {
		return kstate.Link{Name: name, Kind: kstate.KindSit, MTU: 1480, Up: true, Alias: "multiwan:" + name, Sit: &a}
	}
	leaks(t, h, func() {
		sixin4 := kstate.SitAttrs{Local: ip("192.0.2.1"), Remote: ip("198.51.100.9"), TTL: 64, PMTUDisc: true}
		fixpoint(t, h, c, sit("he", sixin4))
		hold(t, h, "he", map[string]any{data + "remote": "198.51.100.9", data + "local": "192.0.2.1", data + "ttl": 64.0, data + "pmtudisc": true, "mtu": 1480.0})
		index := show(h, "he")["ifindex"]
		sixin4.Remote, sixin4.Local, sixin4.TTL, sixin4.PMTUDisc = ip("198.51.100.10"), ip("192.0.2.2"), 0, false
		fixpoint(t, h, c, sit("he", sixin4)) // the WAN's address has changed
		hold(t, h, "he", map[string]any{"ifindex": index, data + "remote": "198.51.100.10", data + "local": "192.0.2.2", data + "pmtudisc": false})

		sixto4 := kstate.SitAttrs{Local: ip("192.0.2.1"), TTL: 64}
		fixpoint(t, h, c, sit("six", sixto4))
		hold(t, h, "six", map[string]any{data + "remote": "any", data + "prefix": "2002::", data + "prefixlen": 16.0})

		// The same device becomes 6rd, with the masked address of RFC 5969.
		index = show(h, "six")["ifindex"]
		sixto4.Prefix, sixto4.RelayPrefix = pfx("2001:db8::/32"), pfx("10.0.0.0/8")
		fixpoint(t, h, c, sit("six", sixto4))
		hold(t, h, "six", map[string]any{"ifindex": index, data + "prefix": "2001:db8::", data + "prefixlen": 32.0,
			data + "relay_prefix": "10.0.0.0", data + "relay_prefixlen": 8.0})
		must(t, c.DelLink("six"))
		// Back to a remote: the kernel does not change that in place.
		fixpoint(t, h, c, sit("he", kstate.SitAttrs{Local: ip("192.0.2.1"), Prefix: pfx("2001:db9::/32")}))
		hold(t, h, "he", map[string]any{data + "prefix": "2001:db9::", data + "prefixlen": 32.0})
		must(t, c.DelLink("he"))
	})
}
