package daemon

import (
	"context"
	"net/netip"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
	"multiwan/src/kernel/facts"
	"multiwan/src/kernel/rtnl"
	"multiwan/src/openwrt/netifd"
	"multiwan/src/openwrt/ubus"
	"multiwan/tests/ubusd"
)

// linkKernel is a kernel with links, their addresses and no routes.
type linkKernel struct {
	links []rtnl.Link
	addrs []rtnl.Addr
}

func (k *linkKernel) Links(context.Context) ([]rtnl.Link, error) { return k.links, nil }
func (k *linkKernel) Addrs(context.Context) ([]rtnl.Addr, error) { return k.addrs, nil }
func (k *linkKernel) DefaultGateways(context.Context, kstate.Family, int) ([]rtnl.Gateway, error) {
	return nil, nil
}

func (k *linkKernel) link(name string, carrier bool, addrs ...string) {
	index := len(k.links) + 3
	k.links = append(k.links, rtnl.Link{Name: name, Index: index, Up: true, Carrier: carrier, MTU: 1500, PointToPoint: name[0] == 'p'})
	for _, a := range addrs {
		k.addrs = append(k.addrs, rtnl.Addr{Index: index, Prefix: netip.MustParsePrefix(a)})
	}
}

// withDump returns a netifd.Source that has seen a dump.
func withDump(t *testing.T, dump string) *netifd.Source {
	t.Helper()
	b := ubusd.Start(t)
	c, err := ubus.Dial(b.Path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_, err = c.Add(t.Context(), &ubus.Object{Path: "network.interface", Handle: func(r *ubus.Request) {
		table, err := ubus.FromJSON([]byte(dump))
		if err != nil {
			t.Error(err)
		}
		_ = r.Reply(table)
		_ = r.Done(ubus.OK)
	}})
	if err != nil {
		t.Fatal(err)
	}
	n := netifd.New(func([]string) {}, func(error) {})
	look(t.Context(), n, b.Path)
	return n
}

func network(t *testing.T, k *linkKernel, n *netifd.Source, text string) plan.Network {
	t.Helper()
	c, found := config.Load("test", []byte(text))
	if found.HasErrors() {
		t.Fatal(found)
	}
	got, err := source{facts.New(k), n, &firewall{}}.Network(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func pfx(list ...string) (out []netip.Prefix) {
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func ips(list ...string) (out []netip.Addr) {
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

var compareFacts = cmp.Options{cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()}

// TestNetifdFacts joins a recorded netifd with the kernel beside it: DHCP with a DHCPv6 twin, a static WAN whose cable is pulled, and
// PPPoE, all without a device in the configuration.
func TestNetifdFacts(t *testing.T) {
	dump, err := os.ReadFile("../openwrt/netifd/testdata/all-up.json")
	if err != nil {
		t.Fatal(err)
	}
	k := &linkKernel{}
	k.link("wan0", true, "198.51.100.50/24", "2001:db8:a::2000/128", "2001:db8:a:0:9c7d:88ff:fe23:c5c9/64")
	k.link("wan1", false, "203.0.113.130/25", "2001:db8:b::2/64")
	k.link("pppoe-wanc", true, "203.0.113.77/32")
	got := network(t, k, withDump(t, string(dump)), `
config interface 'wan'
config interface 'wanb'
	option gateway6 '2001:db8:b::99'
config interface 'wanc'
config interface 'wand'
config interface 'nosuch'
config policy 'default'
	list interface 'wan'
config rule
	list src_iface 'lan'
	list src_iface 'eth9'
	option policy 'default'
`)
	want := plan.Network{Devices: map[string]string{"lan": "br-lan"}, WANs: map[string]plan.WAN{
		"wan": {Device: "wan0", Index: 3, Up: true, Carrier: true, MTU: 1500,
			IPv4: plan.Side{Addrs: pfx("198.51.100.50/24"), Gateway: netip.MustParseAddr("198.51.100.1"), DNS: ips("198.51.100.53", "198.51.100.54")},
			IPv6: plan.Side{Addrs: pfx("2001:db8:a::2000/128", "2001:db8:a:0:9c7d:88ff:fe23:c5c9/64"),
				Gateway: netip.MustParseAddr("fe80::e8a9:f4ff:fe91:50ee"), Prefixes: pfx("2001:db8:aff:ff00::/56"), DNS: ips("2001:db8:a::53")}},
		"wanb": {Device: "wan1", Index: 4, Up: true, MTU: 1500,
			IPv4: plan.Side{Addrs: pfx("203.0.113.130/25"), Gateway: netip.MustParseAddr("203.0.113.129"), DNS: ips("203.0.113.200")},
			IPv6: plan.Side{Addrs: pfx("2001:db8:b::2/64"), Gateway: netip.MustParseAddr("2001:db8:b::99"), Prefixes: pfx("2001:db8:b00::/56")}},
		"wanc": {Device: "pppoe-wanc", Index: 5, Up: true, Carrier: true, PointToPoint: true, MTU: 1500,
			IPv4: plan.Side{Addrs: pfx("203.0.113.77/32"), Gateway: netip.MustParseAddr("203.0.113.1"), DNS: ips("203.0.113.53", "203.0.113.54")}},
		"wand":   {Device: "nosuch0"},
		"nosuch": {},
	}}
	if d := cmp.Diff(want, got, compareFacts); d != "" {
		t.Error(d)
	}
}

// TestNetifdShared: an alias puts a second WAN on a device, and netifd tells whose address is whose. A device that the configuration
// names otherwise is not netifd's.
func TestNetifdShared(t *testing.T) {
	const dump = `{"interface":[
		{"interface":"wan","up":true,"proto":"static","device":"eth0","l3_device":"eth0","ipv4-address":[{"address":"192.0.2.2","mask":24}],
			"route":[{"target":"0.0.0.0","mask":0,"nexthop":"192.0.2.1"}],"ipv6-prefix":[{"address":"2001:db8::","mask":56}]},
		{"interface":"alias","up":true,"proto":"static","device":"@wan","l3_device":"eth0","ipv4-address":[{"address":"192.0.2.3","mask":24},
			{"address":"192.0.2.4","mask":24}],"inactive":{"route":[{"target":"0.0.0.0","mask":0,"nexthop":"192.0.2.254"}]}},
		{"interface":"other","up":true,"proto":"static","device":"eth1","l3_device":"eth1","route":[{"target":"0.0.0.0","mask":0,"nexthop":"192.0.2.9"}]}]}`
	k := &linkKernel{}
	k.link("eth0", true, "192.0.2.2/24", "192.0.2.3/24", "192.0.2.4/24")
	k.link("eth7", true, "198.51.100.2/24")
	got := network(t, k, withDump(t, dump), `
config interface 'wan'
	option family 'ipv4'
	list prefix '203.0.113.0/24'
config interface 'alias'
	option family 'ipv4'
config interface 'other'
	option family 'ipv4'
	option device 'eth7'
`)
	side := func(gw string, addrs ...string) plan.Side {
		s := plan.Side{Addrs: pfx(addrs...)}
		if gw != "" {
			s.Gateway = netip.MustParseAddr(gw)
		}
		return s
	}
	wan := plan.WAN{Device: "eth0", Index: 3, Up: true, Carrier: true, MTU: 1500, IPv4: side("192.0.2.1", "192.0.2.2/24")}
	wan.IPv4.Prefixes = pfx("203.0.113.0/24")
	alias := wan
	alias.IPv4 = side("192.0.2.254", "192.0.2.3/24", "192.0.2.4/24")
	other := plan.WAN{Device: "eth7", Index: 4, Up: true, Carrier: true, MTU: 1500, IPv4: side("", "198.51.100.2/24")}
	want := plan.Network{WANs: map[string]plan.WAN{"wan": wan, "alias": alias, "other": other}}
	if d := cmp.Diff(want, got, compareFacts); d != "" {
		t.Error(d)
	}
}

// TestWithoutNetifd: nothing but the configuration and the kernel.
func TestWithoutNetifd(t *testing.T) {
	k := &linkKernel{}
	k.link("eth0", true, "192.0.2.2/24")
	for _, n := range []*netifd.Source{nil, netifd.New(func([]string) {}, func(error) {})} {
		got := network(t, k, n, "config interface 'wan'\n\toption device 'eth0'\n\toption gateway '192.0.2.1'\n\toption family 'ipv4'\n")
		if !got.WANs["wan"].Usable(kstate.IPv4) {
			t.Errorf("%+v", got)
		}
	}
}
