package config

// nearest returns the candidate that a mistyped name most likely means, empty where none is near: at most a third of its letters may
// be wrong, and two at least are granted to names of four letters or more. The first of equals wins.
func nearest(name string, candidates []string) string {
	best, least := "", 0
	for _, c := range candidates {
		d := distance(name, c)
		allowed := max(len(c)/3, min(len(c)/2, 2))
		if d <= allowed && (best == "" || d < least) {
			best, least = c, d
		}
	}
	return best
}

// distance counts the letters to insert, delete, replace or swap with their neighbour that turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last := make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
