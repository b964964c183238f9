package ipsec

import (
	"testing"
	"time"

	"multiwan/src/core/kstate"
)

// TestBothBegan: of two SAs that the ends set up at the same moment both keep that of the lower identity, and the other end takes its own
// away. One that the peer began long before, and may have forgotten, is no reason to give up a new one.
func TestBothBegan(t *testing.T) {
	at := time.Unix(1e9, 0)
	sa := func(id uint64, ours, low bool, ago time.Duration) SA {
		s := SA{ID: id, State: "ESTABLISHED", Initiator: ours, LocalID: "b", RemoteID: "a", Established: at.Add(-ago), Child: Child{State: "INSTALLED"}}
		if low {
			s.LocalID, s.RemoteID = "a", "b"
		}
		return s
	}
	for _, w := range []struct {
		name  string
		sas   []SA
		best  uint64
		leave time.Duration // of the other
	}{
		{"higher identity, ours first", []SA{sa(1, true, false, 0), sa(2, false, false, time.Second)}, 2, idle},
		{"higher identity, theirs first", []SA{sa(2, false, false, 0), sa(1, true, false, time.Second)}, 2, idle},
		{"lower identity, ours first", []SA{sa(1, true, true, 0), sa(2, false, true, 0)}, 1, forever},
		{"lower identity, theirs first", []SA{sa(2, false, true, 0), sa(1, true, true, 0)}, 2, forever},
		{"theirs is old", []SA{sa(1, true, false, 0), sa(2, false, false, time.Minute)}, 1, forever},
		{"theirs is newer by far", []SA{sa(2, false, true, 0), sa(1, true, true, time.Minute)}, 2, idle},
		{"both ours", []SA{sa(1, true, false, 0), sa(2, true, false, 0)}, 1, forever},
	} {
		p := &peer{sas: w.sas, conn: kstate.Conn{Initiate: true}}
		best := p.best()
		other := w.sas[0]
		if other.ID == best.ID {
			other = w.sas[1]
		}
		if best.ID != w.best || p.leave(other, *best) != w.leave {
			t.Errorf("%s: best is %d, the other is left for %v", w.name, best.ID, p.leave(other, *best))
		}
	}
}
