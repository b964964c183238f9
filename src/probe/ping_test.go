package probe

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
	"multiwan/src/socket/filter"
)

// reply turns an echo request into its answer.
func reply(request []byte) []byte {
	b := append([]byte(nil), request...)
	if b[0] == 8 {
		b[0] = 0
	} else {
		b[0] = 129
	}
	return b
}

func TestPing(t *testing.T) {
	for _, f := range kstate.Families {
		t.Run(f.String(), func(t *testing.T) {
			sock := newFakeSocket()
			report, next, all := results()
			p := newPing(testPath(f), func(Path, uint16) (packetConn, error) { return sock, nil }, report)
			defer p.Close()
			to := targetOf(f)
			if err := p.Send(Request{Probe: 2, Target: 1, Seq: 0x1_0007, To: to, Size: 56, Wait: rto}); err != nil {
				t.Fatal(err)
			}
			b := <-sock.wrote
			if len(b) != 8+56 || binary.BigEndian.Uint16(b[6:]) != 7 {
				t.Fatalf("request %x", b)
			}
			from := netip.AddrPortFrom(to, 0)
			bad := map[string]packetIn{
				"another sender":     {reply(b), netip.AddrPortFrom(to.Next(), 0)},
				"another identifier": {flip(reply(b), 4), from},
				"another secret":     {flip(reply(b), 8+8), from},
				"another number":     {flip(reply(b), 8+7), from},
				"short":              {reply(b)[:20], from},
				"empty":              {nil, from},
			}
			for _, in := range bad {
				sock.feed <- in
			}
			sock.feed <- packetIn{reply(b), from}
			sock.feed <- packetIn{reply(b), from} // a duplicate
			r := next(t)
			if r.Probe != 2 || r.Target != 1 || r.Seq != 0x1_0007 || r.Failure != "" || r.RTT < 0 {
				t.Errorf("result %+v", r)
			}
			if len(all) != 0 {
				t.Errorf("another result %+v", <-all)
			}
		})
	}
}

const rto = 3e9

func flip(b []byte, at int) []byte { b[at] ^= 0xff; return b }

func TestPingTakesErrorsThatQuoteIt(t *testing.T) {
	for _, f := range kstate.Families {
		sock := newFakeSocket()
		report, next, _ := results()
		p := newPing(testPath(f), func(Path, uint16) (packetConn, error) { return sock, nil }, report)
		to := targetOf(f)
		if err := p.Send(Request{Seq: 9, To: to, Wait: rto}); err != nil {
			t.Fatal(err)
		}
		request := <-sock.wrote
		sock.feed <- packetIn{unreachable(t, f, to, request), netip.AddrPortFrom(testPath(f).Gateway, 0)}
		if r := next(t); r.Seq != 9 || r.Failure != health.Unreachable || r.Detail == "" {
			t.Errorf("%s: result %+v", f, r)
		}
		p.Close()
	}
}

