package tend

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var epoch = time.Unix(1e9, 0)

func at(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * float64(time.Second))) }

// run looks whenever something is due, at most until the end, and returns the tries in seconds.
func run(c *Case, e End, from, until float64, took func(Action, time.Time)) (tries []float64) {
	for now := at(from); !now.After(at(until)); {
		if a := c.Look(e, now); a != (Action{}) {
			tries = append(tries, now.Sub(epoch).Seconds())
			took(a, now)
		}
		if c.Next.IsZero() {
			return tries
		}
		now = c.Next
	}
	return tries
}

// TestBackOff: a far end that stays silent is called after 1, 2, 4 … 60 s, it is asked for outside of its SA from the second try on, its
// tunnel is made anew from the fifth, and its SA is ended from the eighth.
func TestBackOff(t *testing.T) {
	c := Case{path: "wan"}
	var ends, rebuilds, asks []int
	tries := run(&c, End{State: "down", LastGood: at(-200), Path: "wan", Initiates: true, Secured: at(-100)}, 0, 250, func(a Action, _ time.Time) {
		if a.Terminate {
			ends = append(ends, c.Tries)
		}
		if a.Ask {
			asks = append(asks, c.Tries)
		}
		if a.Rebuild {
			rebuilds = append(rebuilds, c.Tries)
		}
		if !a.Resolve || !a.Initiate {
			t.Errorf("try %d: %+v", c.Tries, a)
		}
	})
	if d := cmp.Diff([]float64{0, 1, 3, 7, 15, 31, 63, 123, 183, 243}, tries); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([][]int{{2, 3, 4, 5, 6, 7}, {5, 6, 7, 8, 9, 10}, {8, 9, 10}}, [][]int{asks, rebuilds, ends}); d != "" {
		t.Error(d)
	}
}

func TestLook(t *testing.T) {
	down := End{State: "down", LastGood: at(-200), Path: "wan", Initiates: true}
	tried := Case{path: "wan", Tries: 4, Next: at(8), last: at(0), clad: 4}
	with := func(f func(*End)) End { e := down; f(&e); return e }
	for name, tc := range map[string]struct {
		c     Case
		e     End
		want  Action
		tries int
		next  time.Time
	}{
		"first way":     {Case{}, with(func(e *End) { e.State = "waiting" }), Action{Resolve: true, Initiate: true}, 0, at(11)},
		"not judged":    {Case{path: "wan"}, with(func(e *End) { e.State = "waiting" }), Action{}, 0, time.Time{}},
		"made anew":     {tried, with(func(e *End) { e.State = "waiting" }), Action{Resolve: true, Initiate: true, Rebuild: true}, 5, at(26)},
		"recovered":     {tried, with(func(e *End) { e.State = "up" }), Action{}, 0, time.Time{}},
		"suspect":       {tried, with(func(e *End) { e.State = "suspect" }), Action{}, 0, time.Time{}},
		"too early":     {Case{path: "wan", Tries: 4, Next: at(12)}, down, Action{}, 4, at(12)},
		"no way":        {tried, with(func(e *End) { e.Path = "" }), Action{}, 4, time.Time{}},
		"way is back":   {Case{Tries: 9, Next: at(50)}, down, Action{Resolve: true, Initiate: true}, 0, at(11)},
		"and we wait":   {Case{Tries: 9, Next: at(50)}, with(func(e *End) { e.Initiates = false }), Action{Resolve: true, Initiate: true}, 0, at(11)},
		"another way":   {tried, with(func(e *End) { e.Path = "wanb" }), Action{Resolve: true, Initiate: true}, 0, at(11)},
		"coming back":   {tried, with(func(e *End) { e.LastGood = at(9) }), Action{}, 4, at(19)},
		"fresh SA":      {tried, with(func(e *End) { e.Secured = at(9) }), Action{}, 4, at(19)},
		"old SA":        {tried, with(func(e *End) { e.Secured = at(-9) }), Action{Resolve: true, Initiate: true, Ask: true, Rebuild: true}, 5, at(26)},
		"in clear":      {tried, with(func(e *End) { e.Initiates = false }), Action{Resolve: true, Rebuild: true}, 5, at(26)},
		"never there":   {tried, with(func(e *End) { e.LastGood = time.Time{} }), Action{Resolve: true, Initiate: true}, 5, at(26)},
		"no SA":         {tried, with(func(e *End) { e.Bare = true }), Action{Resolve: true, Initiate: true}, 5, at(26)},
		"first try, SA": {Case{path: "wan"}, with(func(e *End) { e.Secured = at(-9) }), Action{Resolve: true, Initiate: true}, 1, at(11)},
	} {
		c := tc.c
		if got := c.Look(tc.e, at(10)); got != tc.want || c.Tries != tc.tries || !c.Next.Equal(tc.next) {
			t.Errorf("%s: %+v, %d tries, next %s", name, got, c.Tries, c.Next.Sub(epoch))
		}
	}
}

// TestThousandFlaps: a far end that comes and goes is called once a loss, never twice within a second.
func TestThousandFlaps(t *testing.T) {
	c := Case{path: "wan"}
	var times []time.Time
	for i := range 1000 {
		now := at(float64(i) * 0.5)
		state := []string{"down", "up"}[i%2]
		if a := c.Look(End{State: state, Path: "wan"}, now); a != (Action{}) {
			times = append(times, now)
		}
	}
	if len(times) != 500 || slices.ContainsFunc(times, func(at time.Time) bool { return c.Tries > 1 }) {
		t.Errorf("%d calls, %d tries", len(times), c.Tries)
	}
}
