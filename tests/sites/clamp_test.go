package sites

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"multiwan/tests/lab"
)

// mss returns the MSS option of a SYN, 0 without one.
func mss(f lab.Frame) int {
	b := f.Payload
	if f.EtherType == 0x86dd {
		b = b[40:]
	} else {
		b = b[int(b[0]&0xf)*4:]
	}
	for o := b[20 : int(b[12]>>4)*4]; len(o) > 0 && o[0] != 0; {
		if o[0] == 1 {
			o = o[1:]
			continue
		}
		if o[0] == 2 {
			return int(binary.BigEndian.Uint16(o[2:]))
		}
		o = o[o[1]:]
	}
	return 0
}

func arrivingSYN(f lab.Frame) bool { return !f.Out && f.Proto == 6 && f.Flags&0x06 == 0x02 }

// plainNIC turns off what would hide segments larger than the MTU: veth hands them on in one piece.
func plainNIC(h *lab.Host, dev string) { h.IP("link set dev %s gso_max_segs 1 gso_max_size 1600", dev) }

// downloads says how many bytes of a bulk transfer arrive within a time.
func downloads(h *lab.Host, from netip.Addr, enough int64, limit time.Duration) int64 {
	b := h.Download(from)
	defer b.Stop()
	lab.Wait(limit, func() bool { return b.Bytes() >= enough })
	return b.Bytes()
}

// greeted opens a session and reads the greeting.
func greeted(t *testing.T, h *lab.Host, to netip.Addr) (net.Conn, *bufio.Reader) {
	t.Helper()
	c, err := h.Dial("tcp", lab.Echo(to))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(10 * time.Second))
	r := bufio.NewReader(c)
	if _, err := r.ReadString('\n'); err != nil {
		t.Fatalf("greeting of %s: %v", to, err)
	}
	return c, r
}

// types is an interactive session: small writes, each answered, and a screenful now and then.
func types(t *testing.T, h *lab.Host, to netip.Addr) {
	t.Helper()
	c, r := greeted(t, h, to)
	defer c.Close()
	for i := range 30 {
		text := make([]byte, 1+i)
		if i%10 == 9 {
			text = make([]byte, 6000)
		}
		if _, err := c.Write(text); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
		if _, err := io.ReadFull(r, text); err != nil {
			t.Fatalf("answer to write %d: %v", i, err)
		}
	}
}

// TestS31Clamp moves bulk and small writes through bridged sites. Where large frames do not pass and nothing clamps, a transfer stalls for
// ever; with the clamp it runs, on wide and narrow paths, in IPv4 and IPv6, with and without VLAN tags.
func TestS31Clamp(t *testing.T) {
	lab.Need(t, lab.L2TP, lab.ESP, lab.Charon, lab.BridgeNft, lab.VLAN)
	n := lab.JoinSites(t, lab.SitesOptions{})
	near := n.Lab.Host("near") // beside the host of A: what it says to that crosses no pseudowire
	n.Link(n.A.Router, "lan2", "", near, "eth0", "10.9.0.11/24")
	n.A.Router.IP("link set dev lan2 master br-lan")
	for i, h := range []*lab.Host{n.A.Host, n.B.Host} {
		h.IP("link add link eth0 name eth0.7 type vlan id 7")
		h.Up("eth0.7", fmt.Sprintf("10.7.0.%d/24,fd00:7::%d/64", i+1, i+1))
		plainNIC(h, "eth0")
		plainNIC(h, "eth0.7")
	}
	near.Echo()
	n.B.Host.Echo()
	targets := []netip.Addr{n.B.Host4, n.B.Host6, netip.MustParseAddr("10.7.0.2"), netip.MustParseAddr("fd00:7::2")}

	unclamped := "config mss_clamp 'off'\n\toption enabled '0'\n\toption bridge 'br-lan'\n"
	path, auto := cable{options: []string{"mtu path"}}, cable{}
	use := func(c cable, more string) {
		for _, s := range []*lab.Site{n.A, n.B} {
			if s.Daemon == nil {
				s.Start(config(s, c) + more)
			} else {
				s.Daemon.Write(config(s, c) + more)
				s.Daemon.Reload()
			}
		}
	}
	set := func(limit time.Duration, want func(mtu, mss int) bool) {
		t.Helper()
		for _, s := range []*lab.Site{n.A, n.B} {
			end := time.Now().Add(limit)
			for p := s.Status().Pseudowires["pw"]; !want(p.MTU, p.MSS4); p = s.Status().Pseudowires["pw"] {
				if time.Now().After(end) {
					t.Fatalf("pseudowire of %s: %+v", s.Name, p)
				}
				time.Sleep(limit / 50) // each look is a program started
			}
		}
	}

	use(path, unclamped)
	n.Reaches(20 * time.Second)
	set(5*time.Second, func(mtu, mss int) bool { return mtu == 1412 && mss == 0 })
	for _, to := range targets {
		greeted(t, n.A.Host, to) // the way is open, for what is small
		if got := downloads(n.A.Host, to, 1, 1500*time.Millisecond); got > 0 {
			t.Errorf("%s without a clamp: %d bytes came", to, got)
		}
	}

	use(path, "")
	set(5*time.Second, func(mtu, mss int) bool { return mtu == 1412 && mss > 0 })
	runs(t, n, targets, near, 1500)

	use(auto, "")
	for _, middle := range []int{1500, 1400} {
		n.B.WANs[0].SetMTU(middle)
		begin := time.Now() // both look at the path once a minute
		set(70*time.Second, func(mtu, mss int) bool { return mtu == 1500 && mss == segment(middle, 4) })
		t.Logf("path of %d: both ends know after %v", middle, time.Since(begin).Round(time.Second))
		runs(t, n, targets, near, middle)
		for _, to := range targets[:2] { // in fragments
			if out, err := n.A.Host.Exec("", "ping", "-M", "do", "-c", "2", "-i", "0.2", "-W", "2", "-s", fmt.Sprint(1500-8-map[bool]int{true: 20, false: 40}[to.Is4()]), to.String()); err != nil {
				t.Errorf("path of %d: DF pings of 1500 bytes to %s: %v\n%s", middle, to, err, out)
			}
		}
		if err := datagram(n.A.Host, netip.AddrPortFrom(n.B.Host4, lab.EchoPort), 1472); err != nil {
			t.Errorf("path of %d: UDP of 1500 bytes: %v", middle, err)
		}
	}
}

