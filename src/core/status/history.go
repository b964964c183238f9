package status

import "multiwan/src/core/order"

// Transition is a change of state of one family of a WAN, with the probes that led to it.
type Transition struct {
	Time      float64 `json:"time"`
	Interface string  `json:"interface"`
	Family    string  `json:"family"`
	From      string  `json:"from"`
	To        string  `json:"to"`
	Reason    string  `json:"reason"`
	// Held is the length of the hold-down that began, in seconds.
	Held     float64    `json:"held,omitempty"`
	Evidence []Evidence `json:"evidence"`
}

// Evidence is one probe: when it was sent and what became of it.
type Evidence struct {
	_ order.Incomparable

	Time   float64  `json:"time"`
	Probe  string   `json:"probe"`
	Target string   `json:"target"`
	RTT    *float64 `json:"rtt_ms,omitempty"`
	// Failure says why there is no round-trip time; Detail what the socket or the answer said.
	Failure string `json:"failure,omitempty"`
	Detail  string `json:"detail,omitempty"`
	Late    bool   `json:"late,omitempty"`
	Burst   bool   `json:"burst,omitempty"`
}

// Ring keeps the last transitions. The zero value keeps none; it is not safe for concurrent use.
type Ring struct {
	entries []Transition
	limit   int
	total   uint64
}

// NewRing returns a ring that keeps the last limit transitions.
func NewRing(limit int) *Ring { return &Ring{limit: limit} }

// Add keeps a transition, in place of the oldest one where the ring is full.
func (r *Ring) Add(t Transition) {
	r.total++
	if r.limit == 0 {
		return
	}
	if len(r.entries) == r.limit {
		copy(r.entries, r.entries[1:])
		r.entries = r.entries[:r.limit-1]
	}
	r.entries = append(r.entries, t)
}

// Total returns how many transitions were ever added.
func (r *Ring) Total() uint64 { return r.total }

// Last returns at most n transitions (0: all) of a WAN (empty: of all), the oldest first. The caller owns the slice.
func (r *Ring) Last(n int, wan string) []Transition {
	out := make([]Transition, 0, len(r.entries))
	for _, t := range r.entries {
		if wan == "" || t.Interface == wan {
			out = append(out, t)
		}
	}
	if n > 0 && len(out) > n {
		out = out[len(out)-n:]
	}
	return out
}
