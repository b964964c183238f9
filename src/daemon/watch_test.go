package daemon

import (
	"testing"

	"multiwan/src/core/plan"
)

// TestWhoIsConcerned: what happens to a WAN's device takes routes away; what happens to another of the overlay is only looked at.
func TestWhoIsConcerned(t *testing.T) {
	d := &daemon{file: &file{}}
	d.lines = newLines(d)
	d.lines.listen(map[string]plan.WAN{"wan": {Device: "eth0", Index: 7}}, map[string]int{"eth0": 7, "br-lan": 9})
	for index, want := range map[int][2]bool{7: {true, true}, 9: {false, true}, 8: {}, 0: {}} {
		if got := [2]bool{d.lines.carries(index, ""), d.lines.concerns(index, "")}; got != want {
			t.Errorf("device %d: %v", index, got)
		}
	}
}
