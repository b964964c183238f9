package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// event is what `go test -json` prints, as far as we read it (cmd/test2json).
type event struct {
	Action  string  `json:",omitempty"`
	Package string  `json:",omitempty"`
	Test    string  `json:",omitempty"`
	Elapsed float64 `json:",omitempty"` // seconds
	Output  string  `json:",omitempty"`

	// Of a package that does not build: its name in the compiler's output, and
	// in the package's result.
	ImportPath  string `json:",omitempty"`
	FailedBuild string `json:",omitempty"`
}

// checkPackage is the package under which a stage as a whole is counted.
const checkPackage = "stage"

// stage runs a command and writes its events, and one for the stage itself, to
// a file. It fails only where the results cannot be written.
func stage(dir, name string, events bool, command []string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, name+".json"))
	if err != nil {
		return err
	}
	defer file.Close()
	fmt.Printf("== %s: %s\n", name, strings.Join(command, " "))
	begin := time.Now()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	result := event{Action: "pass", Package: checkPackage, Test: name}
	var failed bool
	if err := cmd.Start(); err != nil {
		fmt.Println(err)
		result.Action, result.Output = "fail", err.Error()
	} else {
		var last []string
		failed, last = copyEvents(file, out, events)
		if err := cmd.Wait(); err != nil {
			result.Action = "fail"
			result.Output = strings.Join(append(last, err.Error()), "")
		}
	}
	result.Elapsed = time.Since(begin).Seconds()
	fmt.Printf("== %s: %s, %.0f s\n", name, result.Action, result.Elapsed)
	// The tests that failed are counted; the stage counts where none of them
	// did, or where it has no tests.
	if events && failed {
		return nil
	}
	return json.NewEncoder(file).Encode(result)
}

// copyEvents keeps the events of a command and shows how packages and failed
// tests end, or passes plain text on, of which it returns the last lines. It
// reports whether a test failed.
func copyEvents(to io.Writer, from io.Reader, events bool) (failed bool, last []string) {
	enc := json.NewEncoder(to)
	output := map[string][]string{} // of running tests
	for r := bufio.NewReader(from); ; {
		line, err := r.ReadString('\n')
		var e event
		switch {
		case line == "":
		case !events || json.Unmarshal([]byte(line), &e) != nil:
			fmt.Print(line)
			last = append(last, line)
			last = last[max(0, len(last)-evidenceLines):]
		default:
			enc.Encode(e)
			failed = failed || e.Action == "fail"
			show(e, output)
		}
		if err != nil {
			return failed, last
		}
	}
}

// show prints a package's result line at once and a test's output when it
// failed.
func show(e event, output map[string][]string) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		fmt.Print(e.Output)
	case "output":
		output[key] = append(output[key], e.Output)
	case "fail":
		fmt.Print(strings.Join(output[key], ""))
		delete(output, key)
	case "pass", "skip":
		if e.Test == "" {
			fmt.Printf("%-4s %s %.1fs\n", e.Action, e.Package, e.Elapsed)
		}
		delete(output, key)
	}
}
