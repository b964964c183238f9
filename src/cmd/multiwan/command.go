package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"multiwan/src/control"
)

// Exit codes.
const (
	exitOK         = 0
	exitFailed     = 1 // did not work, or errors were found
	exitUsage      = 2
	exitNotRunning = 3
	exitDenied     = 4
)

// errFound says that what was to be said has been said, and that it was no good news.
var errFound = errors.New("errors found")

// usageError is a wrong use of a command.
type usageError struct{ text string }

func (e usageError) Error() string { return e.text }

func badUsage(format string, args ...any) error { return usageError{fmt.Sprintf(format, args...)} }

// command is one word of the command line.
type command struct {
	name string
	// args are its arguments for the usage line, summary one line for the list, help more about it.
	args, summary, help string
	// words are what completion offers for the arguments: "FILE", "WAN", "SITE" (what joins sites) or fixed words.
	words []string
	flags func(*options)
	run   func(*call) error
}

// call is one use of a command.
type call struct {
	ctx            context.Context
	args           []string
	stdout, stderr io.Writer
	config, socket string
	ubus           string // auto, off or a path
}

// options returns the command's own with those that all commands share.
func (c *command) options(in *call) options {
	var o options
	o.text(&in.config, "config", "/etc/config/multiwan", "configuration `file`")
	o.text(&in.socket, "socket", control.DefaultPath, "control socket, its `path`")
	in.ubus = "auto"
	o = append(o, option{name: "ubus", help: "use of OpenWrt's ubus: auto, off, or the `path` of ubusd's socket (default auto)", set: func(v string) error {
		in.ubus = v
		return busMode(v)
	}})
	if c.flags != nil {
		c.flags(&o)
	}
	return o
}

// execute parses the arguments, runs the command and returns the exit code.
func (c *command) execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	in := &call{ctx: ctx, stdout: stdout, stderr: stderr}
	o := c.options(in)
	rest, err := o.parse(args)
	if errors.Is(err, errHelp) {
		fmt.Fprintf(stdout, "usage: %s\n\n%s\n\n", c.usageLine(), c.help)
		o.describe(stdout)
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "multiwan %s: %v; see `multiwan %s -h`\n", c.name, err, c.name)
		return exitUsage
	}
	in.args = rest
	err = c.run(in)
	if err != nil && !errors.Is(err, errFound) {
		fmt.Fprintf(stderr, "multiwan %s: %v\n", c.name, err)
	}
	return exitCode(err)
}

func (c *command) usageLine() string {
	return strings.TrimSpace("multiwan " + c.name + " [OPTIONS] " + c.args)
}

func exitCode(err error) int {
	var use usageError
	var refused *control.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &use):
		return exitUsage
	case errors.Is(err, control.ErrNotRunning):
		return exitNotRunning
	case errors.Is(err, fs.ErrPermission):
		return exitDenied
	case errors.As(err, &refused):
		switch refused.Code {
		case control.Usage, control.NotFound:
			return exitUsage
		case control.Denied:
			return exitDenied
		}
	}
	return exitFailed
}

// want checks the number of arguments.
func (c *call) want(least, most int, words string) error {
	if len(c.args) < least || len(c.args) > most {
		if words == "" {
			words = "no arguments"
		}
		return badUsage("want %s", words)
	}
	return nil
}

// terminal says whether w is one: only there are colours and screens written.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb" && os.Getenv("NO_COLOR") == ""
}