// unreachable builds the error that a router sends about a request.
func unreachable(t *testing.T, f kstate.Family, to netip.Addr, request []byte) []byte {
	t.Helper()
	quote := make([]byte, 20)
	quote[0], quote[9] = 0x45, 1
	m := icmp.Message{Type: ipv4.ICMPTypeDestinationUnreachable}
	if f == kstate.IPv6 {
		quote = make([]byte, 40)
		quote[0], quote[6] = 0x60, 58
		m.Type = ipv6.ICMPTypeDestinationUnreachable
	}
	copy(quote[len(quote)-to.BitLen()/8:], to.AsSlice())
	m.Body = &icmp.DstUnreach{Data: append(quote, request...)}
	b, err := m.Marshal(nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A socket that breaks is replaced within the same Send; one that is broken
// from the start is an error, and the next Send opens another.
func TestSocketIsReplaced(t *testing.T) {
	var opened []*fakeSocket
	var broken error
	report, _, _ := results()
	p := newPing(testPath(kstate.IPv4), func(Path, uint16) (packetConn, error) {
		s := newFakeSocket()
		s.fail = broken
		opened = append(opened, s)
		return s, nil
	}, report)
	send := func(seq uint64) error { return p.Send(Request{Seq: seq, To: targetOf(kstate.IPv4), Wait: rto}) }
	if err := send(1); err != nil || len(opened) != 1 {
		t.Fatalf("%v, %d sockets", err, len(opened))
	}
	opened[0].breakIt(errDown)
	if err := send(2); err != nil || len(opened) != 2 || !opened[0].closed() {
		t.Fatalf("%v, %d sockets", err, len(opened))
	}
	broken = errDown
	opened[1].breakIt(errDown)
	if err := send(3); err == nil || len(opened) != 3 || !opened[2].closed() {
		t.Fatalf("%v, %d sockets", err, len(opened))
	}
	if err := send(4); err == nil || len(opened) != 4 {
		t.Fatalf("%v, %d sockets: a fresh socket is tried once a call", err, len(opened))
	}
	broken = nil
	if err := send(5); err != nil || len(opened) != 5 {
		t.Fatalf("%v, %d sockets", err, len(opened))
	}
	p.Close()
	if !opened[4].closed() || send(6) == nil {
		t.Error("a closed prober must not send")
	}
}

func TestNothingIsSentWithoutADevice(t *testing.T) {
	report, _, _ := results()
	p := testPath(kstate.IPv4)
	p.Device = ""
	for name, open := range Openers() {
		pr := open(p, report)
		if err := pr.Send(Request{Seq: 1, To: targetOf(kstate.IPv4), Port: 80, Query: "example.com", Wait: rto}); err == nil {
			t.Errorf("%s: sent without a device", name)
		}
		pr.Close()
	}
}

// The filters run in the virtual machine of x/net as in the kernel.
func TestFilters(t *testing.T) {
	const id = 0xabcd
	echo := func(kind byte, id uint16) []byte {
		return []byte{kind, 0, 0, 0, byte(id >> 8), byte(id), 0, 1}
	}
	ip4 := func(b []byte) []byte { return append(append([]byte{0x45}, make([]byte, 19)...), b...) }
	quote4 := func(kind, proto byte) []byte {
		q := make([]byte, 28)
		q[0], q[9] = 0x45, proto
		return ip4(append(echo(kind, 0), q...))
	}
	quote6 := func(kind, proto byte) []byte {
		q := make([]byte, 48)
		q[6] = proto
		return append(echo(kind, 0), q...)
	}
	cases := []struct {
		name    string
		program []filter.Instruction
		packet  []byte
		want    bool
	}{
		{"v4 our reply", echoFilter4(id), ip4(echo(0, id)), true},
		{"v4 reply to another", echoFilter4(id), ip4(echo(0, 1)), false},
		{"v4 request", echoFilter4(id), ip4(echo(8, id)), false},
		{"v4 unreachable of ICMP", echoFilter4(id), quote4(3, 1), true},
		{"v4 unreachable of UDP", echoFilter4(id), quote4(3, 17), false},
		{"v4 time exceeded of ICMP", echoFilter4(id), quote4(11, 1), true},
		{"v4 redirect", echoFilter4(id), quote4(5, 1), false},
		{"v6 our reply", echoFilter6(id), echo(129, id), true},
		{"v6 reply to another", echoFilter6(id), echo(129, 1), false},
		{"v6 request", echoFilter6(id), echo(128, id), false},
		{"v6 unreachable of ICMPv6", echoFilter6(id), quote6(1, 58), true},
		{"v6 unreachable of UDP", echoFilter6(id), quote6(1, 17), false},
		{"v6 time exceeded of ICMPv6", echoFilter6(id), quote6(3, 58), true},
		{"v6 router advertisement", echoFilter6(id), quote6(134, 58), false},
		{"solicited advertisement", advertFilter(), []byte{136, 0, 0, 0, 0x60, 0, 0, 0}, true},
		{"unsolicited advertisement", advertFilter(), []byte{136, 0, 0, 0, 0x20, 0, 0, 0}, false},
		{"solicitation", advertFilter(), []byte{135, 0, 0, 0, 0x40, 0, 0, 0}, false},
		{"ARP answer", arpFilter(), append(make([]byte, 6), 0, 2), true},
		{"ARP request", arpFilter(), append(make([]byte, 6), 0, 1), false},
	}
	for _, c := range cases {
		n, err := machine(t, c.program).Run(c.packet)
		if err != nil || (n > 0) != c.want {
			t.Errorf("%s: %d, %v", c.name, n, err)
		}
	}
}

// machine runs a filter as the kernel does.
func machine(t *testing.T, program []filter.Instruction) *bpf.VM {
	t.Helper()
	text, known := bpf.Disassemble(program)
	vm, err := bpf.NewVM(text)
	if err != nil || !known {
		t.Fatalf("%v: %v", text, err)
	}
	return vm
}

func BenchmarkPing(b *testing.B) {
	sock := newFakeSocket()
	done := make(chan struct{}, 1)
	p := newPing(testPath(kstate.IPv4), func(Path, uint16) (packetConn, error) { return sock, nil }, func(health.Result) { done <- struct{}{} })
	defer p.Close()
	from := netip.AddrPortFrom(targetOf(kstate.IPv4), 0)
	b.ReportAllocs()
	seq := uint64(0)
	for b.Loop() {
		seq++
		if err := p.Send(Request{Seq: seq, To: from.Addr(), Size: 56, Wait: rto}); err != nil {
			b.Fatal(err)
		}
		sock.feed <- packetIn{reply(<-sock.wrote), from}
		<-done
	}
}
