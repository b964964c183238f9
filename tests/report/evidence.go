package main

import (
	"regexp"
	"strings"
)

// evidenceLines is how many lines of a failure the summary repeats.
const evidenceLines = 15

const (
	evidenceMore  = 3   // lines that continue one message
	evidenceWidth = 300 // bytes of a line
)

// said begins what a test says by Error, Fatal or Log; `go test` does not tell
// which of them it was.
var said = regexp.MustCompile(`^\s+\S+\.go:\d+: `)

// assertions are the lines of a failed test's output that can be the reason, the
// last ones of them: messages with the file and line that said them, with the
// beginning of what continues them, and panics. Without any, the last lines.
func assertions(output []string) []string {
	var lines, all []string
	more := 0
	for _, line := range strings.Split(strings.TrimRight(strings.Join(output, ""), "\n"), "\n") {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- ") {
			more = 0
			continue
		}
		all = append(all, clip(text))
		switch {
		case strings.HasSuffix(text, ": log of the daemon:"): // shown above, and long
			more = 0
		case said.MatchString(line), strings.HasPrefix(text, "panic: "):
			lines = append(lines, clip(text))
			more = evidenceMore
		case more > 0:
			lines = append(lines, "    "+clip(text))
			more--
		}
	}
	if len(lines) == 0 {
		lines = all
	}
	return lines[max(0, len(lines)-evidenceLines):]
}

func clip(line string) string {
	if len(line) > evidenceWidth {
		return strings.ToValidUTF8(line[:evidenceWidth], "") + "…"
	}
	return line
}
