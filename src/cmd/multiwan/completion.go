package main

import (
	"fmt"
	"io"
	"strings"
)

func completionCommand() *command {
	return &command{
		name: "completion", args: "[bash]", summary: "print a completion script for bash",
		help: "Prints a script that completes commands, options, files and, where a daemon runs, the names of WANs:\n" +
			"  multiwan completion > /etc/bash_completion.d/multiwan\n" +
			"The ash of BusyBox cannot complete words by script.",
		words: []string{"bash"},
		run: func(c *call) error {
			if len(c.args) > 1 || len(c.args) == 1 && c.args[0] != "bash" {
				return badUsage("want bash")
			}
			return writeCompletion(c.stdout)
		},
	}
}

// writeCompletion writes the script, from the same tables as the help.
func writeCompletion(w io.Writer) error {
	var names []string
	var cases strings.Builder
	for _, c := range commands() {
		names = append(names, c.name)
		var options []string
		for _, o := range c.options(new(call)).sorted() {
			options = append(options, dashes(o.name)+o.name)
		}
		var words []string
		files, wans, sites := "", "", ""
		for _, word := range c.words {
			switch word {
			case "FILE":
				files = "; _multiwan_files=1"
			case "WAN":
				wans = "; _multiwan_wans=1"
			case "SITE":
				sites = "; _multiwan_sites=1"
			default:
				words = append(words, word)
			}
		}
		fmt.Fprintf(&cases, "\t%s) words='%s'; options='%s'%s%s%s ;;\n", c.name, strings.Join(words, " "), strings.Join(options, " "), files, wans, sites)
	}
	_, err := fmt.Fprintf(w, completionScript, strings.Join(names, " "), cases.String())
	return err
}

// dashes returns the dashes that an option is commonly written with; parse takes either.
func dashes(name string) string {
	if len(name) == 1 {
		return "-"
	}
	return "--"
}

const completionScript = `# bash completion of multiwan; made by "multiwan completion"
_multiwan() {
	local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words= options=
	local _multiwan_files= _multiwan_wans= _multiwan_sites=
	case $before in
	--config|--socket|--vici|--swanctl) COMPREPLY=($(compgen -f -- "$current")); return ;;
	--ubus) COMPREPLY=($(compgen -W 'auto off' -- "$current")); return ;;
	esac
	if [ "$COMP_CWORD" -eq 1 ]; then
		COMPREPLY=($(compgen -W '%s --version --help' -- "$current"))
		return
	fi
	case ${COMP_WORDS[1]} in
%s	esac
	if [ "${current#-}" != "$current" ]; then
		COMPREPLY=($(compgen -W "$options" -- "$current"))
		return
	fi
	if [ -n "$_multiwan_wans" ]; then
		words="$words $(multiwan metrics 2>/dev/null | sed -n 's/^multiwan_interface_up{.*interface="\([^"]*\)".*/\1/p' | sort -u)"
	fi
	if [ -n "$_multiwan_sites" ]; then
		words="$words $(multiwan metrics 2>/dev/null | sed -n 's/^multiwan_[a-z_]*{\(pseudowire\|ipsec\|bond\)="\([^"]*\)".*/\2/p' | sort -u)"
	fi
	COMPREPLY=($(compgen -W "$words" -- "$current"))
	if [ -n "$_multiwan_files" ]; then
		COMPREPLY+=($(compgen -f -- "$current"))
	fi
}
complete -F _multiwan multiwan
`
