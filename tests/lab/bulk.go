package lab

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Slot is the time over which a bulk flow counts its bytes.
const Slot = 100 * time.Millisecond

// Rate is what a bulk flow moved in one slot.
type Rate struct {
	At    time.Time // end of the slot
	Bytes int64
}

// Bulk is one TCP connection that moves as much as it can.
type Bulk struct {
	conn  net.Conn
	bytes atomic.Int64
	quit  chan struct{}
	once  sync.Once
	done  sync.WaitGroup

	mu    sync.Mutex
	rates []Rate
	err   error
}

// Download reads from the source server of a host ([Host.Echo]) until Stop.
func (h *Host) Download(from netip.Addr) *Bulk {
	h.tb.Helper()
	return h.bulk(netip.AddrPortFrom(from, SourcePort), net.Conn.Read)
}

// Upload writes to the discard server of a host until Stop.
func (h *Host) Upload(to netip.Addr) *Bulk {
	h.tb.Helper()
	return h.bulk(netip.AddrPortFrom(to, DiscardPort), net.Conn.Write)
}

func (h *Host) bulk(to netip.AddrPort, move func(net.Conn, []byte) (int, error)) *Bulk {
	h.tb.Helper()
	c, err := h.Dial("tcp", to)
	if err != nil {
		h.tb.Fatalf("%s: bulk flow: %v", h.Name, err)
	}
	b := &Bulk{conn: c, quit: make(chan struct{})}
	b.done.Go(func() { b.run(move) })
	b.done.Go(b.count)
	h.tb.Cleanup(b.end)
	return b
}

func (b *Bulk) run(move func(net.Conn, []byte) (int, error)) {
	for buf := make([]byte, 64<<10); ; {
		n, err := move(b.conn, buf)
		b.bytes.Add(int64(n))
		if err != nil {
			if !isClosed(err) {
				b.mu.Lock()
				b.err = err
				b.mu.Unlock()
			}
			return
		}
	}
}

func (b *Bulk) count() {
	tick := time.NewTicker(Slot)
	defer tick.Stop()
	var last int64
	for {
		select {
		case <-b.quit:
			return
		case t := <-tick.C:
			n := b.bytes.Load()
			b.mu.Lock()
			b.rates = append(b.rates, Rate{At: t, Bytes: n - last})
			b.mu.Unlock()
			last = n
		}
	}
}

// Bytes moved so far.
func (b *Bulk) Bytes() int64 { return b.bytes.Load() }

// Rates per slot so far.
func (b *Bulk) Rates() []Rate {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Rate(nil), b.rates...)
}

// Pace bounds an upload to bytes a second, and its buffer to little more: what
// then is lost or stands still does not so because queues overflow, as they do
// under a flow that takes what it can get.
func (b *Bulk) Pace(bytes int) error {
	return errors.Join(b.conn.(*net.TCPConn).SetWriteBuffer(256<<10), b.control(func(fd int) error {
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MAX_PACING_RATE, bytes)
	}))
}

// Congestion sets the congestion control. A machine's default may be one that
// keeps queues short (BBR).
func (b *Bulk) Congestion(name string) error {
	return b.control(func(fd int) error {
		return unix.SetsockoptString(fd, unix.IPPROTO_TCP, unix.TCP_CONGESTION, name)
	})
}

// Lost counts the segments of an upload that were sent again and were needed, as
// the kernel says in TCP_INFO. What the far end then had twice (it says so,
// RFC 2883) was not lost but late, as happens on a busy machine.
func (b *Bulk) Lost() (int, error) {
	info, err := b.info()
	return int(info.Total_retrans) - int(info.Dsack_dups), err
}

// Acked is how many bytes of an upload the far end has got, unlike Bytes without
// what waits in the buffer.
func (b *Bulk) Acked() (int64, error) {
	info, err := b.info()
	return int64(info.Bytes_acked), err
}

func (b *Bulk) info() (info unix.TCPInfo, err error) {
	err = b.control(func(fd int) error {
		i, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err == nil {
			info = *i
		}
		return err
	})
	return info, err
}

func (b *Bulk) control(f func(fd int) error) error {
	raw, err := b.conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	cerr := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(cerr, err)
}

// Err is what broke the connection, or nil.
func (b *Bulk) Err() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// LongestStall is the longest run of slots without a byte.
func (b *Bulk) LongestStall() time.Duration {
	longest, run := 0, 0
	for _, r := range b.Rates() {
		run++
		if r.Bytes > 0 {
			run = 0
		}
		longest = max(longest, run)
	}
	return time.Duration(longest) * Slot
}

// Stop closes the connection and returns the rates.
func (b *Bulk) Stop() []Rate {
	b.end()
	return b.Rates()
}

func (b *Bulk) end() {
	b.once.Do(func() {
		close(b.quit)
		b.conn.Close()
		b.done.Wait()
	})
}
