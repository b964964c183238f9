package lab

import (
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Quality of a line; the zero value passes everything at once. It works without
// netem, on every kernel with TUN.
type Quality struct {
	Delay time.Duration // one way
	Loss  float64       // share of packets lost at random, 0 to 1
	Rate  int64         // bits a second each way; 0 is without limit
	Queue time.Duration // longest wait in front of the bottleneck; 0 means 1 s
	Cut   bool          // nothing passes
}

// Line is a link whose packets are carried by the test process, so that it can
// delay, lose and slow them. Many can stand in one network; one passes about
// 100,000 packets a second.
type Line struct {
	near *os.File // the end of the first host
	mu   sync.Mutex
	q    Quality
}

// Line joins two hosts with a line; devices and addresses as in [Lab.Link]. Both
// ends are Ethernet devices (TAP).
func (l *Lab) Line(a *Host, adev, aaddrs string, b *Host, bdev, baddrs string, q Quality) *Line {
	l.tb.Helper()
	return l.line(a, adev, aaddrs, b, bdev, baddrs, q, unix.IFF_TAP)
}

// PointToPoint joins two hosts with a line without Ethernet, ARP or neighbours
// (TUN), as PPP and some LTE modems have.
func (l *Lab) PointToPoint(a *Host, adev, aaddrs string, b *Host, bdev, baddrs string, q Quality) *Line {
	l.tb.Helper()
	return l.line(a, adev, aaddrs, b, bdev, baddrs, q, unix.IFF_TUN)
}

func (l *Lab) line(a *Host, adev, aaddrs string, b *Host, bdev, baddrs string, q Quality, kind uint16) *Line {
	l.tb.Helper()
	Need(l.tb, Tun)
	fa, fb := a.openTun(adev, kind), b.openTun(bdev, kind)
	a.Up(adev, aaddrs)
	b.Up(bdev, baddrs)
	l.settle(end{a, adev}, end{b, bdev})
	line := &Line{near: fa, q: q}
	var done sync.WaitGroup
	quit := make(chan struct{})
	done.Go(func() { line.carry(fa, fb, quit) })
	done.Go(func() { line.carry(fb, fa, quit) })
	l.tb.Cleanup(func() {
		close(quit)
		fa.Close()
		fb.Close()
		done.Wait()
	})
	return line
}

// Set changes the quality from now on; packets under way keep their time.
func (l *Line) Set(q Quality) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.q = q
}

// SetCarrier pulls or plugs the cable at the first host's end (TUNSETCARRIER of linux/if_tun.h).
func (l *Line) SetCarrier(on bool) error {
	raw, err := l.near.SyscallConn()
	if err != nil {
		return err
	}
	state := 0
	if on {
		state = 1
	}
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = unix.IoctlSetPointerInt(int(fd), unix.TUNSETCARRIER, state) }); err != nil {
		return err
	}
	return failed
}

func (l *Line) quality() Quality {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.q
}

// parcel is a packet that is due at the other end.
type parcel struct {
	due  time.Time
	data []byte
}

// carry moves packets one way until the files are closed.
func (l *Line) carry(from, to *os.File, quit <-chan struct{}) {
	parcels := make(chan parcel, 10000)
	defer close(parcels)
	go deliver(parcels, to, quit)
	var free time.Time // when the bottleneck is free again
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		if err != nil {
			select {
			case <-quit:
				return
			case <-time.After(5 * time.Millisecond): // EIO while the device is down
				continue
			}
		}
		q := l.quality()
		if q.Cut || (q.Loss > 0 && rand.Float64() < q.Loss) {
			continue
		}
		now := time.Now()
		if q.Rate > 0 {
			if free.Before(now) {
				free = now
			}
			queue := q.Queue
			if queue == 0 {
				queue = time.Second
			}
			if free.Sub(now) > queue {
				continue
			}
			free = free.Add(time.Duration(int64(n) * 8 * int64(time.Second) / q.Rate))
			now = free
		}
		select {
		case parcels <- parcel{now.Add(q.Delay), append([]byte(nil), buf[:n]...)}:
		default: // a full line loses
		}
	}
}

func deliver(parcels <-chan parcel, to *os.File, quit <-chan struct{}) {
	for p := range parcels {
		if d := time.Until(p.due); d > 0 {
			select {
			case <-quit:
				return
			case <-time.After(d):
			}
		}
		to.Write(p.data) // EIO while the device is down: lost, as on a real line
	}
}

// openTun makes a TUN or TAP device that lives as long as the file.
func (h *Host) openTun(dev string, kind uint16) *os.File {
	h.tb.Helper()
	var fd int
	var err error
	h.Do(func() { fd, err = tunDevice(dev, kind) })
	if err != nil {
		h.tb.Fatalf("%s: make %s: %v", h.Name, dev, err)
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun:"+dev)
}

func tunDevice(dev string, kind uint16) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, err
	}
	req, err := unix.NewIfreq(dev)
	if err == nil {
		req.SetUint16(kind | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}
