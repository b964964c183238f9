package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
)

const usage = "usage: report [-dir DIR] stage [-json] NAME COMMAND… | again GO | summary | skipped"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	f := flag.NewFlagSet("report", flag.ContinueOnError)
	dir := f.String("dir", "build/results", "where the results of stages are kept")
	if err := f.Parse(args); err != nil {
		return err
	}
	if f.NArg() == 0 {
		return errors.New(usage)
	}
	switch rest := f.Args()[1:]; f.Arg(0) {
	case "stage":
		s := flag.NewFlagSet("stage", flag.ContinueOnError)
		events := s.Bool("json", false, "the command prints events as `go test -json` does")
		if err := s.Parse(rest); err != nil {
			return err
		}
		if s.NArg() < 2 {
			return errors.New(usage)
		}
		return stage(*dir, s.Arg(0), *events, s.Args()[1:])
	case "again":
		return runAgain(*dir, rest)
	case "summary":
		all, err := load(*dir)
		if err != nil {
			return err
		}
		return all.summary(os.Stdout)
	case "skipped":
		all, err := load(*dir)
		if err != nil {
			return err
		}
		all.printMissing(os.Stdout)
		return nil
	}
	return errors.New(usage)
}
