package status

import (
	"strings"
	"testing"
	"time"
	"unsafe"

	"multiwan/src/core/health"
	"multiwan/src/core/json"
	"multiwan/src/core/kstate"
)

// at is what a sample of one WAN over IPv4 is made of.
func at(state health.State, rtt time.Duration, loss float64, forced bool, bytes uint64) map[string]Seen {
	h := health.Snapshot{State: state, RTT: rtt, Loss: loss, Probes: []health.ProbeSnapshot{{Targets: []health.TargetSnapshot{{Sent: 1}}}}}
	return map[string]Seen{"wan": {Health: map[kstate.Family]health.Snapshot{kstate.IPv4: h, kstate.IPv6: {}}, Forced: forced, Index: 2,
		Bytes: &[2]uint64{bytes, 2 * bytes}}}
}

func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSeriesFine: samples, rates, changes, and what is taken down by hand, as graphs get them.
func TestSeriesFine(t *testing.T) {
	s, at0 := NewSeries(), time.Unix(1790000000, 0)
	step := func(n int, seen map[string]Seen) { s.Add(at0.Add(time.Duration(n)*SampleEvery), seen) }
	step(0, at(health.Waiting, 0, 0, false, 1000))
	s.Changed("wan", kstate.IPv4, at0.Add(3*time.Second), health.Up)
	step(1, at(health.Up, 12340*time.Microsecond, 0, false, 6000))
	s.Changed("nosuch", kstate.IPv4, at0, health.Down)
	step(2, at(health.Suspect, 10*time.Minute, 9.6, false, 7000))
	step(3, at(health.Up, 12*time.Millisecond, 10, true, 500)) // the device is another: its counter began anew
	s.Changed("wan", kstate.IPv4, at0.Add(16*time.Second), health.Down)
	step(4, at(health.Down, 0, 100, false, 500))
	want := `{"schema":1,"time":1790000020,"step":5,"interfaces":{"wan":{"ipv4":{"state":"wusxd","rtt_ms":[null,12.3,6553.5,12,null],` +
		`"loss":[0,0,10,10,100],"changes":[[1790000000,"w"],[1790000003,"u"],[1790000015,"x"],[1790000020,"d"]]},` +
		`"rx":[0,1000,200,0,0],"tx":[0,2000,400,0,0]}}}`
	if got := text(t, s.Plot(600, "")); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	want = `{"schema":1,"time":1790000020,"step":5,"interfaces":{"wan":{"ipv4":{"state":"xd","rtt_ms":[12,null],"loss":[10,100],` +
		`"changes":[[1790000000,"w"],[1790000003,"u"],[1790000015,"x"],[1790000020,"d"]]},"rx":[0,0],"tx":[0,0]}}}`
	if got := text(t, s.Plot(10, "wan")); got != want {
		t.Errorf("ten seconds: %s", got)
	}
	if got := text(t, s.Plot(10, "other")); !strings.HasSuffix(got, `"interfaces":{}}`) {
		t.Errorf("another WAN: %s", got)
	}
	s.Add(at0, nil)
	if len(s.wans) != 0 {
		t.Error("a WAN that is no more is kept")
	}
	if got := text(t, NewSeries().Plot(600, "")); got != `{"schema":1,"time":0,"step":5,"interfaces":{}}` {
		t.Errorf("before the first sample: %s", got)
	}
}

// TestSeriesNear: an answer in less than a tenth of a millisecond is no gap.
func TestSeriesNear(t *testing.T) {
	s := NewSeries()
	s.Add(time.Unix(1790000000, 0), at(health.Up, 40*time.Microsecond, 0, false, 0))
	if got := text(t, s.Plot(5, "")); !strings.Contains(got, `"rtt_ms":[0.1]`) {
		t.Error(got)
	}
}

// TestSeriesDay: five minutes are one sample with the worst state and means; a day takes the room that it has, and wraps.
func TestSeriesDay(t *testing.T) {
	s, now := NewSeries(), time.Unix(1790000000, 0)
	samples := 0
	add := func(n int, seen map[string]Seen) {
		for range n {
			s.Add(now, seen)
			now = now.Add(SampleEvery)
			samples++
		}
	}
	add(mergedFrom*(coarseLength+7), at(health.Up, 20*time.Millisecond, 0, false, 0))
	add(mergedFrom-6, at(health.Up, 10*time.Millisecond, 0, false, 0))
	add(6, at(health.Down, 0, 100, false, 0))
	add(13, at(health.Up, time.Millisecond, 0, false, 0)) // the five minutes that are not over
	p := s.Plot(86400, "wan")
	side := p.Interfaces["wan"].IPv4
	if p.Step != 300 || len(side.State) != coarseLength || !strings.HasSuffix(side.State, "uud") || strings.Count(side.State, "u") != coarseLength-1 {
		t.Errorf("step %d, states %s", p.Step, side.State)
	}
	if want := now.Add(-SampleEvery - 13*SampleEvery).Unix(); p.Time != want {
		t.Errorf("time %d, want %d", p.Time, want)
	}
	if !strings.HasSuffix(string(side.RTT), ",20,10]") || !strings.HasSuffix(string(side.Loss), ",0,10]") {
		t.Errorf("rtt %s, loss %s", side.RTT, side.Loss)
	}
	if got := s.Plot(3600, "wan"); len(got.Interfaces["wan"].IPv4.State) != 12 {
		t.Errorf("an hour: %s", got.Interfaces["wan"].IPv4.State)
	}
	for i := range changesKept + 9 {
		s.Changed("wan", kstate.IPv4, now, []health.State{health.Down, health.Up}[i%2])
	}
	if n := strings.Count(string(s.Plot(5, "wan").Interfaces["wan"].IPv4.Changes), `"`); n != 2*changesKept {
		t.Errorf("%d changes", n/2)
	}
}

// TestSeriesRoom holds what docs/ubus.md says of the memory.
func TestSeriesRoom(t *testing.T) {
	if n := unsafe.Sizeof(past{}); n > 7664 {
		t.Errorf("a WAN takes %d bytes", n)
	}
}
