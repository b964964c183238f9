package mwan3

import (
	"net/netip"
	"strconv"
	"strings"
)

// number returns an option as a number within bounds, and a note where it had to
// be moved into them; ok is false where it is not given or not a number.
func (h *half) number(option string, low, high int) (n int, ok bool) {
	v := h.get(option)
	if v.Text == "" {
		return 0, false
	}
	n, err := strconv.Atoi(strings.TrimSpace(v.Text))
	if err != nil {
		h.note(option, v, "not carried over: not a number")
		return 0, false
	}
	if bounded := min(max(n, low), high); bounded != n {
		h.note(option, v, "%d: the option goes from %d to %d", bounded, low, high)
		n = bounded
	}
	return n, true
}

// given is number as text, empty where there is none.
func (h *half) given(option string, low, high int) string {
	if n, ok := h.number(option, low, high); ok {
		return strconv.Itoa(n)
	}
	return ""
}

// rounds translates what makes a round good and how many of them change a verdict.
func (h *half) rounds(s *settings, given []string) {
	targets := len(given)
	if n, ok := h.number("reliability", 1, 64); ok {
		switch limit := enough(given); {
		case n > targets:
			h.note1("reliability", "%d: there are no more targets, and in mwan3 such an interface is always down", limit)
			n = limit
		case n > limit:
			h.note1("reliability", "%d: names are targets of both families, and the other one has no more than these", limit)
			n = limit
		}
		s.reliability = strconv.Itoa(n)
	}
	if n, ok := h.number("count", 1, 1000); ok && n != 1 {
		h.note1("count", "not carried over: each round asks each target once, and a burst confirms before the verdict falls")
	}
	if n, ok := h.number("down", 1, 1000); ok {
		probes := min(n*targets, 1000)
		s.down = strconv.Itoa(probes)
		h.note1("down", "%d: counts the lost probes, over all %d targets, of a burst that takes seconds, not rounds an interval apart", probes, targets)
	}
	s.up = h.given("up", 1, 1000)
	switch s.method {
	case "ping":
		s.size = h.given("size", 16, 9000)
	default:
		h.note1("size", "not carried over: only a ping has a size")
	}
}

// enough is how many targets each family surely has: host names are asked in both,
// and beside addresses they are all that the other family has.
func enough(targets []string) int {
	names := 0
	for _, target := range targets {
		if _, err := netip.ParseAddr(target); err != nil {
			names++
		}
	}
	if names > 0 {
		return names
	}
	return len(targets)
}

// pace translates the intervals.
func (h *half) pace(s *settings) {
	s.interval = h.given("interval", 1, 3600)
	s.timeout = h.given("timeout", 1, 60)
	s.downInterval = s.interval // as in mwan3, which slows down or hurries only where told
	keep := h.on("keep_failure_interval", false)
	if v := h.get("failure_interval"); v.Text != "" {
		if keep {
			s.downInterval = h.given("failure_interval", 1, 3600)
			h.note("failure_interval", v, "down_interval: only while the WAN is down; a suspicion is confirmed by a burst at once")
		} else {
			h.note("failure_interval", v, "not carried over: a suspicion is confirmed by a burst at once")
		}
	}
	if keep && h.get("failure_interval").Text == "" {
		h.note1("keep_failure_interval", "not carried over: without failure_interval it does nothing")
	} else if !keep {
		h.note1("keep_failure_interval", "not carried over: it is off")
	}
	if v := h.get("recovery_interval"); v.Text != "" {
		s.downInterval = h.given("recovery_interval", 1, 3600)
		h.note("recovery_interval", v, "down_interval: the whole time while the WAN is down, not only once it answers again")
	}
}

// quality translates the thresholds of loss and latency, which mwan3 has defaults
// for but heeds only with check_quality.
func (h *half) quality(s *settings) {
	thresholds := []string{"failure_loss", "recovery_loss", "failure_latency", "recovery_latency"}
	if !h.on("check_quality", false) {
		h.note1("check_quality", "not carried over: it is off")
		for _, option := range thresholds {
			h.note1(option, "not carried over: without check_quality it does nothing")
		}
		return
	}
	if method := h.get("track_method").Text; method != "" && method != "ping" && method != "httping" {
		h.note1("check_quality", "not carried over: mwan3 heeds it only with ping and httping")
		for _, option := range thresholds {
			h.note1(option, "not carried over: mwan3 heeds it only with ping and httping")
		}
		return
	}
	h.note1("check_quality", "loss and latency are taken over a window of probes, not over the few of one round")
	s.lossDown, s.lossUp = h.thresholds("failure_loss", "recovery_loss", 40, 10, 100)
	if s.timeout == "" {
		s.timeout = "4" // mwan3's default; ours would not let the latency be seen
	}
	limit, _ := strconv.Atoi(s.timeout)
	s.latencyDown, s.latencyUp = h.thresholds("failure_latency", "recovery_latency", 1000, 500, limit*1000-1)
}

// thresholds reads a pair of them with mwan3's defaults.
func (h *half) thresholds(failure, recovery string, down, up, limit int) (string, string) {
	if n, ok := h.number(failure, 1, limit); ok {
		down = n
	}
	down = min(down, limit)
	if n, ok := h.number(recovery, 0, limit); ok {
		up = n
	}
	if up >= down {
		h.note(recovery, h.get(recovery), "%d: must be less than the threshold of failure", down-1)
		up = down - 1
	}
	return strconv.Itoa(down), strconv.Itoa(up)
}
