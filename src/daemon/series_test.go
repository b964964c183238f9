package daemon

import (
	"strings"
	"testing"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/json"
	"multiwan/src/core/kstate"
	"multiwan/src/probe"
)

// TestSeries: what is sampled of a daemon comes out of the call, with changes of state and what was taken down by hand.
func TestSeries(t *testing.T) {
	d, _ := bare(t, twoWANs)
	now := time.Unix(1790000000, 0)
	seen := d.seen(now)
	if len(seen) != 2 || seen["wan"].Forced {
		t.Fatalf("seen: %+v", seen)
	}
	up := seen["wan"]
	up.Health = map[kstate.Family]health.Snapshot{kstate.IPv4: {State: health.Up, RTT: 12 * time.Millisecond}}
	seen["wan"] = up
	d.series.add(now, seen)
	d.series.changed(probe.Update{WAN: "wan", Family: kstate.IPv4, Transitions: []health.Transition{
		{At: now.Add(time.Second), From: health.Up, To: health.Suspect}, {At: now.Add(2 * time.Second), From: health.Suspect, To: health.Down}}})
	d.forced.set("wan", time.Now(), time.Time{})
	if !d.seen(now)["wan"].Forced {
		t.Error("a WAN that was taken down by hand is not seen so")
	}
	p, err := d.callSeries(t.Context(), map[string]any{"interface": "wan"})
	if err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(p)
	want := `"interfaces":{"wan":{"ipv4":{"state":"u","rtt_ms":[12],"loss":[null],"changes":[[1790000000,"u"],[1790000002,"d"]]},"rx":[0],"tx":[0]}}}`
	if err != nil || !strings.HasSuffix(string(b), want) {
		t.Errorf("%s, %v; want …%s", b, err, want)
	}
}
