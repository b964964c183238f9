package reconcile

import (
	"cmp"
	"time"

	"multiwan/src/core/order"
)

// Bounds of the time between two tries of an operation that fails.
const (
	retryFirst = time.Second
	retryMost  = 60 * time.Second
	// missingAgain is how often it is looked whether a missing kernel module is there.
	missingAgain = 10 * time.Second
)

// Problem is an object that could not be brought to where it should be.
type Problem struct {
	_ order.Incomparable

	Object string // the object's key
	Op     string // the last operation, as a command
	Error  string // the kernel's words
	Since  time.Time
	Tries  int
	Next   time.Time // of the next try
}

// backoff is the doubling wait before the n-th next try, n from 1.
func backoff(n int) time.Duration {
	if n > 6 {
		return retryMost
	}
	return min(retryFirst<<(n-1), retryMost)
}

// retries remembers, by object, what failed.
type retries map[string]*Problem

// failed notes a failure.
func (r retries) failed(key, op string, err error, now time.Time) {
	p := r[key]
	if p == nil {
		p = &Problem{Object: key, Since: now}
		r[key] = p
	}
	p.Tries++
	p.Op, p.Error, p.Next = op, err.Error(), now.Add(backoff(p.Tries))
}

// wait says whether an object's next try lies ahead.
func (r retries) wait(key string, now time.Time) bool {
	p := r[key]
	return p != nil && p.Next.After(now)
}

// hurry makes everything due: what it failed for may have changed. The count stays, so that a change does not hide a lasting fault.
func (r retries) hurry(now time.Time) {
	for _, p := range r {
		p.Next = now
	}
}

// keep forgets every object that no operation named in this pass: it is where it should be, or not wanted any more.
func (r retries) keep(named map[string]bool) {
	for k := range r {
		if !named[k] {
			delete(r, k)
		}
	}
}

// next returns the earliest of the next tries, the zero time if there is none.
func (r retries) next() time.Time {
	var t time.Time
	for _, p := range r {
		t = earlier(t, p.Next)
	}
	return t
}

// list returns the problems by object.
func (r retries) list() []Problem {
	out := make([]Problem, 0, len(r))
	for _, p := range r {
		out = append(out, *p)
	}
	order.By(out, func(i, j int) int { return cmp.Compare(out[i].Object, out[j].Object) })
	return out
}

// earlier returns the earlier of two times, of which the zero time is none.
func earlier(a, b time.Time) time.Time {
	switch {
	case a.IsZero():
		return b
	case b.IsZero() || a.Before(b):
		return a
	}
	return b
}
