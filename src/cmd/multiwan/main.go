package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"multiwan/src/core/order"
)

// version is set when the program is linked (-ldflags "-X main.version=1.2.3").
var version = "0.1.0-dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// commands returns all commands, in the order of the help.
func commands() []*command {
	return []*command{
		runCommand(), checkCommand(), planCommand(), statusCommand(), historyCommand(), explainCommand(), probeCommand(),
		upCommand(), downCommand(), reloadCommand(), stopCommand(), metricsCommand(), peerCommand(), importCommand(), uciCommand(),
		completionCommand(), versionCommand(),
	}
}

// run carries out a command line and returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		usage(stderr)
		return exitUsage
	}
	switch args[0] {
	case "-h", "-help", "--help", "help":
		usage(stdout)
		return exitOK
	case "-v", "-version", "--version":
		args[0] = "version"
	}
	all := commands()
	i := order.First(len(all), func(i int) bool { return all[i].name == args[0] })
	if i < 0 {
		fmt.Fprintf(stderr, "multiwan: unknown command %q; `multiwan help` lists them\n", args[0])
		return exitUsage
	}
	return all[i].execute(ctx, args[1:], stdout, stderr)
}

func usage(w io.Writer) {
	fmt.Fprint(w, "multiwan steers traffic over several WANs.\n\nusage: multiwan COMMAND [OPTIONS] [ARGUMENTS]\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-11s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, "\n`multiwan COMMAND -h` describes a command. Exit codes: 0 done, 1 failed or errors found, 2 wrong usage,\n"+
		"3 the daemon does not run, 4 permission denied.\n")
}
