// Package config turns the text of /etc/config/multiwan into a Config that needs no further checks.
//
// Everything that is known of an option stands once, in the table that Sections returns: its kind, default, bounds and a sentence of
// help. Reading, defaults, validation, docs/configuration.md and the pages of LuCI all take it from there.
//
// Load is pure. It reports every error of a file at once, in file order, and still returns what is valid: a reload refuses a file with
// errors, a boot runs the rest.
package config
