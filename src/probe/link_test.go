package probe

import (
	"context"
	"encoding/hex"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/bpf"

	"multiwan/src/core/config"
	"multiwan/src/core/kstate"
	"multiwan/src/socket/filter"
)

// fakeLink is a link in memory.
type fakeLink struct {
	addr  hwAddr
	wrote chan frameOut
	feed  chan frameIn
	once  sync.Once
	gone  chan struct{}
}

type frameOut struct {
	b  []byte
	to hwAddr
}

type frameIn struct {
	b    []byte
	from hwAddr
}

func newFakeLink() *fakeLink {
	return &fakeLink{addr: hwAddr{2, 0, 0, 0, 0, 1}, wrote: make(chan frameOut, 1000), feed: make(chan frameIn), gone: make(chan struct{})}
}

func (l *fakeLink) ReadFrom(b []byte) (int, hwAddr, error) {
	select {
	case f := <-l.feed:
		return copy(b, f.b), f.from, nil
	case <-l.gone:
		return 0, hwAddr{}, net.ErrClosed
	}
}

func (l *fakeLink) WriteTo(b []byte, to hwAddr) error {
	l.wrote <- frameOut{append([]byte(nil), b...), to}
	return nil
}

func (l *fakeLink) Addr() hwAddr { return l.addr }

func (l *fakeLink) Close() error { l.once.Do(func() { close(l.gone) }); return nil }

var farMAC = hwAddr{2, 0, 0, 0, 0, 2}

func TestLoopback(t *testing.T) {
	link := newFakeLink()
	report, next, all := results()
	l := newLoopback(Path{Device: "pw"}, func(Path) (linkConn, error) { return link, nil }, report)
	defer l.Close()
	const seq = 0x500000007
	if err := l.Send(Request{Seq: seq, Wait: time.Hour}); err != nil {
		t.Fatal(err)
	}
	out := <-link.wrote
	cookie := hex.EncodeToString(out.b[11:19])
	want := "00030004" + "00000007" + "030010" + cookie + "0000000500000007" + "00"
	if out.to != loopbackGroup || hex.EncodeToString(out.b) != want {
		t.Fatalf("sent %x to %x, want %s", out.b, out.to, want)
	}
	good := append([]byte(nil), out.b...)
	answer(good)
	other := func(change func(b []byte)) {
		b := append([]byte(nil), good...)
		change(b)
		link.feed <- frameIn{b, farMAC}
	}
	other(func(b []byte) { b[1] = loopbackAsk })   // our own message, by a loop
	other(func(b []byte) { b[11] ^= 1 })           // another prober's cookie
	other(func(b []byte) { b[7] ^= 1 })            // another transaction
	other(func(b []byte) { b[18+8], b[7] = 9, 9 }) // a sequence number that was not sent
	other(func(b []byte) { b[10] = 15 })           // data cut short
	other(func(b []byte) { b[0] = 0xe0 })          // another level
	link.feed <- frameIn{nil, farMAC}
	link.feed <- frameIn{append(good, make([]byte, 18)...), farMAC}
	if r := next(t); r.Seq != seq || r.Failure != "" || r.RTT <= 0 {
		t.Errorf("result %+v", r)
	}
	link.feed <- frameIn{good, farMAC} // twice
	link.feed <- frameIn{nil, farMAC}
	if len(all) != 0 {
		t.Errorf("another result %+v", <-all)
	}
}

func TestLayer2ARP(t *testing.T) {
	link := newFakeLink()
	report, next, all := results()
	kind := layer2Kind(kstate.IPv4)
	kind.open = func(Path) (linkConn, error) { return link, nil }
	a := newLayer2Neighbour(Path{Device: "pw", Layer2: true}, kind, report)
	defer a.Close()
	if err := a.Send(Request{Seq: 6, To: netip.MustParseAddr("10.1.0.9"), Wait: time.Hour}); err != nil {
		t.Fatal(err)
	}
	// RFC 826, with the zero addresses of RFC 5227, 2.1.1.
	const head = "0001080006040001"
	want := head + "020000000001" + "00000000" + "000000000000" + "0a010009"
	if out := <-link.wrote; hex.EncodeToString(out.b) != want || out.to != (hwAddr{255, 255, 255, 255, 255, 255}) {
		t.Errorf("sent %x to %x, want %s", out.b, out.to, want)
	}
	reply := func(sender, target string) frameIn {
		return frameIn{unhex(t, "0001080006040002"+"020000000002"+sender+target+"00000000"), farMAC}
	}
	link.feed <- reply("0a010009", "020000000007") // to another prober
	link.feed <- reply("0a010008", "020000000001") // from another neighbour
	link.feed <- frameIn{unhex(t, "00010800"), farMAC}
	link.feed <- reply("0a010009", "020000000001")
	if r := next(t); r.Seq != 6 || r.Failure != "" {
		t.Errorf("result %+v", r)
	}
	if len(all) != 0 {
		t.Errorf("another result %+v", <-all)
	}
}

