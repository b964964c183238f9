package health

import "time"

// window keeps the outcome of the last regular probes to one target. Probes
// of a burst do not enter: they are sent because something was lost, and
// would make the loss look worse than it is.
type window struct {
	ring []time.Duration // lost is -1
	next int
	full bool
	lost int
	sum  time.Duration // of the answered
}

const lostSample = time.Duration(-1)

func newWindow(samples int) window { return window{ring: make([]time.Duration, samples)} }

func (w *window) add(rtt time.Duration) {
	if w.full {
		w.count(w.ring[w.next], -1)
	}
	w.ring[w.next] = rtt
	w.count(rtt, 1)
	w.next++
	if w.next == len(w.ring) {
		w.next, w.full = 0, true
	}
}

func (w *window) count(rtt time.Duration, sign int) {
	if rtt == lostSample {
		w.lost += sign
		return
	}
	w.sum += time.Duration(sign) * rtt
}

func (w *window) len() int {
	if w.full {
		return len(w.ring)
	}
	return w.next
}

// loss is in per cent.
func (w *window) loss() float64 {
	if w.len() == 0 {
		return 0
	}
	return 100 * float64(w.lost) / float64(w.len())
}

// mean is the mean round-trip time, 0 if nothing answered.
func (w *window) mean() time.Duration {
	if n := w.len() - w.lost; n > 0 {
		return w.sum / time.Duration(n)
	}
	return 0
}

// jitter is the mean difference between neighbouring round-trip times.
func (w *window) jitter() time.Duration {
	var sum time.Duration
	last, n := lostSample, 0
	start := 0
	if w.full {
		start = w.next
	}
	for i := range w.len() {
		rtt := w.ring[(start+i)%len(w.ring)]
		if rtt == lostSample {
			continue
		}
		if last != lostSample {
			sum += absolute(rtt - last)
			n++
		}
		last = rtt
	}
	if n == 0 {
		return 0
	}
	return sum / time.Duration(n)
}

func (w *window) reset() { w.next, w.full, w.lost, w.sum = 0, false, 0, 0 }
