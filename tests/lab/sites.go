package lab

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// SitesOptions describe two sites.
type SitesOptions struct {
	// A and B are the WANs of each; nil means one on a NIC of its own.
	A, B []Kind
	// VLAN makes br-lan of both VLAN-aware; the port towards the host is then in VLAN 1, untagged.
	VLAN bool
	// NoIPv6 leaves IPv6 out, outside and inside.
	NoIPv6 bool
	// Itself makes the machine itself the router of B (feature Machine).
	Itself bool
}

// Sites are two sites that want to be one LAN:
//
//	host -- router A -- wan0, wan1 -- their ISPs -- internet -- ISPs -- wan0, wan1 -- router B -- host
//
// The hosts have addresses of one network and nothing in between them; each hangs at the bridge br-lan of its router, by the port "lan".
// Each ISP drops and counts packets from sources that are not its own, as in [Build].
type Sites struct {
	*Lab
	A, B     *Site
	Internet *Host // has Internet4 … Internet6b

	all     []*Site
	options SitesOptions
}

// Site is one end.
type Site struct {
	Name         string
	Router, Host *Host
	WANs         []*WAN     // named wan0, wan1, … at either router
	Host4, Host6 netip.Addr // of the host: 10.9.0.1 and fd00:9::1 in A, 10.9.0.2 and fd00:9::2 in B
	Far          *Site      // of A it is B, of all others A
	Charon       *IKEDaemon // after Start
	Daemon       *Daemon    // after Start
}

// JoinSites makes two sites without anything that joins them.
func JoinSites(tb TB, o SitesOptions) *Sites {
	tb.Helper()
	l := New(tb)
	l.batch = true
	n := &Sites{Lab: l, Internet: l.Host("internet"), options: o}
	for _, a := range []netip.Addr{Internet4, Internet4b, Internet6, Internet6b} {
		if a.Is4() || !o.NoIPv6 {
			n.Internet.AddAddr("lo", netip.PrefixFrom(a, a.BitLen()).String())
		}
	}
	n.A, n.B = n.site("a", o.A), n.site("b", o.B)
	n.A.Far, n.B.Far = n.B, n.A
	n.settleAll()
	return n
}

// Add makes a further site, whose far end is A: its host has 10.9.0.3 and fd00:9::3, that of the one after it 10.9.0.4 and so on.
func (n *Sites) Add(name string, kinds ...Kind) *Site {
	n.tb.Helper()
	n.batch = true
	s := n.site(name, kinds)
	s.Far = n.A
	n.settleAll()
	return s
}

func (n *Sites) site(name string, kinds []Kind) *Site {
	o, host, first := n.options, len(n.all)+1, 0
	for _, s := range n.all {
		first += len(s.WANs)
	}
	if kinds == nil {
		kinds = make([]Kind, 1)
	}
	router := n.Lab.Host
	if o.Itself && host == 2 {
		router = n.Lab.itself
	}
	s := &Site{Name: name, Router: router("router-" + name), Host: n.Lab.Host("host-" + name),
		Host4: netip.AddrFrom4([4]byte{10, 9, 0, byte(host)}), Host6: netip.MustParseAddr(fmt.Sprintf("fd00:9::%d", host))}
	addrs := s.Host4.String() + "/24"
	if !o.NoIPv6 {
		addrs += "," + s.Host6.String() + "/64"
	}
	n.Link(s.Router, "lan", "", s.Host, "eth0", addrs)
	filtering := ""
	if o.VLAN {
		filtering = "vlan_filtering 1"
	}
	s.Router.IP("link add name br-lan type bridge mcast_snooping 0 %s", filtering)
	s.Router.IP("link set dev lan master br-lan")
	s.Router.IP("link set dev br-lan up")
	network := &Network{Lab: n.Lab, Router: s.Router, Internet: n.Internet, options: Options{NoIPv6: o.NoIPv6}, first: first}
	for i, kind := range kinds {
		s.WANs = append(s.WANs, network.addWAN(first+i, kind))
	}
	n.all = append(n.all, s)
	return s
}

// UCI is a configuration with every WAN of the site, in order of metric, each watched five times a second at addresses of the internet,
// followed by more text.
func (s *Site) UCI(more ...string) string {
	var b strings.Builder
	b.WriteString("config probe 'line'\n\toption interval '0.2'\n\toption down_interval '0.2'\n\toption up '2'\n")
	for _, a := range []netip.Addr{Internet4, Internet4b, Internet6, Internet6b} {
		if a.Is4() || s.WANs[0].Addr6.IsValid() {
			fmt.Fprintf(&b, "\tlist target '%s'\n", a)
		}
	}
	b.WriteString("\n")
	for i, w := range s.WANs {
		fmt.Fprintf(&b, "%s\toption metric '%d'\n\tlist probe 'line'\n\n", w.UCI(), i+1)
	}
	b.WriteString(strings.Join(more, "\n"))
	return b.String()
}

