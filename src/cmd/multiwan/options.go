package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"multiwan/src/core/order"
)

// errHelp says that -h was among the arguments.
var errHelp = errors.New("help wanted")

// options are the ones that a command takes, written and described as those of package flag, which would take 32 KB of flash.
type options []option

// option is one of them. Its help has the word for its value in backquotes, its value's default stands behind it.
type option struct {
	name, help, standard string
	bare                 bool // needs no value
	set                  func(string) error
}

// flag adds one that is given or not.
func (o *options) flag(to *bool, name, help string) {
	*o = append(*o, option{name: name, help: help, bare: true, set: func(v string) (err error) {
		*to, err = strconv.ParseBool(v)
		return err
	}})
}

// text adds one whose value is any text.
func (o *options) text(to *string, name, standard, help string) {
	*to = standard
	shown := ""
	if standard != "" {
		shown = strconv.Quote(standard)
	}
	*o = append(*o, option{name: name, help: help, standard: shown, set: func(v string) error {
		*to = v
		return nil
	}})
}

// number adds one whose value is a number.
func (o *options) number(to *int, name string, standard int, help string) {
	*to = standard
	shown := ""
	if standard != 0 {
		shown = strconv.Itoa(standard)
	}
	*o = append(*o, option{name: name, help: help, standard: shown, set: func(v string) error {
		n, err := strconv.ParseInt(v, 0, strconv.IntSize)
		*to = int(n)
		return err
	}})
}

// parse sets the options that are before, between and behind arguments, which it returns; what follows "--" is an argument.
func (o options) parse(args []string) (rest []string, err error) {
	for len(args) > 0 {
		arg := args[0]
		args = args[1:]
		switch {
		case arg == "--":
			return append(rest, args...), nil
		case len(arg) < 2 || arg[0] != '-':
			rest = append(rest, arg)
		default:
			if args, err = o.take(arg, args); err != nil {
				return nil, err
			}
		}
	}
	return rest, nil
}

// take sets the option that arg names, one dash or two before it, by the value behind its equals sign or else by the next argument.
func (o options) take(arg string, args []string) (left []string, err error) {
	name, value, given := strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
	for _, x := range o {
		if x.name != name {
			continue
		}
		switch {
		case given:
		case x.bare:
			value = "true"
		case len(args) == 0:
			return nil, fmt.Errorf("option %s needs a value", arg)
		default:
			value, args = args[0], args[1:]
		}
		if err := x.set(value); err != nil {
			return nil, fmt.Errorf("option -%s: %q: %w", name, value, err)
		}
		return args, nil
	}
	if name == "h" || name == "help" {
		return nil, errHelp
	}
	return nil, fmt.Errorf("no option %s", arg)
}

// sorted returns them by name.
func (o options) sorted() options {
	order.By(o, func(i, j int) int { return strings.Compare(o[i].name, o[j].name) })
	return o
}

// describe writes two lines about each.
func (o options) describe(w io.Writer) {
	for _, x := range o.sorted() {
		help, standard := x.help, x.standard
		if standard != "" {
			standard = " (default " + standard + ")"
		}
		value := ""
		if before, rest, ok := strings.Cut(help, "`"); ok {
			word, after, _ := strings.Cut(rest, "`")
			value, help = " "+word, before+word+after
		}
		fmt.Fprintf(w, "  -%s%s\n    \t%s%s\n", x.name, value, help, standard)
	}
}
