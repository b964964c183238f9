package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"multiwan/tests/lab"
)

// joining are the features that part two needs.
func joining() []lab.Feature {
	return []lab.Feature{lab.L2TP, lab.ESP, lab.Bonding, lab.Bridge, lab.BridgeNft, lab.Netem, lab.Charon}
}

// What the machine prints around the drawing, which cannot leave it as a file.
const (
	drawingBegins = "demo-drawing-begins"
	drawingEnds   = "demo-drawing-ends"
)

// partTwo shows the sites on this kernel, or in a virtual machine where it lacks something.
func partTwo(svg string) error {
	for _, f := range joining() {
		if err := lab.Has(f); err != nil {
			fmt.Printf("This machine's kernel lacks %s: a virtual machine with Debian's runs it, which takes a minute. Times are the guest's.\n\n", f)
			return inMachine("^TestSites$", svg)
		}
	}
	return lab.Run("sites", func(tb lab.TB) {
		s := newSites(tb)
		s.run()
		drawn(tb, svg, s.drawing())
	})
}

// partThree shows two sites whose packets go by both lines at once, likewise.
func partThree() error {
	for _, f := range joining() {
		if err := lab.Has(f); err != nil {
			return inMachine("^TestCopied$", "")
		}
	}
	return lab.Run("hitless", func(tb lab.TB) { newHitless(tb).run() })
}

// inMachine runs a test there, which is the same show, and passes on what it prints.
func inMachine(test, svg string) error {
	c := exec.Command("go", "run", "./tests/vm", "run", "-test", test, "./tests/demo")
	var said strings.Builder // of the machine itself: of use where it fails
	c.Stderr = &said
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start the machine: %w", err)
	}
	drawing := passOn(os.Stdout, out)
	if err := c.Wait(); err != nil {
		return fmt.Errorf("run the machine: %w\n%s", err, said.String())
	}
	if svg == "" || drawing == "" {
		return nil
	}
	if err := save(svg, drawing); err != nil {
		return err
	}
	fmt.Printf("\nThe flows are drawn in %s\n", svg)
	return nil
}

// passOn copies what the show prints, without the words of the testing package, and returns the drawing in it.
func passOn(w io.Writer, r io.Reader) string {
	var drawing strings.Builder
	inside := false
	for lines := bufio.NewReader(r); ; {
		line, err := lines.ReadString('\n')
		switch text := strings.TrimSpace(line); {
		case text == drawingBegins || text == drawingEnds:
			inside = text == drawingBegins
		case inside:
			drawing.WriteString(line)
		case strings.HasPrefix(line, "=== RUN"), strings.HasPrefix(line, "--- PASS"), text == "PASS":
		default:
			io.WriteString(w, line)
		}
		if err != nil {
			return drawing.String()
		}
	}
}
