package tend

import (
	"time"

	"multiwan/src/core/plan"
)

const (
	// First and Most bound the wait between two tries, which doubles.
	First = time.Second
	Most  = 60 * time.Second
	// Settle is how long a new SA is given before it is blamed: health wants several answers before it speaks.
	Settle = 10 * time.Second
	// From these tries on it is asked whether the peer is there at all, the tunnel is made anew, and the SA is ended unasked. While a
	// path is away the SA is best left: frames pass the moment it is back. A tunnel made anew costs its neighbours a moment too, so that
	// comes after fifteen seconds of silence.
	asksAt, rebuildsAt, endsAt = 2, 5, 8
)

// End is what is known of the far end of one pseudowire.
type End struct {
	// State is health's word, one of plan.Verdict's, and LastGood when it answered last.
	State    string
	LastGood time.Time
	// Path names the way of outer packets, "" while there is none; another text is another way.
	Path string
	// Initiates says that it is protected and that this end sets that up; Secured when the SA that stands was set up, zero without one.
	Initiates bool
	Secured   time.Time
	// Bare says that it is protected and no SA stands: nothing could pass, whatever is made anew.
	Bare bool
}

// Action is what to do now.
type Action struct {
	Resolve   bool // names of the far end
	Initiate  bool // what is not set up
	Ask       bool // whether the peer is there, outside of the SA: then it has lost that, which is to be ended
	Terminate bool // the SA first
	Rebuild   bool // session and tunnel
}

// Case is the history of one far end. The zero value has none.
type Case struct {
	// Tries are those since it answered last, Next the time of the next, zero while nothing is due.
	Tries int
	Next  time.Time

	path string
	last time.Time // of the last try
	clad int       // tries since an SA stands
}

// Look takes note of how a far end does and returns what to do. It is to be called after every change, and when Next has come.
func (c *Case) Look(e End, now time.Time) Action {
	was := c.path
	c.path = e.Path
	switch {
	case (plan.Verdict{State: e.State}).Carries():
		c.Tries, c.clad, c.Next = 0, 0, time.Time{}
		return Action{}
	case e.Path == "":
		c.Next = time.Time{}
		return Action{}
	case e.Path != was:
		c.Tries, c.clad, c.Next, c.last = 0, 0, now.Add(First), now
		return Action{Resolve: true, Initiate: true} // the far end may know nothing of this way, so an end that waits calls too
	case e.State != "down" && c.Tries == 0:
		c.Next = time.Time{} // not judged yet
		return Action{}
	case now.Before(c.Next):
		return Action{}
	case e.LastGood.After(c.last) && c.Tries > 0:
		c.Next = e.LastGood.Add(Settle) // it is coming back
		if c.Next.After(now) {
			return Action{}
		}
	case !e.Secured.IsZero() && c.Tries > 0 && now.Sub(e.Secured) < Settle:
		c.Next = e.Secured.Add(Settle)
		return Action{}
	}
	c.Tries++
	c.Next, c.last = now.Add(Wait(c.Tries)), now
	if c.clad++; e.Bare {
		c.clad = 0
	}
	old := e.Initiates && !e.Secured.IsZero() && now.Sub(e.Secured) >= Settle
	return Action{
		// One that has never answered may know no loopback messages, and carry frames all the same.
		Resolve: true, Initiate: e.Initiates, Rebuild: c.clad >= rebuildsAt && !e.LastGood.IsZero(),
		Ask: old && c.Tries >= asksAt && c.Tries < endsAt, Terminate: old && c.Tries >= endsAt,
	}
}

// Wait is the pause after the n-th try, n from 1.
func Wait(n int) time.Duration {
	if n > 6 {
		return Most
	}
	return min(First<<(n-1), Most)
}