// Start starts charon, unless it runs, and the daemon with a configuration.
func (s *Site) Start(config string) {
	s.Router.tb.Helper()
	if s.Charon == nil {
		s.Charon = StartCharon(s.Router)
	}
	s.Daemon = StartDaemon(s.Router, config, "--vici", s.Charon.Socket())
}

// SiteStatus is what tests read of `multiwan status --json`.
type SiteStatus struct {
	Pseudowires map[string]struct {
		State, Reason, Device, Local, Remote, Guard, Attached, Detached string
		MTU, MSS4, MSS6                                                 int
	}
	IPsec    map[string]struct{ State, Cause, Reason string }
	Warnings []string
}

// Status is the daemon's status.
func (s *Site) Status() SiteStatus {
	s.Router.tb.Helper()
	out, err := s.Daemon.CLI("status", "--json")
	if err != nil {
		s.Router.tb.Fatalf("%v", err)
	}
	var st SiteStatus
	if err := json.Unmarshal([]byte(out), &st); err != nil {
		s.Router.tb.Fatalf("status: %v\n%s", err, out)
	}
	return st
}

// Reaches waits until the host of A gets answers of the host of B through what joins them, and returns the first answered packet.
func (n *Sites) Reaches(limit time.Duration) Packet {
	n.tb.Helper()
	flow := n.A.Host.PingFlow(n.B.Host4, FlowOptions{Interval: 20 * time.Millisecond})
	defer flow.Stop()
	return flow.WaitAnswer(n.tb, time.Now(), limit)
}

// SetMTU makes the way between the provider and the internet narrower, or wide again, as a tunnel of the provider's would: the router's own
// device does not know.
func (w *WAN) SetMTU(mtu int) {
	w.ISP.tb.Helper()
	w.ISP.IP("link set dev net mtu %d", mtu)
	w.internet.IP("link set dev %s mtu %d", w.ISP.Name, mtu)
}

// Shape gives the line a quality each way, by netem (feature Netem). It replaces what a former call gave.
func (w *WAN) Shape(q Quality) {
	w.ISP.tb.Helper()
	if q.Cut {
		q.Loss = 1
	}
	words := fmt.Sprintf("delay %dus loss %g%% limit 10000", q.Delay.Microseconds(), 100*q.Loss)
	if q.Rate > 0 {
		queue := q.Queue
		if queue == 0 {
			queue = time.Second
		}
		packets := max(2, int(float64(q.Rate)*(queue+q.Delay).Seconds()/8/1500))
		words = fmt.Sprintf("delay %dus loss %g%% rate %dbit limit %d", q.Delay.Microseconds(), 100*q.Loss, q.Rate, packets)
	}
	for _, dev := range []string{w.inner, "net"} {
		args := append([]string{"qdisc", "replace", "dev", dev, "root", "netem"}, strings.Fields(words)...)
		if _, err := w.ISP.Exec("", "tc", args...); err != nil {
			w.ISP.tb.Fatalf("%v", err)
		}
	}
}

// Wire keeps packets that pass the providers of all sites.
type Wire struct{ captures []*Capture }

// Wire starts to keep what the filter wants, at the customer's side of every provider.
func (n *Sites) Wire(want func(Frame) bool) *Wire {
	n.tb.Helper()
	w := &Wire{}
	for _, s := range n.all {
		for _, line := range s.WANs {
			w.captures = append(w.captures, line.ISP.Capture(line.inner, want))
		}
	}
	return w
}

// Frames kept so far, by provider: first those of A.
func (w *Wire) Frames() []Frame {
	var out []Frame
	for _, c := range w.captures {
		out = append(out, c.Frames()...)
	}
	return out
}

// Count is their number.
func (w *Wire) Count() int { return len(w.Frames()) }

// Stop ends the captures and returns what they kept.
func (w *Wire) Stop() []Frame {
	for _, c := range w.captures {
		c.Stop()
	}
	return w.Frames()
}

// L2TP says whether a packet is one of L2TP in clear: IP protocol 115, or UDP from or to a port of 1701 to 1799, also if it is the first
// fragment of one.
func (f Frame) L2TP() bool {
	const udp, ip, fragment = 17, 115, 44
	proto, src, dst := f.Proto, f.SrcPort, f.DstPort
	if proto == fragment && len(f.Payload) >= 52 && f.EtherType == 0x86dd {
		proto = f.Payload[40]
		if binary.BigEndian.Uint16(f.Payload[42:])&^7 == 0 {
			src, dst = binary.BigEndian.Uint16(f.Payload[48:]), binary.BigEndian.Uint16(f.Payload[50:])
		}
	}
	ours := func(p uint16) bool { return p >= 1701 && p <= 1799 }
	return proto == ip || proto == udp && (ours(src) || ours(dst))
}

// ESP says whether a packet is one of ESP, or ESP in UDP.
func (f Frame) ESP() bool {
	return f.Proto == 50 || f.Proto == 17 && (f.SrcPort == 4500 || f.DstPort == 4500)
}
