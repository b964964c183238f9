package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"multiwan/src/core/kstate"
)

const (
	resolveWait = 2 * time.Second        // for all resolvers together
	resolveTry  = 500 * time.Millisecond // for one question
	freshFor    = 5 * time.Minute        // an address is used again without asking
	retryAfter  = 10 * time.Second       // a failed question is asked again
)

// resolvConfs are read in this order. On OpenWrt the first one names the
// router itself, which cannot be asked by a WAN; the second one is netifd's.
var resolvConfs = []string{"/etc/resolv.conf", "/tmp/resolv.conf.d/resolv.conf.auto"}

var errNoResolver = errors.New("no resolver that can be asked by this WAN")

// names resolves the names of targets by one path and remembers the answers.
// An address that was good once stays in use until a newer one is known, for
// a dead line cannot be asked.
type names struct {
	path Path
	open func(Path) (packetConn, error)

	mu    sync.Mutex
	known map[string]*name
}

type name struct {
	addr    netip.Addr
	asked   time.Time
	good    time.Time
	pending bool
}

func newNames(path Path, open func(Path) (packetConn, error)) *names {
	return &names{path: path, open: open, known: make(map[string]*name)}
}

// setPath takes a path that differs in its resolvers only.
func (n *names) setPath(p Path) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.path = p
}

// lookup gives the remembered address. ask says that the caller is to call
// resolve, in the background if there is an address.
func (n *names) lookup(host string, now time.Time) (a netip.Addr, ask bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.known[host]
	if e == nil {
		e = &name{}
		n.known[host] = e
	}
	stale := now.Sub(e.good) > freshFor || !e.addr.IsValid()
	if stale && !e.pending && now.Sub(e.asked) > retryAfter {
		e.pending, e.asked, ask = true, now, true
	}
	return e.addr, ask
}

// resolve asks and remembers.
func (n *names) resolve(host string) (netip.Addr, error) {
	a, err := n.query(host)
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.known[host]
	e.pending = false
	if err == nil {
		e.addr, e.good = a, time.Now()
	}
	return a, err
}

func (n *names) query(host string) (netip.Addr, error) {
	n.mu.Lock()
	path := n.path
	n.mu.Unlock()
	return ask(n.open, path, servers(path), path.Family, host)
}

// Resolve asks for an address of a host, in one family: by each path the resolvers that it has, or those of the system, and after them the
// resolvers of this machine. It takes up to two seconds for each that does not answer.
func Resolve(host string, f kstate.Family, paths []Path) (netip.Addr, error) {
	return resolveBy(openUDP, host, f, paths)
}

func resolveBy(open func(Path) (packetConn, error), host string, f kstate.Family, paths []Path) (netip.Addr, error) {
	last := errNoResolver
	for _, p := range paths {
		a, err := ask(open, p, servers(p), f, host)
		if err == nil {
			return a, nil
		}
		if !errors.Is(err, errNoResolver) {
			last = err
		}
	}
	self := Path{Family: kstate.IPv4, Device: "lo", Source: netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	if own := system(kstate.IPv4, true); len(own) > 0 {
		return ask(open, self, own, f, host)
	}
	return netip.Addr{}, last
}

// ask asks resolvers by a path.
func ask(open func(Path) (packetConn, error), path Path, servers []netip.Addr, f kstate.Family, host string) (netip.Addr, error) {
	if len(servers) == 0 {
		return netip.Addr{}, errNoResolver
	}
	c, err := open(path)
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), resolveWait)
	defer cancel()
	context.AfterFunc(ctx, func() { c.Close() })
	return exchangeDNS(c, f, host, servers)
}

// exchangeDNS asks the resolvers one after another, each anew after resolveTry.
func exchangeDNS(c packetConn, f kstate.Family, host string, servers []netip.Addr) (netip.Addr, error) {
	id := uint16(rand.Uint32())
	q, err := question(id, host, dnsType(f))
	if err != nil {
		return netip.Addr{}, err
	}
	quit := make(chan struct{})
	defer close(quit)
	go func() {
		tick := time.NewTicker(resolveTry)
		defer tick.Stop()
		for i := 0; ; i++ {
			// A failed write leaves the time-out to tell.
			_ = c.WriteTo(q, netip.AddrPortFrom(servers[i%len(servers)], 53))
			select {
			case <-tick.C:
			case <-quit:
				return
			}
		}
	}()
	buf := make([]byte, 1500)
	for {
		size, _, err := c.ReadFrom(buf)
		if err != nil {
			return netip.Addr{}, fmt.Errorf("resolve %s: no answer of %v", host, servers)
		}
		if got, asked, ok := answered(buf[:size]); ok && got == id && strings.EqualFold(asked, absolute(host)) {
			return address(buf[:size])
		}
	}
}

// servers gives the resolvers of the path, or those of the system that a
// packet can reach by it.
func servers(p Path) []netip.Addr {
	if len(p.Resolvers) > 0 {
		return p.Resolvers
	}
	return system(p.Family, false)
}

// system gives the resolvers of the system that can be asked in a family: this machine's own, or those elsewhere.
func system(f kstate.Family, self bool) []netip.Addr {
	for _, file := range resolvConfs {
		r, err := os.Open(file)
		if err != nil {
			continue
		}
		out := nameservers(r, f, self)
		r.Close()
		if len(out) > 0 {
			return out
		}
	}
	return nil
}

// nameservers reads resolv.conf(5) and keeps what can be asked in the family, at this machine or by a WAN.
func nameservers(r io.Reader, f kstate.Family, self bool) []netip.Addr {
	var out []netip.Addr
	for s := bufio.NewScanner(r); s.Scan(); {
		w := strings.Fields(s.Text())
		if len(w) < 2 || w[0] != "nameserver" {
			continue
		}
		a, err := netip.ParseAddr(w[1])
		if err == nil && a.IsLoopback() == self && kstate.FamilyOf(a) == f {
			out = append(out, a.WithZone(""))
		}
	}
	return out
}
