package probe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mdlayher/arp"
	"golang.org/x/net/dns/dnsmessage"

	"multiwan/src/core/config"
	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
)

// response answers a DNS question, with an address or without.
func response(t *testing.T, q []byte, a netip.Addr) []byte {
	t.Helper()
	var p dnsmessage.Parser
	h, err := p.Start(q)
	if err != nil {
		t.Fatal(err)
	}
	question, err := p.Question()
	if err != nil {
		t.Fatal(err)
	}
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true, RCode: dnsmessage.RCodeNameError}, Questions: []dnsmessage.Question{question}}
	if a.IsValid() {
		m.RCode = dnsmessage.RCodeSuccess
		head := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 60}
		var body dnsmessage.ResourceBody = &dnsmessage.AAAAResource{AAAA: a.As16()}
		if a.Is4() {
			body = &dnsmessage.AResource{A: a.As4()}
		}
		m.Answers = []dnsmessage.Resource{{Header: head, Body: body}}
	}
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestDNS(t *testing.T) {
	sock := newFakeSocket()
	report, next, all := results()
	d := newDNS(testPath(kstate.IPv4), func(Path) (packetConn, error) { return sock, nil }, report)
	defer d.Close()
	server := netip.AddrPortFrom(targetOf(kstate.IPv4), 53)
	if err := d.Send(Request{Seq: 4, To: server.Addr(), Port: 53, Query: "example.com", Wait: rto}); err != nil {
		t.Fatal(err)
	}
	q := <-sock.wrote
	good := response(t, q, netip.Addr{})
	sock.feed <- packetIn{good, netip.AddrPortFrom(server.Addr(), 5353)}
	sock.feed <- packetIn{q, server}                                     // the question itself
	sock.feed <- packetIn{flip(response(t, q, netip.Addr{}), 0), server} // another identifier
	sock.feed <- packetIn{good, server}
	if r := next(t); r.Seq != 4 || r.Failure != "" {
		t.Errorf("result %+v", r)
	}
	if len(all) != 0 {
		t.Errorf("another result %+v", <-all)
	}
	if err := d.Send(Request{Seq: 5, To: server.Addr(), Port: 53, Query: strings.Repeat("x", 300), Wait: rto}); err == nil {
		t.Error("a name of 300 bytes was sent")
	}
}

func TestARPAnswers(t *testing.T) {
	report, _, all := results()
	path := testPath(kstate.IPv4)
	a := newARP(path, nil, report).(*arping)
	now := time.Now()
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	answer := func(op arp.Operation, sender, target netip.Addr) *arp.Packet {
		return &arp.Packet{Operation: op, SenderHardwareAddr: mac, SenderIP: sender, TargetIP: target}
	}
	a.receive(now, answer(arp.OperationReply, path.Gateway, path.Source)) // nothing was asked
	a.table.add(Request{Seq: 1, To: path.Gateway, Wait: rto}, now)
	a.receive(now, answer(arp.OperationRequest, path.Gateway, path.Source))
	a.receive(now, answer(arp.OperationReply, path.Gateway.Next(), path.Source))
	a.receive(now, answer(arp.OperationReply, path.Gateway, path.Gateway)) // gratuitous
	if len(all) != 0 {
		t.Fatalf("taken for an answer: %+v", <-all)
	}
	a.receive(now.Add(time.Millisecond), answer(arp.OperationReply, path.Gateway, path.Source))
	if r := <-all; r.Seq != 1 || r.RTT != time.Millisecond {
		t.Errorf("result %+v", r)
	}
}