// segment is the MSS of an IP version that fits into a path with IPv4, ESP in transport mode with AES-GCM and L2TPv3 in UDP outside, and
// inside Ethernet with a VLAN tag.
func segment(path, version int) int {
	const ipv4, spi, iv, trailer, icv, udp, l2tp, sublayer, ethernet, tag, tcp = 20, 8, 8, 2, 16, 8, 8, 4, 14, 4, 20
	room := (path-ipv4-spi-iv-icv)/4*4 - trailer - udp - l2tp - sublayer - ethernet - tag
	return room - map[int]int{4: 20, 6: 40}[version] - tcp
}

// runs moves bulk and small writes to every target, and looks at the sizes that SYNs arrive with: those of the path.
func runs(t *testing.T, n *lab.Sites, targets []netip.Addr, near *lab.Host, path int) {
	t.Helper()
	here, there := n.A.Host.Capture("eth0", arrivingSYN), n.B.Host.Capture("eth0", arrivingSYN)
	beside := near.Capture("eth0", arrivingSYN)
	for _, to := range targets {
		begin := time.Now()
		if got := downloads(n.A.Host, to, 200_000, 5*time.Second); got < 200_000 {
			t.Errorf("%s: %d bytes in %v", to, got, time.Since(begin))
		}
		types(t, n.A.Host, to)
	}
	if got := downloads(n.A.Host, netip.MustParseAddr("10.9.0.11"), 100_000, 5*time.Second); got < 100_000 {
		t.Errorf("beside: %d bytes", got)
	}
	syns := there.Stop()
	for _, f := range append(syns, here.Stop()...) {
		if f.Src == netip.MustParseAddr("10.9.0.11") {
			continue
		}
		size := segment(path, 4)
		if f.EtherType == 0x86dd {
			size = segment(path, 6)
		}
		if mss(f) != size {
			t.Errorf("path of %d: SYN from %s to %s came with MSS %d, want %d", path, f.Src, f.Dst, mss(f), size)
		}
	}
	if len(syns) < 2*len(targets) {
		t.Errorf("%d SYNs were seen", len(syns))
	}
	for _, f := range beside.Stop() {
		if mss(f) != 1460 {
			t.Errorf("SYN from %s to %s, which crosses no pseudowire, has MSS %d", f.Src, f.Dst, mss(f))
		}
	}
}

// datagram sends one UDP datagram of so many bytes to an echo server and wants an answer.
func datagram(h *lab.Host, to netip.AddrPort, size int) error {
	c, err := h.Dial("udp", to)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, size)); err != nil {
		return err
	}
	c.SetReadDeadline(time.Now().Add(2 * time.Second))
	_, err = c.Read(make([]byte, 100))
	return err
}
