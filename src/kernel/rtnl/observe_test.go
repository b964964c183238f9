package rtnl

import (
	"testing"
	"time"
)

// TestEverywhere: all tables are looked at together until that was slow, one by one for a while then, and together again in the end.
func TestEverywhere(t *testing.T) {
	ten := Scope{Tables: make([]uint32, 10)}
	c := new(Conn)
	if !c.everywhere(ten) {
		t.Error("the first look is not at all tables at once")
	}
	for _, took := range []time.Duration{200 * time.Microsecond, 20 * time.Millisecond, 200 * time.Microsecond} {
		c.note(took)
		if !c.everywhere(ten) {
			t.Errorf("one by one after a single look of %v", took)
		}
	}
	for range 5 {
		c.note(5 * time.Millisecond)
	}
	if !c.everywhere(Scope{All: true}) {
		t.Error("not all tables where all are asked for")
	}
	looks := 0
	for ; !c.everywhere(ten) && looks < 10_000; looks++ {
	}
	if looks < 50 || looks > 500 {
		t.Errorf("5 ms are forgotten after %d looks", looks)
	}
}
