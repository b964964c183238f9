package overlay

import (
	"testing"

	"multiwan/src/core/plan"
)

// TestPlannedSwitch: what a WAN carries that was taken out of use by hand works, and is left all the same.
func TestPlannedSwitch(t *testing.T) {
	w := bondBackup()
	w.c.Pseudowires[1].Interface = "wanb"
	w.f.Verdicts["l2a"], w.f.Verdicts["l2b"] = plan.Verdict{State: "up"}, plan.Verdict{State: "up"}
	if x := Compute(w.c, w.f).Bonds[0]; x.Active != "l2a" {
		t.Fatalf("%s is active, %s", x.Active, x.ActiveWhy)
	}
	w.f.Disabled = map[string]bool{"wan": true}
	if x := Compute(w.c, w.f).Bonds[0]; x.Active != "l2b" || x.Members[0].Verdict != "disabled" {
		t.Errorf("%s is active, %s: %+v", x.Active, x.ActiveWhy, x.Members)
	}
	w.f.Disabled["wanb"] = true
	if x := Compute(w.c, w.f).Bonds[0]; !x.Members[0].In || !x.Members[1].In || x.Active == "" {
		t.Errorf("with both out of use the bond is %+v", x)
	}
}
