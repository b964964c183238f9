package status

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteHistory writes transitions, the oldest first, with times in zone. With evidence each is followed by a line for every target: runs
// of probes with the same outcome, so that a verdict is read at a glance.
func WriteHistory(w io.Writer, transitions []Transition, evidence bool, zone *time.Location) error {
	var b strings.Builder
	for _, t := range transitions {
		fmt.Fprintf(&b, "%s  %s %s  %s -> %s", clock(t.Time, "2006-01-02 15:04:05.000", zone), t.Interface, t.Family, t.From, t.To)
		if t.Reason != "" {
			fmt.Fprintf(&b, "  (%s)", t.Reason)
		}
		if t.Held > 0 {
			fmt.Fprintf(&b, "  held down for at least %s", Span(int64(t.Held)))
		}
		b.WriteByte('\n')
		if !evidence {
			continue
		}
		for _, target := range byTarget(t.Evidence) {
			fmt.Fprintf(&b, "    %s [%s]\n", target[0].Target, target[0].Probe)
			for _, run := range runs(target) {
				fmt.Fprintf(&b, "        %s\n", run.text(zone))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// run is a row of probes of one target with the same outcome.
type run []Evidence

// byTarget sorts evidence by probe and target, in the order of their first appearance.
func byTarget(all []Evidence) [][]Evidence {
	var out [][]Evidence
	place := map[string]int{}
	for _, e := range all {
		key := e.Probe + " " + e.Target
		i, ok := place[key]
		if !ok {
			i = len(out)
			place[key] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	return out
}

// runs cuts the probes of a target where the outcome changes.
func runs(probes []Evidence) []run {
	var out []run
	for _, e := range probes {
		if n := len(out); n > 0 && out[n-1][0].outcome() == e.outcome() {
			out[n-1] = append(out[n-1], e)
			continue
		}
		out = append(out, run{e})
	}
	return out
}

// outcome is what became of a probe, in words.
func (e Evidence) outcome() string {
	s := e.Failure
	if e.RTT != nil {
		s = "answered"
	}
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	if e.Late {
		s += ", late"
	}
	return s
}

// text is "12 x no answer, 12:15:14.767 to 12:15:16.503 (11 in a burst)" or "12:15:13.770 answered in 0.1 ms".
func (r run) text(zone *time.Location) string {
	at := func(e Evidence) string { return clock(e.Time, "15:04:05.000", zone) }
	first, last := r[0], r[len(r)-1]
	s := at(first)
	if len(r) > 1 {
		s += " to " + at(last)
	}
	s += "  " + first.outcome()
	if len(r) > 1 {
		s = fmt.Sprintf("%s, %d times", s, len(r))
	}
	if last.RTT != nil {
		s += fmt.Sprintf(" in %s", r.times())
	}
	if n := r.burst(); n > 0 {
		s += fmt.Sprintf(" (%d in a burst)", n)
	}
	return s
}

// times is the range of round-trip times.
func (r run) times() string {
	low, high := *r[0].RTT, *r[0].RTT
	for _, e := range r {
		low, high = min(low, *e.RTT), max(high, *e.RTT)
	}
	if milli(&low) == milli(&high) {
		return milli(&low)
	}
	return milli(&low) + " to " + milli(&high)
}

func (r run) burst() (n int) {
	for _, e := range r {
		if e.Burst {
			n++
		}
	}
	return n
}