func TestLayer2Solicit(t *testing.T) {
	link := newFakeLink()
	report, next, all := results()
	kind := layer2Kind(kstate.IPv6)
	kind.open = func(Path) (linkConn, error) { return link, nil }
	s := newLayer2Neighbour(Path{Device: "pw", Family: kstate.IPv6, Layer2: true}, kind, report)
	defer s.Close()
	if err := s.Send(Request{Seq: 8, To: netip.MustParseAddr("fd00:1::9:8:7"), Wait: time.Hour}); err != nil {
		t.Fatal(err)
	}
	// RFC 8200, 3, from ::, and RFC 4861, 4.3, without options. The checksum: ff02+1+ff08+7 (to) and 18+3a (length, next header) and
	// 8700 and fd00+1+9+8+7 (target) make 3827d, folded 8280, of which the complement is 7d7f.
	want := "600000000018" + "3aff" + "00000000000000000000000000000000" + "ff0200000000000000000001ff080007" +
		"8700" + "7d7f" + "00000000" + "fd000001000000000000000900080007"
	if out := <-link.wrote; hex.EncodeToString(out.b) != want || out.to != (hwAddr{0x33, 0x33, 0xff, 8, 0, 7}) {
		t.Errorf("sent %x to %x, want %s", out.b, out.to, want)
	}
	advert := func(hops, typ, target string) frameIn {
		return frameIn{unhex(t, "600000000020"+"3a"+hops+"fe800000000000000000000000000001"+"ff020000000000000000000000000001"+typ+"000000"+"20000000"+target+"0201020000000002"), farMAC}
	}
	link.feed <- advert("ff", "88", "fd000001000000000000000900080006")
	link.feed <- advert("40", "88", "fd000001000000000000000900080007") // not from a neighbour
	link.feed <- advert("ff", "87", "fd000001000000000000000900080007")
	link.feed <- frameIn{unhex(t, "6000000000203aff"), farMAC}
	link.feed <- advert("ff", "88", "fd000001000000000000000900080007")
	if r := next(t); r.Seq != 8 || r.Failure != "" {
		t.Errorf("result %+v", r)
	}
	if len(all) != 0 {
		t.Errorf("another result %+v", <-all)
	}
}

// TestResponder: it answers what asks, not itself and not groups, opens its socket again, and ends with the context.
func TestResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		links := make(chan *fakeLink, 1)
		opened := 0
		r := NewResponder("pw")
		r.open = func(string) (linkConn, error) {
			opened++
			if opened == 2 {
				return nil, errDown
			}
			l := newFakeLink()
			links <- l
			return l, nil
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- r.Run(ctx) }()
		link := <-links
		ask := unhex(t, askBytes)
		for _, from := range []hwAddr{link.addr, {}, {1, 0, 0, 0, 0, 1}} {
			link.feed <- frameIn{ask, from}
		}
		link.feed <- frameIn{unhex(t, replyBytes), farMAC}
		link.feed <- frameIn{ask, farMAC}
		if out := <-link.wrote; out.to != farMAC || hex.EncodeToString(out.b) != replyBytes {
			t.Errorf("answered %x to %x", out.b, out.to)
		}
		if len(link.wrote) != 0 {
			t.Errorf("answered more: %x", (<-link.wrote).b)
		}
		for range 1000 {
			link.feed <- frameIn{ask, farMAC}
		}
		synctest.Wait()
		if n := len(link.wrote); n != answersPerSecond-1 {
			t.Errorf("%d answers within a second, want %d", n, answersPerSecond-1)
		}
		at := time.Now()
		r.LinkEvent() // opens anew at once, which fails, and a moment later again
		link = <-links
		if took := time.Since(at); took != reopenFirst || opened != 3 {
			t.Errorf("opened %d times, the last after %v", opened, took)
		}
		link.feed <- frameIn{ask, farMAC}
		<-link.wrote
		cancel()
		if err := <-done; err != nil || len(links) != 0 {
			t.Errorf("ended with %v, %d links open", err, len(links))
		}
		if <-link.gone; opened != 3 {
			t.Errorf("opened %d times", opened)
		}
	})
}

// TestResponderPauses: a device that cannot be opened is tried less and less often, one that is taken down and up again at once.
func TestResponderPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waits []time.Duration
		at := time.Now()
		r := NewResponder("pw")
		r.open = func(string) (linkConn, error) {
			waits = append(waits, time.Since(at))
			at = time.Now()
			return nil, errDown
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		r.Run(ctx)
		const ms = time.Millisecond
		want := []time.Duration{0, 10 * ms, 20 * ms, 40 * ms, 80 * ms, 160 * ms, 320 * ms, 640 * ms, time.Second, time.Second, time.Second}
		if !slices.Equal(waits, want) {
			t.Errorf("waited %v, want %v", waits, want)
		}
	})
}

// TestLinkFilter runs the filters of loopback on packets. What the kernel knows besides the bytes is for the tests on a kernel.
func TestLinkFilter(t *testing.T) {
	whole := func(opcode byte) *bpf.VM {
		return machine(t, append(loopbackFilter(opcode), filter.Return(filter.Take)))
	}
	ask, reply := whole(loopbackAsk), whole(loopbackReply)
	for text, want := range map[string][2]bool{
		askBytes: {true, false}, replyBytes: {false, true}, "1f03": {true, false}, "e003": {false, false}, "2002": {false, false}, "0001": {false, false}, "00": {false, false},
	} {
		b := unhex(t, text)
		n, _ := ask.Run(b)
		m, _ := reply.Run(b)
		if got := [2]bool{n > 0, m > 0}; got != want {
			t.Errorf("%s: asks, replies %v, want %v", text, got, want)
		}
	}
	if text, known := bpf.Disassemble(linkFilter(etherCFM, loopbackFilter(loopbackAsk))); !known {
		t.Error(text)
	}
}

// TestLoopbackConfig: the built-in probe of pseudowires has its one target in both families, and its path needs no address.
func TestLoopbackConfig(t *testing.T) {
	four, six := FromConfig(config.LoopbackProbe(), kstate.IPv4), FromConfig(config.LoopbackProbe(), kstate.IPv6)
	if d := cmp.Diff(four, six, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" || len(four.Targets) != 1 || four.Targets[0].Text != "far end" || four.Reliability != 1 {
		t.Errorf("%+v, other family: %s", four, d)
	}
	if p := (Path{Device: "pw", Layer2: true}); !p.usable() || p.same(Path{Device: "pw"}) {
		t.Errorf("path %s", p)
	}
}
