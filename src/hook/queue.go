package hook

import "sync"

// queueLimit is how many events wait at most: a hook that hangs on each of them holds up the last by ten minutes, no memory is lost.
const queueLimit = 64

// queue holds events until the runner takes them. put never blocks.
type queue struct {
	mu      sync.Mutex
	events  []Event
	dropped int
	ready   chan struct{} // holds one token while events wait
}

func newQueue() *queue { return &queue{ready: make(chan struct{}, 1)} }

// put adds an event. One that repeats the last waiting event of its subject replaces it; in a full queue the oldest event that a later
// one overtook goes, or else the oldest.
func (q *queue) put(e Event) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i := len(q.events) - 1; i >= 0; i-- {
		if q.events[i].subject() != e.subject() {
			continue
		}
		if q.events[i].Action == e.Action {
			q.events[i] = e
			return
		}
		break
	}
	if len(q.events) == queueLimit {
		i := q.overtaken(e)
		q.events = append(q.events[:i], q.events[i+1:]...)
		q.dropped++
	}
	q.events = append(q.events, e)
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// overtaken returns the first waiting event that a later one, or next, makes old news.
func (q *queue) overtaken(next Event) int {
	for i, e := range q.events {
		if e.subject() == next.subject() {
			return i
		}
		for _, later := range q.events[i+1:] {
			if e.subject() == later.subject() {
				return i
			}
		}
	}
	return 0
}

// take removes the oldest event; false: none waits.
func (q *queue) take() (Event, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.events) == 0 {
		return Event{}, false
	}
	e := q.events[0]
	q.events = q.events[1:]
	return e, true
}

func (q *queue) lost() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}
