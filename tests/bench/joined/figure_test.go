package joined

import (
	"fmt"
	"strings"
)

// figure prints samples for the command bench to read.
func figure(what, unit, note string, samples ...float64) {
	text := make([]string, len(samples))
	for i, v := range samples {
		text[i] = fmt.Sprintf("%.4g", v)
	}
	fmt.Printf("figure|%s|%s|%s|%s\n", what, unit, strings.Join(text, " "), note)
}
