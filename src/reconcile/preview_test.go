package reconcile

import (
	"testing"

	"multiwan/src/core/diff"
)

// TestPreviewOfSites: what is to be made for joined sites comes with its reason, and nothing is made.
func TestPreviewOfSites(t *testing.T) {
	in(t, func(t *testing.T) {
		r, s := beside(t, preferred)
		defer r.kill()
		s.writes()
		ops, p, err := r.Preview(t.Context(), load(t, joinedSites))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, op := range ops {
			if op.Kind != diff.Overlay || op.Verb != diff.Add {
				continue
			}
			n++
			if p.Why[op.Key()] == "" {
				t.Errorf("%s: no reason", op)
			}
		}
		if made := s.writes(); n < 4 || len(made) != 0 {
			t.Errorf("%d things to make; made %q", n, made)
		}
	})
}
