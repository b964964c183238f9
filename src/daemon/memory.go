package daemon

import (
	"runtime/debug"

	"multiwan/src/core/config"
)

// memoryLimit is a ceiling against large dumps, in bytes, and memoryEach what each line and each pseudowire adds to it: a thousand pseudowires live in
// 40 MiB and more, and a heap beyond its limit is collected without a pause, which made each pass of theirs take many seconds.
const (
	memoryLimit = 48 << 20
	memoryEach  = 64 << 10
)

// boundMemory sets how much the heap may grow before it is collected. Routers have little memory, and with a few WANs the heap is about
// 2 MiB, so it is collected early rather than grown, but not within every pass, as at 20 per cent. With many WANs a pass allocates several times what lives, and collecting ten times
// within a fail-over of 60 WANs would make it three times as long; who has so many has the memory.
func boundMemory(c *config.Config) {
	lines, percent := len(c.Interfaces)+len(c.Pseudowires), 50
	if lines > 16 {
		percent = 200
	}
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(memoryLimit + memoryEach*int64(lines))
}
