package link

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/tests/lab"
)

// TestScale observes a thousand devices of ours, half of them ports of a bridge, and changes all of them.
func TestScale(t *testing.T) {
	lab.Need(t, lab.Bridge)
	const pairs = 500
	h, c := router(t)
	var batch strings.Builder
	batch.WriteString("link add name br0 type bridge\n")
	for i := range pairs {
		fmt.Fprintf(&batch, "link add name v%d type veth peer name u%d\nlink set dev v%d master br0 alias multiwan:v%d\nlink set dev u%d alias multiwan:u%d\n", i, i, i, i, i, i)
	}
	if _, err := h.Exec(batch.String(), "ip", "-batch", "-"); err != nil {
		t.Fatal(err)
	}
	best := time.Hour
	for range 3 {
		start := time.Now()
		st := observe(t, c)
		best = min(best, time.Since(start))
		if len(st.Links) != 2*pairs || len(st.Ports) != pairs || len(st.Devices) != 2*pairs+1 {
			t.Fatalf("observed %d links, %d ports, %d devices", len(st.Links), len(st.Ports), len(st.Devices))
		}
	}
	start := time.Now()
	for i := range pairs {
		must(t, c.SetLink(kstate.Link{Name: fmt.Sprintf("v%d", i), Kind: kstate.KindVeth, Peer: fmt.Sprintf("u%d", i), MTU: 1412, Alias: fmt.Sprintf("multiwan:v%d", i)}))
	}
	t.Logf("%d devices: observed in %v, changed in %v each", 2*pairs, best, time.Since(start)/pairs)
	if best > 300*time.Millisecond {
		t.Errorf("observed in %v", best)
	}
}
