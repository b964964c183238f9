package ubus

import "fmt"

// Status is how a call ended. All but OK are errors.
type Status uint32

// The statuses of ubus (ubusmsg.h).
const (
	OK Status = iota
	InvalidCommand
	InvalidArgument
	MethodNotFound
	NotFound
	NoData
	PermissionDenied
	Timeout
	NotSupported
	UnknownError
	ConnectionFailed
	NoMemory
	ParseError
	SystemError
)

func (s Status) Error() string {
	words := [...]string{"ok", "invalid command", "invalid argument", "method not found", "not found", "no data", "permission denied",
		"timed out", "not supported", "unknown error", "connection failed", "out of memory", "malformed data", "system error"}
	if int(s) < len(words) {
		return "ubus: " + words[s]
	}
	return fmt.Sprintf("ubus: status %d", uint32(s))
}

// asError returns nil for OK.
func (s Status) asError() error {
	if s == OK {
		return nil
	}
	return s
}
