package order

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBy holds that By sorts as slices.SortStableFunc does.
func TestBy(t *testing.T) {
	type pair struct{ key, tag int }
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 100 {
		s := make([]pair, n)
		for i := range s {
			s[i] = pair{r.IntN(10), i}
		}
		want := slices.Clone(s)
		compare := func(a, b pair) int { return a.key - b.key }
		slices.SortStableFunc(want, compare)
		By(s, compare)
		if !slices.Equal(s, want) {
			t.Fatalf("By gives %v, want %v", s, want)
		}
	}
}

func TestKeys(t *testing.T) {
	if got := Keys(map[string]int{"b": 1, "a": 2, "c": 3}); !slices.Equal(got, []string{"a", "b", "c"}) {
		t.Error(got)
	}
	if got := Keys[int](nil); len(got) != 0 {
		t.Error(got)
	}
}

func TestFirst(t *testing.T) {
	s := []int{3, 5, 8, 5}
	if got := First(len(s), func(i int) bool { return s[i] == 5 }); got != 1 {
		t.Errorf("first 5 is at %d", got)
	}
	if got := First(len(s), func(i int) bool { return s[i] == 4 }); got != -1 {
		t.Errorf("4 is at %d", got)
	}
	if !Any(len(s), func(i int) bool { return s[i] > 7 }) || Any(0, func(int) bool { return true }) {
		t.Error("Any")
	}
}
