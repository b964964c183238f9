package health

import "time"

const (
	holdFirst  = 5 * time.Second   // of the second loss in a row; the first costs nothing
	holdMax    = 300 * time.Second // of the seventh and later ones
	holdLevels = 8
	// holdDecay is the time that a WAN must stay usable for one level less.
	holdDecay = 300 * time.Second
)

// hold keeps a flapping WAN down for longer each time: 0, 5, 10, 20 … 300 s,
// counted from the loss. Time in use without a loss takes the levels back.
type hold struct {
	level   int
	length  time.Duration
	until   time.Time
	upSince time.Time
}

func (h *hold) lost(now time.Time) {
	if !h.upSince.IsZero() {
		h.level = max(0, h.level-int(now.Sub(h.upSince)/holdDecay))
	}
	h.length = 0
	if h.level > 0 {
		h.length = min(holdFirst<<(h.level-1), holdMax)
	}
	h.until = now.Add(h.length)
	h.level = min(h.level+1, holdLevels)
}

func (h *hold) gained(now time.Time) { h.upSince = now }

func (h *hold) holding(now time.Time) bool { return now.Before(h.until) }
