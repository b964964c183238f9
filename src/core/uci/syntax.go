package uci

import "fmt"

// SyntaxError says where and why a file is refused, in libuci's words.
type SyntaxError struct {
	// File is the name that Parse was given; a caller that knows the path may
	// replace it.
	File string
	// Line counts the line ends read so far: 0 where the file has none at all.
	Line int
	// Byte is the offset in the logical line, which begins at the first line of
	// quoted or continued text.
	Byte int
	// Reason is libuci's message, for example `invalid command`.
	Reason string
}

// Error returns `file:line:byte: reason`.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Byte, e.Reason)
}

// Reasons for refusing a file, verbatim from libuci (file.c).
const (
	reasonCommand    = "invalid command"
	reasonArguments  = "insufficient arguments"
	reasonTooMany    = "too many arguments"
	reasonName       = "invalid character in name field"
	reasonType       = "invalid character in type field"
	reasonNoSection  = "option/list command found before the first section"
	reasonOtherType  = "section of different type overwrites prior section with same name"
	reasonOpenDouble = `EOF with unterminated "`
	reasonOpenSingle = "EOF with unterminated '"
	reasonNoPackage  = "package without name"
	reasonNoConfig   = "config without name"
	reasonNoOption   = "option without name"
)
