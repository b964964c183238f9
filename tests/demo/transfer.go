package main

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"multiwan/tests/lab"
)

// slot is how finely the rate of the transfer is drawn.
const slot = 500 * time.Millisecond

// transfer uploads without end and dials again when its connection breaks, as a person or a program would.
type transfer struct {
	host *lab.Host
	quit chan struct{}
	done sync.WaitGroup

	mu    sync.Mutex
	conn  net.Conn
	dials int
	start time.Time
	bytes []int // by slot
}

func newTransfer(h *lab.Host) *transfer {
	t := &transfer{host: h, quit: make(chan struct{}), start: time.Now()}
	t.done.Go(t.run)
	return t
}

func (t *transfer) run() {
	for {
		select {
		case <-t.quit:
			return
		default:
		}
		conn, err := t.host.Dial("tcp", netip.AddrPortFrom(lab.Internet4, lab.DiscardPort))
		if err != nil {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		t.mu.Lock()
		t.conn = conn
		t.dials++
		t.mu.Unlock()
		t.upload(conn)
		conn.Close()
	}
}

// upload writes until the connection breaks or says nothing for three seconds.
func (t *transfer) upload(conn net.Conn) {
	buf := make([]byte, 16<<10)
	for {
		conn.SetWriteDeadline(time.Now().Add(3 * time.Second))
		n, err := conn.Write(buf)
		t.note(n)
		if err != nil {
			return
		}
	}
}

func (t *transfer) note(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	i := int(time.Since(t.start) / slot)
	for len(t.bytes) <= i {
		t.bytes = append(t.bytes, 0)
	}
	t.bytes[i] += n
}

func (t *transfer) stop() {
	close(t.quit)
	t.mu.Lock()
	if t.conn != nil {
		t.conn.Close()
	}
	t.mu.Unlock()
	t.done.Wait()
}

// rate is the average in Mbit/s.
func (t *transfer) rate() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := 0
	for _, n := range t.bytes {
		sum += n
	}
	return float64(sum) * 8 / 1e6 / (float64(len(t.bytes)) * slot.Seconds())
}

func (t *transfer) connections() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dials
}
