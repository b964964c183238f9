// Command multiwan is the daemon and its command line: one file a command.
package main