func TestSolicit(t *testing.T) {
	sock := newFakeSocket()
	report, next, all := results()
	path := testPath(kstate.IPv6)
	mac := hwAddr{2, 0, 0, 0, 0, 9}
	s := newSolicit(path, func(Path) (packetConn, hwAddr, error) { return sock, mac, nil }, report)
	defer s.Close()
	if err := s.Send(Request{Seq: 3, To: path.Gateway, Wait: rto}); err != nil {
		t.Fatal(err)
	}
	b := <-sock.wrote
	if len(b) != 32 || b[0] != 135 || b[24] != 1 || hwAddr(b[26:]) != mac {
		t.Errorf("solicitation %x", b)
	}
	if got := sock.to[0].Addr().String(); got != "ff02::1:ff00:1" {
		t.Errorf("sent to %s", got)
	}
	advert := func(target netip.Addr, flags byte) packetIn {
		m := make([]byte, 32)
		m[0], m[4] = 136, flags
		a := target.As16()
		copy(m[8:], a[:])
		return packetIn{b: m}
	}
	sock.feed <- advert(path.Gateway, 0x20)
	sock.feed <- advert(path.Source, 0x60)
	sock.feed <- packetIn{b: []byte{136, 0, 0}}
	sock.feed <- advert(path.Gateway, 0x60)
	if r := next(t); r.Seq != 3 {
		t.Errorf("result %+v", r)
	}
	if len(all) != 0 {
		t.Errorf("another result %+v", <-all)
	}
}

// talk lets a prober of streams meet a server in memory.
func talk(t *testing.T, ask exchange, serve func(net.Conn), fail error) health.Result {
	t.Helper()
	report, next, _ := results()
	s := newStream(testPath(kstate.IPv4), func(context.Context, Path, netip.AddrPort) (net.Conn, error) {
		if fail != nil {
			return nil, fail
		}
		near, far := net.Pipe()
		go serve(far)
		return near, nil
	}, ask, report)
	defer s.Close()
	if err := s.Send(Request{Seq: 1, To: targetOf(kstate.IPv4), Port: 80, Host: "example.com", Path: "/x", Wait: 500 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	return next(t)
}

func TestStreams(t *testing.T) {
	says := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			buf := make([]byte, 512)
			n, _ := c.Read(buf)
			if !strings.HasPrefix(string(buf[:n]), "HEAD /x HTTP/1.1\r\nHost: example.com\r\n") {
				text = "unexpected request\n"
			}
			fmt.Fprint(c, text)
			c.Close()
		}
	}
	silent := func(c net.Conn) { buf := make([]byte, 512); c.Read(buf) }
	refused := fmt.Errorf("connect: %w", syscall.ECONNREFUSED)
	cases := []struct {
		name string
		got  health.Result
		want health.Failure
	}{
		{"status line", talk(t, statusLine, says("HTTP/1.1 301 Moved\r\n"), nil), ""},
		{"old server", talk(t, statusLine, says("HTTP/1.0 500 Sorry\r\n"), nil), ""},
		{"another protocol", talk(t, statusLine, says("SSH-2.0-x\r\n"), nil), health.WrongAnswer},
		{"no number", talk(t, statusLine, says("HTTP/1.1 OK fine\r\n"), nil), health.WrongAnswer},
		{"silence", talk(t, statusLine, silent, nil), health.NoAnswer},
		{"connected", talk(t, connected, silent, nil), ""},
		{"refused", talk(t, connected, nil, refused), health.Refused},
		{"unreachable", talk(t, connected, nil, syscall.EHOSTUNREACH), health.Unreachable},
		{"no device", talk(t, connected, nil, errDown), health.SendError},
	}
	for _, c := range cases {
		if c.got.Failure != c.want || (c.want != "") == (c.got.Detail == "") {
			t.Errorf("%s: %+v, want %q", c.name, c.got, c.want)
		}
	}
}

func TestNames(t *testing.T) {
	path := testPath(kstate.IPv4)
	path.Resolvers = []netip.Addr{netip.MustParseAddr("192.0.2.53")}
	sock := newFakeSocket()
	n := newNames(path, func(Path) (packetConn, error) { return sock, nil })
	now := time.Now()
	if a, ask := n.lookup("example.com", now); a.IsValid() || !ask {
		t.Fatalf("%v %v for an unknown name", a, ask)
	}
	if _, ask := n.lookup("example.com", now); ask {
		t.Error("asked twice at a time")
	}
	want := netip.MustParseAddr("198.51.100.7")
	go func() { q := <-sock.wrote; sock.feed <- packetIn{b: response(t, q, want)} }()
	if a, err := n.resolve("example.com"); a != want || err != nil {
		t.Fatalf("%v %v", a, err)
	}
	if a, ask := n.lookup("example.com", now); a != want || ask {
		t.Errorf("%v %v for a known name", a, ask)
	}
	if a, ask := n.lookup("example.com", now.Add(time.Hour)); a != want || !ask {
		t.Errorf("%v %v for an old name: it stays in use while it is asked again", a, ask)
	}
	n.open = func(Path) (packetConn, error) { return nil, errDown }
	if _, err := n.resolve("example.com"); !errors.Is(err, errDown) {
		t.Errorf("%v", err)
	}
	if a, _ := n.lookup("example.com", now.Add(2*time.Hour)); a != want {
		t.Error("a dead line made a good address unknown")
	}
}

