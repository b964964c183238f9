package health

import "time"

// window keeps the outcome of the last regular probes to one target, and of the
// bursts that were sent among them.
type window struct {
	ring  []sample
	next  int
	full  bool
	lost  int           // of the regular probes
	sum   time.Duration // of the answered ones
	burst tally         // of all bursts in the ring
	fresh tally         // of bursts since the last regular probe
}

// sample is one regular probe, with what became of burst probes before it.
type sample struct {
	rtt   time.Duration // lostSample if there was no answer in time
	burst tally
}

// tally counts burst probes whose outcome is known.
type tally struct{ all, lost int32 }

const lostSample = time.Duration(-1)

func newWindow(samples int) window { return window{ring: make([]sample, samples)} }

// add takes the outcome of a regular probe.
func (w *window) add(rtt time.Duration) {
	if w.full {
		w.count(w.ring[w.next], -1)
	}
	w.ring[w.next] = sample{rtt, w.fresh}
	w.count(w.ring[w.next], 1)
	w.fresh = tally{}
	w.next++
	if w.next == len(w.ring) {
		w.next, w.full = 0, true
	}
}

// addBurst takes the outcome of a burst probe.
func (w *window) addBurst(rtt time.Duration) {
	w.fresh.all++
	if rtt == lostSample {
		w.fresh.lost++
	}
}

func (w *window) count(s sample, sign int) {
	w.burst.all += int32(sign) * s.burst.all
	w.burst.lost += int32(sign) * s.burst.lost
	if s.rtt == lostSample {
		w.lost += sign
		return
	}
	w.sum += time.Duration(sign) * s.rtt
}

func (w *window) len() int {
	if w.full {
		return len(w.ring)
	}
	return w.next
}

// loss is in per cent: that of the regular probes, or that of all probes where
// it is less.
//
// Regular probes are spread evenly over the time. Bursts are not: they are sent
// because something was lost, at a moment when more may be, so that they make a
// line which stops now and then look worse than it is. They must not add to the
// loss. But they may speak for the line. What limits or drops by count (one
// packet in eight, so many a second) is moved on by the burst that a loss set
// off, and can hit one regular probe after the other, while nearly all of the
// packets pass.
func (w *window) loss() float64 {
	n := w.len()
	if n == 0 {
		return 0
	}
	regular := float64(w.lost) / float64(n)
	all := float64(w.lost+int(w.burst.lost)) / float64(n+int(w.burst.all))
	return 100 * min(regular, all)
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
		rtt := w.ring[(start+i)%len(w.ring)].rtt
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

func (w *window) reset() { *w = window{ring: w.ring} }
