package health

import "time"

const (
	// rtoInitial stands until the first measurement (RFC 6298, 2.1).
	rtoInitial = time.Second
	// rtoMax keeps one absurd sample from stopping detection.
	rtoMax = 3 * time.Second
)

// estimator is the round-trip statistic of RFC 6298 section 2. The ambiguity
// of section 3 (Karn) does not arise: every probe has its own number, so late
// answers are measured too.
type estimator struct {
	srtt, rttvar time.Duration
	floor        time.Duration // least distance of the time-out from srtt
	valid        bool
	first        bool // only one was measured
}

// rtoFloor keeps the time-out away from the mean on a line without jitter:
// 200 ms at one second as Linux has it (TCP_RTO_MIN), less with short
// intervals, where a burst for nothing costs less than the delay.
func rtoFloor(interval time.Duration) time.Duration {
	return min(max(interval/5, 20*time.Millisecond), 200*time.Millisecond)
}

// add takes a measurement. The first on a path pays for ARP or neighbour
// discovery too, which can double it; the average would remember that for half
// a minute, so a shorter second one replaces it.
func (e *estimator) add(rtt time.Duration) {
	if !e.valid || e.first && rtt < e.srtt {
		e.srtt, e.rttvar, e.first, e.valid = rtt, rtt/2, !e.valid, true
		return
	}
	e.first = false
	e.rttvar += (absolute(e.srtt-rtt) - e.rttvar) / 4
	e.srtt += (rtt - e.srtt) / 8
}

func (e *estimator) rto() time.Duration {
	if !e.valid {
		return rtoInitial
	}
	return min(e.srtt+max(e.floor, 4*e.rttvar), rtoMax)
}

func (e *estimator) reset() { *e = estimator{floor: e.floor} }

func absolute(d time.Duration) time.Duration {
	if d < 0 {
		return -d
	}
	return d
}
