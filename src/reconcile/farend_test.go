package reconcile

import (
	"path/filepath"
	"testing"
	"time"

	"multiwan/src/core/plan"
)

// TestForgetFarEnds: a verdict that nobody keeps is gone from the next pass on, and after a restart too.
func TestForgetFarEnds(t *testing.T) {
	in(t, func(t *testing.T) {
		old, s := beside(t, joinedSites)
		for _, name := range []string{"pw", "removed"} {
			old.SetFarEnd(name, plan.Verdict{State: "up"}, "answers", time.Now())
		}
		settle()
		if all := old.last().FarEnds; all["pw"] != "answers" || all["removed"] != "answers" {
			t.Fatalf("verdicts %v", all)
		}
		old.ForgetFarEnds(map[string]bool{"pw": true, "removed": false})
		old.Kick("news")
		settle()
		if all := old.last().FarEnds; len(all) != 1 || all["pw"] != "answers" {
			t.Errorf("verdicts %v", all)
		}
		old.kill()
		r := resumed(t, s.kernel, filepath.Dir(old.ports.State), joinedSites)
		defer r.kill()
		settle()
		if all := r.last().FarEnds; len(all) != 1 || all["pw"] != "answers" {
			t.Errorf("verdicts after a restart %v", all)
		}
	})
}
