package lab

import (
	"net/netip"
	"sync"
	"time"
)

// FlowOptions of a flow of numbered packets; the zero value is usable.
type FlowOptions struct {
	Interval time.Duration  // between packets; 0 means 10 ms
	Local    netip.AddrPort // source to bind to
	Device   string         // device to bind to
	Mark     uint32         // SO_MARK
	Size     int            // bytes of payload of a datagram, at least 8; not of pings, and not of the answers
}

// Packet is one packet of a flow and the answer to it.
type Packet struct {
	Seq      int
	Sent     time.Time
	Received time.Time // of the answer; zero: lost, or not yet here
	// Source is the sender as the far end saw it, so it tells the WAN. Pings
	// do not know it.
	Source netip.AddrPort
	Again  int   // further answers to the same packet
	Err    error // of the send call: no route, prohibited
}

// Lost reports that no answer came.
func (p Packet) Lost() bool { return p.Received.IsZero() }

// Report is what became of the packets of a flow, in the order of sending.
type Report struct{ Packets []Packet }

// Lost counts unanswered packets.
func (r Report) Lost() int { return r.Between(time.Time{}, time.Now()).lost() }

// LostBetween counts unanswered packets sent in [from, to).
func (r Report) LostBetween(from, to time.Time) int { return r.Between(from, to).lost() }

func (r Report) lost() (n int) {
	for _, p := range r.Packets {
		if p.Lost() {
			n++
		}
	}
	return n
}

// Duplicates counts answers beyond the first of each packet. A packet that comes twice to the far end is answered twice, so it counts as well as
// an answer that comes twice.
func (r Report) Duplicates() (n int) {
	for _, p := range r.Packets {
		n += p.Again
	}
	return n
}

// Between is the part of the flow that was sent in [from, to).
func (r Report) Between(from, to time.Time) Report {
	var out Report
	for _, p := range r.Packets {
		if !p.Sent.Before(from) && p.Sent.Before(to) {
			out.Packets = append(out.Packets, p)
		}
	}
	return out
}

// FirstAfter is the first answered packet among those sent at or after t; a
// zero Packet where there is none.
func (r Report) FirstAfter(t time.Time) Packet {
	for _, p := range r.Packets {
		if !p.Sent.Before(t) && !p.Lost() {
			return p
		}
	}
	return Packet{}
}

// LongestGap is the longest time without an answer and when it began. A flow
// that ends in silence counts the silence up to the last packet sent.
func (r Report) LongestGap() (gap time.Duration, from time.Time) {
	if len(r.Packets) == 0 {
		return 0, time.Time{}
	}
	last := r.Packets[0].Sent
	note := func(t time.Time) {
		if d := t.Sub(last); d > gap {
			gap, from = d, last
		}
		if t.After(last) {
			last = t
		}
	}
	for _, p := range r.Packets {
		if !p.Lost() {
			note(p.Received)
		}
	}
	note(r.Packets[len(r.Packets)-1].Sent)
	return gap, from
}

// Sources counts the answered packets by the source address that the far end
// saw.
func (r Report) Sources() map[netip.Addr]int {
	m := map[netip.Addr]int{}
	for _, p := range r.Packets {
		if !p.Lost() {
			m[p.Source.Addr()]++
		}
	}
	return m
}

// Flow is a running flow of numbered packets.
type Flow struct {
	mu      sync.Mutex
	packets []Packet

	quit chan struct{}
	done sync.WaitGroup
	once sync.Once
	stop func() // closes the socket
}

// carrier sends packet seq and reads answers; it is what differs between UDP
// and ping.
type carrier interface {
	send(seq int) error
	// receive blocks for the next answer; an error ends the flow's reading
	// when the socket is closed.
	receive() (seq int, source netip.AddrPort, err error)
	close() error
}

// grace is how long Stop waits for late answers.
const grace = 300 * time.Millisecond

func startFlow(tb TB, c carrier, interval time.Duration) *Flow {
	if interval == 0 {
		interval = 10 * time.Millisecond
	}
	f := &Flow{quit: make(chan struct{}), stop: func() { c.close() }}
	f.done.Go(func() { f.sendLoop(c, interval) })
	go f.receiveLoop(c)
	tb.Cleanup(func() { f.end(0) })
	return f
}

func (f *Flow) sendLoop(c carrier, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for seq := 0; ; seq++ {
		f.mu.Lock()
		f.packets = append(f.packets, Packet{Seq: seq, Sent: time.Now()})
		f.mu.Unlock()
		if err := c.send(seq); err != nil {
			f.mu.Lock()
			f.packets[seq].Err = err
			f.mu.Unlock()
		}
		select {
		case <-f.quit:
			return
		case <-tick.C:
		}
	}
}

func (f *Flow) receiveLoop(c carrier) {
	for {
		seq, source, err := c.receive()
		if err != nil {
			if isClosed(err) {
				return
			}
			continue // an ICMP error, delivered once
		}
		f.mu.Lock()
		switch {
		case seq < 0 || seq >= len(f.packets):
		case f.packets[seq].Lost():
			f.packets[seq].Received, f.packets[seq].Source = time.Now(), source
		default:
			f.packets[seq].Again++
		}
		f.mu.Unlock()
	}
}

// Report is the flow up to now; the last packets may still be on their way.
func (f *Flow) Report() Report {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Report{Packets: append([]Packet(nil), f.packets...)}
}

// Stop ends the sending, waits 0.3 s for late answers and returns the report.
func (f *Flow) Stop() Report {
	f.end(grace)
	return f.Report()
}

func (f *Flow) end(wait time.Duration) {
	f.once.Do(func() {
		close(f.quit)
		f.done.Wait()
		time.Sleep(wait)
		f.stop()
	})
}

// WaitAnswer waits until a packet sent at or after t is answered and returns
// it; it fails the test after the limit.
func (f *Flow) WaitAnswer(tb TB, t time.Time, limit time.Duration) Packet {
	tb.Helper()
	var p Packet
	if !Wait(limit, func() bool { p = f.Report().FirstAfter(t); return !p.Lost() }) {
		tb.Fatalf("no packet of the flow was answered within %v", limit)
	}
	return p
}

// Wait polls cond until it is true or the limit is over, and says whether it
// became true: every 5 ms, or, where cond takes long, such as a program that is
// started, with pauses of twice that time, to leave the processor to others.
func Wait(limit time.Duration, cond func() bool) bool {
	for end := time.Now().Add(limit); ; {
		began := time.Now()
		if cond() {
			return true
		}
		now := time.Now()
		if now.After(end) {
			return false
		}
		time.Sleep(max(5*time.Millisecond, 2*now.Sub(began)))
	}
}
