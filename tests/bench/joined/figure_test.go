package joined

import (
	"fmt"
	"strings"
)

// figure prints samples for the command bench to read. Their median must hold the bound: "" is none, others are "<= N" and ">= N".
func figure(what, unit, bound, note string, samples ...float64) {
	text := make([]string, len(samples))
	for i, v := range samples {
		text[i] = fmt.Sprintf("%.4g", v)
	}
	fmt.Printf("figure|%s|%s|%s|%s|%s\n", what, unit, strings.Join(text, " "), bound, note)
}
