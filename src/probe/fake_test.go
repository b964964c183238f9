package probe

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/kstate"
)

// fakeSocket is a socket in memory: what is written can be read by the test,
// what the test feeds is read by the prober.
type fakeSocket struct {
	wrote chan []byte
	feed  chan packetIn
	once  sync.Once
	gone  chan struct{}

	mu   sync.Mutex
	fail error // of the next writes
	to   []netip.AddrPort
}

type packetIn struct {
	b    []byte
	from netip.AddrPort
}

func newFakeSocket() *fakeSocket {
	return &fakeSocket{wrote: make(chan []byte, 16), feed: make(chan packetIn, 16), gone: make(chan struct{})}
}

func (s *fakeSocket) ReadFrom(b []byte) (int, netip.AddrPort, error) {
	select {
	case p := <-s.feed:
		return copy(b, p.b), p.from, nil
	case <-s.gone:
		return 0, netip.AddrPort{}, net.ErrClosed
	}
}

func (s *fakeSocket) WriteTo(b []byte, to netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fail != nil {
		return s.fail
	}
	s.to = append(s.to, to)
	s.wrote <- append([]byte(nil), b...)
	return nil
}

func (s *fakeSocket) breakIt(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fail = err
}

func (s *fakeSocket) Close() error { s.once.Do(func() { close(s.gone) }); return nil }

func (s *fakeSocket) closed() bool {
	select {
	case <-s.gone:
		return true
	default:
		return false
	}
}

var errDown = errors.New("network is down")

func testPath(f kstate.Family) Path {
	p := Path{WAN: "wan", Family: f, Device: "eth1", Index: 3, Source: netip.MustParseAddr("192.0.2.2"), Gateway: netip.MustParseAddr("192.0.2.1"), Mark: 0x41000000}
	if f == kstate.IPv6 {
		p.Source, p.Gateway = netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("fe80::1")
	}
	return p
}

func targetOf(f kstate.Family) netip.Addr {
	if f == kstate.IPv6 {
		return netip.MustParseAddr("2606:4700:4700::1111")
	}
	return netip.MustParseAddr("1.1.1.1")
}

// results collects reports.
func results() (Report, func(*testing.T) health.Result, chan health.Result) {
	c := make(chan health.Result, 16)
	next := func(t *testing.T) health.Result {
		t.Helper()
		select {
		case r := <-c:
			return r
		case <-time.After(5 * time.Second):
			t.Fatal("no result")
			return health.Result{}
		}
	}
	return func(r health.Result) { c <- r }, next, c
}