func TestNameservers(t *testing.T) {
	text := "# x\nsearch lan\nnameserver 127.0.0.1\nnameserver 192.0.2.53\nnameserver ::1\nnameserver 2001:db8::53\nnameserver nonsense\nnameserver\n"
	for f, want := range map[kstate.Family]string{kstate.IPv4: "[192.0.2.53]", kstate.IPv6: "[2001:db8::53]"} {
		if got := fmt.Sprint(nameservers(strings.NewReader(text), f, false)); got != want {
			t.Errorf("%s: %s, want %s", f, got, want)
		}
	}
	if got := fmt.Sprint(nameservers(strings.NewReader(text), kstate.IPv4, true)); got != "[127.0.0.1]" {
		t.Errorf("this machine's: %s", got)
	}
}

// TestResolveByWhatWorks: the first path cannot be used, the second is asked for an address of the other family.
func TestResolveByWhatWorks(t *testing.T) {
	dead, live := testPath(kstate.IPv4), testPath(kstate.IPv4)
	dead.WAN, dead.Resolvers = "dead", []netip.Addr{netip.MustParseAddr("192.0.2.53")}
	live.Resolvers = []netip.Addr{netip.MustParseAddr("198.51.100.53")}
	sock, want := newFakeSocket(), netip.MustParseAddr("2001:db8::7")
	go func() { q := <-sock.wrote; sock.feed <- packetIn{b: response(t, q, want)} }()
	open := func(p Path) (packetConn, error) {
		if p.WAN == "dead" {
			return nil, errDown
		}
		return sock, nil
	}
	if a, err := resolveBy(open, "dc.example.com", kstate.IPv6, []Path{dead, live}); a != want || err != nil {
		t.Errorf("%v %v", a, err)
	}
	if !slices.Equal(sock.to, []netip.AddrPort{netip.MustParseAddrPort("198.51.100.53:53")}) {
		t.Errorf("asked %v", sock.to)
	}
}

func TestFromConfig(t *testing.T) {
	c := config.Probe{
		Name: "web", Method: "http", Targets: []string{"gateway", "http://example.com:8080/a", "192.0.2.9", "2001:db8::9"}, Reliability: 3,
		Interval: time.Second, DownInterval: 2 * time.Second, Timeout: time.Second, Down: 10, Up: 5, Window: 30, Port: 80, Path: "/",
	}
	want := Probe{
		Params: health.Params{
			Name: "web", Method: "http", Reliability: 2, Interval: time.Second, DownInterval: 2 * time.Second, Timeout: time.Second,
			Down: 10, Up: 5, Window: 30,
			Targets: []health.Target{{Text: "http://example.com:8080/a"}, {Text: "192.0.2.9"}, {Text: "gateway", Gateway: true, EvidenceOnly: true}},
		},
		To: []Target{{Host: "example.com", Port: 8080, Path: "/a"}, {Addr: netip.MustParseAddr("192.0.2.9"), Port: 80, Path: "/"}, {Port: 80, Path: "/"}},
	}
	if d := cmp.Diff(want, FromConfig(c, kstate.IPv4), cmpopts.EquateComparable(netip.Addr{})); d != "" {
		t.Error(d)
	}
}

func TestInflightIsBounded(t *testing.T) {
	var table inflight
	now := time.Now()
	for i := range uint64(10_000) {
		table.add(Request{Seq: i + 1, Wait: time.Hour}, now.Add(time.Duration(i)))
	}
	if len(table.ring) != tableSize {
		t.Errorf("%d entries", len(table.ring))
	}
	has := func(seq uint64) bool {
		_, ok := table.take(now.Add(time.Second), func(r Request) bool { return r.Seq == seq })
		return ok
	}
	if !has(10_000) || !has(10_000-tableSize+1) || has(10_000-tableSize) || has(10_000) {
		t.Error("not the latest entries are kept, or one is taken twice")
	}
}
