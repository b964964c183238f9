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
	c.walk.Store(int64(400 * time.Microsecond))
	if !c.everywhere(ten) {
		t.Error("400 microseconds for ten tables are too slow")
	}
	c.walk.Store(int64(5 * time.Millisecond))
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
