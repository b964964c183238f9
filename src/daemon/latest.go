package daemon

import (
	"sync"

	"multiwan/src/reconcile"
)

// latest hands the outcome of the last pass over to a task that may be busy: what it did not come to is skipped.
type latest struct {
	news chan struct{}

	mu   sync.Mutex
	last *reconcile.Snapshot
}

func newLatest() latest { return latest{news: make(chan struct{}, 1)} }

// offer gives the outcome of a pass; it never blocks.
func (l *latest) offer(s reconcile.Snapshot) {
	if s.Err != nil {
		return
	}
	l.mu.Lock()
	l.last = &s
	l.mu.Unlock()
	l.wake()
}

func (l *latest) wake() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// get returns the last outcome, nil before the first.
func (l *latest) get() *reconcile.Snapshot {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}
