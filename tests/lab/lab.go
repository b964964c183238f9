package lab

import (
	"net"
	"os"
	"slices"
)

// Lab is one network of hosts. It lives as long as its test.
type Lab struct {
	tb    TB
	hosts []*Host
	// settling are the ends of links whose carrier is not waited for yet.
	settling []end
	batch    bool
	index    int // of the last device made by Link
}

// end of a link.
type end struct {
	h   *Host
	dev string
}

// New starts an empty network. It skips the test where namespaces cannot be
// made (no root) or the tools ip and nft are missing.
func New(tb TB) *Lab {
	tb.Helper()
	Need(tb, Netns)
	return &Lab{tb: tb}
}

// Host adds a host: a namespace with loopback up, IPv4 and IPv6 forwarding on,
// no reverse path filter, no duplicate address detection and no router
// solicitations.
func (l *Lab) Host(name string) *Host {
	l.tb.Helper()
	ns, err := newNamespace()
	if err != nil {
		l.tb.Fatalf("make namespace %s: %v", name, err)
	}
	return l.add(name, ns)
}

// itself adds a host that is the machine itself (feature Machine): its first namespace, in which the kernel does what it does in no other,
// such as the spanning tree of bridges. Devices are deleted with the test.
func (l *Lab) itself(name string) *Host {
	l.tb.Helper()
	Need(l.tb, Machine)
	ns, err := os.Open("/proc/1/ns/net")
	if err != nil {
		l.tb.Fatalf("%v", err)
	}
	h := l.add(name, ns)
	was := h.devices()
	l.tb.Cleanup(func() {
		for _, dev := range h.devices() {
			if !slices.Contains(was, dev) {
				_, _ = h.TryIP("link del dev %s", dev) // of a pair that is gone already
			}
		}
	})
	return h
}

func (h *Host) devices() (names []string) {
	h.Do(func() {
		all, _ := net.Interfaces()
		for _, i := range all {
			names = append(names, i.Name)
		}
	})
	return names
}

func (l *Lab) add(name string, ns *os.File) *Host {
	l.tb.Helper()
	h := &Host{Name: name, tb: l.tb, ns: ns}
	l.tb.Cleanup(func() { ns.Close() })
	l.hosts = append(l.hosts, h)
	h.IP("link set dev lo up")
	for _, s := range []string{"all", "default"} {
		h.Sysctl("net.ipv4.conf."+s+".rp_filter", "0")
		h.Sysctl("net.ipv6.conf."+s+".accept_dad", "0")
		h.Sysctl("net.ipv6.conf."+s+".accept_ra", "0")
		h.Sysctl("net.ipv6.conf."+s+".router_solicitations", "0")
		h.Sysctl("net.ipv6.conf."+s+".forwarding", "1")
	}
	h.Sysctl("net.ipv4.ip_forward", "1")
	return h
}

// Link joins two hosts with a veth pair, sets the addresses and brings both
// ends up. Addresses are a comma-separated list in the words of `ip address
// add` ("192.0.2.1/24,2001:db8::1/64", "10.0.0.1 peer 10.0.0.2"); "" is none.
func (l *Lab) Link(a *Host, adev, aaddrs string, b *Host, bdev, baddrs string) {
	l.tb.Helper()
	// The two ends get different interface numbers, for the kernel takes a pair
	// with equal ones for a plain NIC and reports its carrier up to 1 s later.
	l.index += 2
	a.IP("link add name %s index %d type veth peer name %s index %d netns %s", adev, 100+l.index, bdev, 101+l.index, b.Path())
	a.Up(adev, aaddrs)
	b.Up(bdev, baddrs)
	l.settle(end{a, adev}, end{b, bdev})
}

// settle waits for the carrier of fresh links. A topology of many links sets
// batch, calls settleAll once and so waits for all of them at a time.
func (l *Lab) settle(ends ...end) {
	l.tb.Helper()
	l.settling = append(l.settling, ends...)
	if !l.batch {
		l.settleAll()
	}
}

func (l *Lab) settleAll() {
	l.tb.Helper()
	l.batch = false
	for _, e := range l.settling {
		e.h.waitRunning(e.dev)
	}
	l.settling = nil
}
