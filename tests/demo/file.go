package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"multiwan/tests/lab"
)

// filePort takes files.
const filePort = 5000

// file is one on its way from host to host over one TCP connection.
type file struct {
	size int
	done chan struct{} // closed when it has arrived, or cannot any more

	mu          sync.Mutex
	start, last time.Time // of the transfer, and of its last bytes
	bytes       []int     // arrived, by slot
	stall       time.Duration
	err         error
}

// send begins to send a file of so many bytes.
func send(from, to *lab.Host, addr netip.Addr, size int) *file {
	f := &file{size: size, done: make(chan struct{}), start: time.Now()}
	to.ServeTCP(filePort, f.receive)
	go func() {
		defer close(f.done)
		if err := f.transfer(from, netip.AddrPortFrom(addr, filePort)); err != nil {
			f.mu.Lock()
			f.err = err
			f.mu.Unlock()
		}
	}()
	return f
}

// transfer sends it and compares what the far end has got.
func (f *file) transfer(from *lab.Host, to netip.AddrPort) error {
	conn, err := from.Dial("tcp", to)
	if err != nil {
		return err
	}
	defer conn.Close()
	text := make([]byte, f.size)
	for i := range text {
		text[i] = byte(i * 7 >> 3)
	}
	if _, err := conn.Write(text); err != nil {
		return err
	}
	var got [sha256.Size]byte
	if _, err := io.ReadFull(conn, got[:]); err != nil {
		return err
	}
	if got != sha256.Sum256(text) {
		return fmt.Errorf("the file arrived changed")
	}
	return nil
}

// receive is the far end: it answers with the hash of what it got.
func (f *file) receive(conn net.Conn) {
	hash, buf := sha256.New(), make([]byte, 16<<10)
	for got := 0; got < f.size; {
		n, err := conn.Read(buf)
		hash.Write(buf[:n])
		got += n
		f.note(n)
		if err != nil {
			return
		}
	}
	conn.Write(hash.Sum(nil))
}

func (f *file) note(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	i := int(now.Sub(f.start) / slot)
	for len(f.bytes) <= i {
		f.bytes = append(f.bytes, 0)
	}
	f.bytes[i] += n
	if !f.last.IsZero() {
		f.stall = max(f.stall, now.Sub(f.last))
	}
	f.last = now
}

// stalled returns how long no byte came at most since it was asked last.
func (f *file) stalled() time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	d := f.stall
	f.stall = 0
	return d
}

// words say how it ended.
func (f *file) words() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return fmt.Sprintf("the file did not arrive: %v", f.err)
	}
	took := f.last.Sub(f.start)
	return fmt.Sprintf("%.1f MB in %.1f s over one connection, %.1f Mbit/s, unchanged (SHA-256)", float64(f.size)/1e6, took.Seconds(),
		float64(f.size)*8/1e6/took.Seconds())
}
