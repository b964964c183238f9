package daemon

import (
	"testing"
	"time"
)

// A queue that fills is not a longer way until it has stood for the whole window; a shorter way counts at once.
func TestFloors(t *testing.T) {
	var f floors
	for i := range floorOver - 1 {
		if got := f.add(20 * time.Millisecond); got != 20*time.Millisecond {
			t.Fatalf("look %d: %v", i, got)
		}
	}
	for i := range floorOver {
		want := 20 * time.Millisecond
		if i == floorOver-1 {
			want = 90 * time.Millisecond
		}
		if got := f.add(90 * time.Millisecond); got != want {
			t.Fatalf("look %d with a queue: %v, want %v", i, got, want)
		}
	}
	if got := f.add(0); got != 90*time.Millisecond {
		t.Errorf("a look without an answer: %v", got)
	}
	if got := f.add(10 * time.Millisecond); got != 10*time.Millisecond {
		t.Errorf("a shorter way: %v", got)
	}
	var none floors
	if got := none.add(0); got != 0 {
		t.Errorf("nothing known: %v", got)
	}
}
