package daemon

import "runtime/debug"

// memoryLimit is a ceiling against large dumps, in bytes.
const memoryLimit = 48 << 20

// boundMemory sets how much the heap may grow before it is collected. Routers have little memory, and with a few WANs the heap is about
// 2 MiB, so it is collected early rather than grown, but not within every pass, as at 20 per cent. With many WANs a pass allocates several times what lives, and collecting ten times
// within a fail-over of 60 WANs would make it three times as long; who has so many has the memory.
func boundMemory(wans int) {
	percent := 50
	if wans > 16 {
		percent = 200
	}
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(memoryLimit)
}
