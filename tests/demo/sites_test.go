package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"multiwan/tests/lab"
)

// TestSites is part two of the demo, for the machine to run.
func TestSites(t *testing.T) {
	lab.Need(t, joining()...)
	s := newSites(t)
	s.run()
	if testing.Verbose() {
		fmt.Printf("%s\n%s%s\n", drawingBegins, s.drawing(), drawingEnds)
	}
}

// TestCopied is part three of the demo.
func TestCopied(t *testing.T) {
	lab.Need(t, joining()...)
	newHitless(t).run()
}

// TestPassOn: the drawing is taken out, the words of the testing package are left out.
func TestPassOn(t *testing.T) {
	in := "=== RUN   TestSites\nhello\n" + drawingBegins + "\n<svg>\n</svg>\n" + drawingEnds + "\n--- PASS: TestSites (1.00s)\nPASS\nlast"
	var out bytes.Buffer
	if got, want := passOn(&out, strings.NewReader(in)), "<svg>\n</svg>\n"; got != want {
		t.Errorf("drawing %q, want %q", got, want)
	}
	if got, want := out.String(), "hello\nlast"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}
