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
		By(s, func(i, j int) int { return compare(s[i], s[j]) })
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

func TestJoinAndWithout(t *testing.T) {
	a, b := make([]int, 1, 4), []int{1, 2}
	j := Join(a, b, nil)
	if !slices.Equal(j, []int{0, 1, 2}) || Join[int](nil, nil) != nil {
		t.Error(j)
	}
	if even := Without(j, func(n int) bool { return n%2 == 1 }); !slices.Equal(even, []int{0, 2}) {
		t.Error(even)
	}
	if j[1] = 7; a[:2][1] != 0 || b[0] != 1 || !slices.Equal(j, []int{0, 7, 2}) {
		t.Error("the lists are not left alone")
	}
}

func TestFresh(t *testing.T) {
	fresh := Fresh()
	var got []bool
	for _, v := range []any{"a", "b", "a", 1, 1, [2]int{1, 2}, [2]int{1, 2}, [2]int{2, 1}} {
		got = append(got, fresh(v))
	}
	if want := []bool{true, true, false, true, false, true, false, true}; !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}
