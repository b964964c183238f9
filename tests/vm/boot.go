package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// bootCommand is the machine. Plain emulation with one processor and counted
// instructions (of amd64 500 MIPS): the guest's clock follows its instructions and jumps
// over idle time, so ten minutes of waiting cost seconds and results do not
// depend on the host's load.
func bootCommand(ctx context.Context, arch architecture, k kernel, initrd string) *exec.Cmd {
	args := append(slices.Clone(arch.qemu[1:]), "-accel", "tcg,thread=single", "-smp", "1",
		"-nodefaults", "-no-reboot", "-nographic", "-serial", "stdio", "-monitor", "none",
		"-kernel", k.image, "-initrd", initrd, "-append", arch.commandLine())
	return exec.CommandContext(ctx, arch.qemu[0], args...)
}

// boot runs the machine and prints the output of its tests. It returns the exit
// status of the tests and the seconds on the guest's clock.
func boot(o options, k kernel, initrd string, j job) (code int, guest float64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	qemu := bootCommand(ctx, o.arch, k, initrd)
	serial, err := qemu.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	qemu.Stderr = os.Stderr
	out, finish, err := testOutput(o, j.label(k))
	if err != nil {
		return 0, 0, err
	}
	if err := qemu.Start(); err != nil {
		return 0, 0, err
	}
	code, guest, before, err := readSerial(serial, out)
	werr := qemu.Wait()
	if ferr := finish(); err == nil {
		err = ferr
	}
	if ctx.Err() != nil {
		return 0, 0, fmt.Errorf("%w within %v of host time (-timeout)", errMachine, o.timeout)
	}
	if err != nil {
		return 0, 0, fmt.Errorf("%w (qemu: %v)\n%s", err, werr, before)
	}
	return code, guest, nil
}

// testOutput is where the output of the tests goes: to standard output, on
// request through the converter of the go tool, as those of PACKAGE@KERNEL or PACKAGE@KERNEL#PART.
func testOutput(o options, label string) (io.Writer, func() error, error) {
	if !o.json {
		return os.Stdout, func() error { return nil }, nil
	}
	c := exec.Command("go", "tool", "test2json", "-t", "-p", label)
	c.Stdout, c.Stderr = &wholeLines{to: os.Stdout}, os.Stderr
	w, err := c.StdinPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := c.Start(); err != nil {
		return nil, nil, err
	}
	return w, func() error { w.Close(); return c.Wait() }, nil
}

// wholeLines hands on whole lines, each in one write, so that those of two machines do not mix.
type wholeLines struct {
	to   io.Writer
	rest []byte
}

var printing sync.Mutex

func (w *wholeLines) Write(b []byte) (int, error) {
	w.rest = append(w.rest, b...)
	end := bytes.LastIndexByte(w.rest, '\n') + 1
	printing.Lock()
	defer printing.Unlock()
	_, err := w.to.Write(w.rest[:end])
	w.rest = append(w.rest[:0], w.rest[end:]...)
	return len(b), err
}

// readSerial copies what stands between the marks of the init script. What came
// before the first mark is returned for the case that it never came; kernel
// messages after it are part of the output.
func readSerial(r io.Reader, out io.Writer) (code int, guest float64, before string, err error) {
	var boot strings.Builder
	ready, ended := false, false
	lines := bufio.NewReader(r)
	for {
		line, rerr := lines.ReadString('\n')
		line = strings.ReplaceAll(line, "\r", "")
		var at float64
		switch {
		// The firmware and the kernel may leave something before a mark.
		case strings.Contains(line, "VM-READY "):
			ready = true
		case strings.Contains(line, "VM-EXIT "):
			mark := line[strings.Index(line, "VM-EXIT "):]
			if _, err := fmt.Sscanf(mark, "VM-EXIT %d %f", &code, &at); err != nil {
				return 0, 0, "", fmt.Errorf("read %q: %w", line, err)
			}
			guest, ended = at, true
		case !ready:
			boot.WriteString(line)
		case !ended:
			io.WriteString(out, line)
		}
		if rerr != nil {
			break
		}
	}
	if !ended {
		return 0, 0, boot.String(), errMachine
	}
	return code, guest, "", nil
}
