package main

import (
	"errors"
	"flag"
	"io"
	"slices"
	"strings"
	"testing"
)

// TestOptionsAsFlag holds that options are taken and described as package flag does.
func TestOptionsAsFlag(t *testing.T) {
	type values struct {
		json bool
		last int
		name string
	}
	for _, line := range []string{
		"", "a", "-json", "--json", "-json=false", "-json=maybe", "-json a", "-last 3", "--last=0x10", "-last", "-last x", "-last=", "-name x", "--name=a=b",
		"-name -json", "-", "--", "-- -json", "---json", "-x", "-=x", "-h", "--help",
	} {
		args := strings.Fields(line)
		var want, got values
		fs := flag.NewFlagSet("", flag.ContinueOnError)
		fs.SetOutput(io.Discard)
		fs.BoolVar(&want.json, "json", false, "print `it`")
		fs.IntVar(&want.last, "last", 20, "the last `n`")
		fs.StringVar(&want.name, "name", "", "a name")
		var o options
		o.text(&got.name, "name", "", "a name")
		o.flag(&got.json, "json", "print `it`")
		o.number(&got.last, "last", 20, "the last `n`")

		wantErr := fs.Parse(args)
		rest, err := o.parse(args)
		if (err == nil) != (wantErr == nil) || errors.Is(err, errHelp) != errors.Is(wantErr, flag.ErrHelp) {
			t.Errorf("%q: %v, flag says %v", line, err, wantErr)
			continue
		}
		if err == nil && (got != want || !slices.Equal(rest, fs.Args())) {
			t.Errorf("%q: %+v %q, flag gives %+v %q", line, got, rest, want, fs.Args())
		}
	}
}

func TestOptionsAmongArguments(t *testing.T) {
	var o options
	var last int
	var short bool
	o.number(&last, "last", 20, "")
	o.flag(&short, "short", "")
	rest, err := o.parse(strings.Fields("wan -last 3 lan -short -- -x"))
	if want := []string{"wan", "lan", "-x"}; err != nil || !slices.Equal(rest, want) || last != 3 || !short {
		t.Errorf("%q, last %d, short %v, %v", rest, last, short, err)
	}
}

func TestOptionsDescribed(t *testing.T) {
	var want, got strings.Builder
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(&want)
	fs.Bool("json", false, "print JSON")
	fs.Int("last", 20, "the last `n`, 0: all")
	fs.Int("port", 0, "source `port`")
	fs.String("config", "/etc/x", "configuration `file`")
	fs.PrintDefaults()
	var o options
	var s string
	var n int
	var b bool
	o.flag(&b, "json", "print JSON")
	o.number(&n, "last", 20, "the last `n`, 0: all")
	o.number(&n, "port", 0, "source `port`")
	o.text(&s, "config", "/etc/x", "configuration `file`")
	o.describe(&got)
	if got.String() != want.String() {
		t.Errorf("got\n%s\nflag writes\n%s", got.String(), want.String())
	}
}
