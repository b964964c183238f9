package health

// State is what is known of a WAN in one family.
type State uint8

const (
	// Waiting has no address or link yet, or no first answer.
	Waiting State = iota
	// Up answers its probes, or has none and its link is there.
	Up
	// Suspect missed answers; the burst that confirms is under way. It still
	// carries traffic.
	Suspect
	// Degraded answers, but loss or latency passed their thresholds.
	Degraded
	// Down does not answer, lost its carrier, or is held down.
	Down
	// Disabled was switched off by the user. A Machine never is: it probes all the
	// while, and whoever uses its verdict says so.
	Disabled
)

var stateNames = [...]string{"waiting", "up", "suspect", "degraded", "down", "disabled"}

// String gives the word that the status document uses.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// Usable tells whether a WAN in this state may carry traffic.
func (s State) Usable() bool { return s == Up || s == Suspect || s == Degraded }

// Failure names why a probe failed before its time ran out, or "" if it
// answered.
type Failure string

const (
	// NoAnswer is a probe whose time ran out.
	NoAnswer Failure = "no answer"
	// Awaited is a probe whose answer may still come.
	Awaited Failure = "awaited"
	// Unreachable is an ICMP error that quoted the probe.
	Unreachable Failure = "unreachable"
	// SendError is a socket that could not be opened or written to.
	SendError Failure = "send error"
	// Refused is a TCP reset.
	Refused Failure = "refused"
	// WrongAnswer is an answer that does not prove what the probe asks for.
	WrongAnswer Failure = "wrong answer"
	// Unresolved is a target name without an address.
	Unresolved Failure = "unresolved"
	// PathChanged is a probe under way when the WAN changed its path.
	PathChanged Failure = "path changed"
)
