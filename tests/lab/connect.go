package lab

import (
	"bufio"
	"errors"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ConnectOptions of a stream of new connections; the zero value is usable.
type ConnectOptions struct {
	PerSecond int            // 0 means 100
	Timeout   time.Duration  // to connect and be greeted; 0 means 2 s
	Local     netip.AddrPort // source to bind to
	Device    string
	Mark      uint32
}

// Tally is what became of new connections.
type Tally struct {
	Started int
	OK      int
	Refused int                // reset, prohibited, unreachable: an answer that says no
	Lost    int                // no answer in time
	Sources map[netip.Addr]int // of the OK ones, as the far end saw them
	Errors  map[string]int
}

// Connects opens TCP connections to an echo server at a steady rate, each with
// a source port of its own, closing each after the greeting.
type Connects struct {
	o    ConnectOptions
	to   netip.AddrPort
	quit chan struct{}
	once sync.Once
	done sync.WaitGroup

	mu    sync.Mutex
	tally Tally
}

// NewConnections starts a stream of new connections.
func (h *Host) NewConnections(to netip.AddrPort, o ConnectOptions) *Connects {
	if o.PerSecond == 0 {
		o.PerSecond = 100
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Second
	}
	c := &Connects{o: o, to: to, quit: make(chan struct{})}
	c.tally = Tally{Sources: map[netip.Addr]int{}, Errors: map[string]int{}}
	c.done.Go(func() { c.run(h, -1) })
	h.tb.Cleanup(func() { c.Stop() })
	return c
}

// ConnectN opens n connections at the rate and waits for all of them.
func (h *Host) ConnectN(to netip.AddrPort, n int, o ConnectOptions) Tally {
	if o.PerSecond == 0 {
		o.PerSecond = 500
	}
	if o.Timeout == 0 {
		o.Timeout = 2 * time.Second
	}
	c := &Connects{o: o, to: to, quit: make(chan struct{})}
	c.tally = Tally{Sources: map[netip.Addr]int{}, Errors: map[string]int{}}
	c.run(h, n)
	return c.Stop()
}

// Stop ends the stream, waits for the open connections and returns the counts.
func (c *Connects) Stop() Tally {
	c.once.Do(func() { close(c.quit) })
	c.done.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tally
}

// Started is how many connections were begun so far.
func (c *Connects) Started() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tally.Started
}

// run starts n connections, or without end where n is negative. It catches up
// after a stall, so the rate holds on a loaded machine.
func (c *Connects) run(h *Host, n int) {
	begin := time.Now()
	tick := time.NewTicker(max(time.Millisecond, time.Second/time.Duration(c.o.PerSecond)))
	defer tick.Stop()
	for started := 0; n < 0 || started < n; {
		due := int(time.Since(begin).Seconds()*float64(c.o.PerSecond)) + 1
		if n >= 0 {
			due = min(due, n)
		}
		h.Do(func() {
			for ; started < due; started++ {
				c.start()
			}
		})
		select {
		case <-c.quit:
			return
		case <-tick.C:
		}
	}
}

// start begins one connection on the calling thread, which is inside the host,
// and leaves the waiting to a goroutine.
func (c *Connects) start() {
	c.mu.Lock()
	c.tally.Started++
	c.mu.Unlock()
	f, err := connectNonblock(c.to, c.o)
	if err != nil {
		c.note(netip.Addr{}, err)
		return
	}
	c.done.Go(func() {
		defer f.Close()
		f.SetDeadline(time.Now().Add(c.o.Timeout))
		source, err := greeting(f)
		c.note(source, err)
	})
}

func (c *Connects) note(source netip.Addr, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.tally.OK++
		c.tally.Sources[source]++
		return
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		c.tally.Lost++
	default:
		c.tally.Refused++
	}
	c.tally.Errors[err.Error()]++
}

// connectNonblock begins a TCP connection without waiting for it.
func connectNonblock(to netip.AddrPort, o ConnectOptions) (*os.File, error) {
	family := unix.AF_INET
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	err = bindSocket(fd, o.Device, o.Mark)
	if err == nil && o.Local.IsValid() {
		err = unix.Bind(fd, sockaddr(o.Local))
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(to))
	}
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), to.String()), nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
}

// greeting waits for the connection and reads the address that the echo server
// saw.
func greeting(f *os.File) (netip.Addr, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return netip.Addr{}, err
	}
	var cerr error
	err = raw.Write(func(fd uintptr) bool {
		if n, err := unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR); err != nil || n != 0 {
			cerr = errors.Join(err, syscall.Errno(n))
			return true
		}
		_, perr := unix.Getpeername(int(fd))
		return perr == nil // not connected yet: wait on
	})
	if err == nil {
		err = cerr
	}
	if err != nil {
		return netip.Addr{}, err
	}
	line, err := bufio.NewReader(f).ReadString('\n')
	if err != nil {
		return netip.Addr{}, err
	}
	peer, err := netip.ParseAddrPort(line[:len(line)-1])
	return peer.Addr(), err
}
