package ipsec

import (
	"strings"
	"time"
)

// Cause is the kind of a failure, one word for programs.
type Cause string

// The causes.
const (
	CauseAuth        Cause = "auth"        // the two ends have different keys or identities
	CauseCertificate Cause = "certificate" // a certificate or private key is missing or not trusted
	CauseProposal    Cause = "proposal"    // no common algorithms
	CauseSelectors   Cause = "selectors"   // the traffic selectors do not fit
	CauseUnreachable Cause = "unreachable" // the peer does not answer
	CauseResolve     Cause = "resolve"     // the peer's name has no address
	CauseKernel      Cause = "kernel"      // the kernel refused an SA or a policy
	CauseConfig      Cause = "config"      // charon refused the connection, or a file could not be read
	CausePeer        Cause = "peer"        // the peer refused with another error
)

// Reason says why a connection is not up. The same one again is counted.
type Reason struct {
	Cause Cause  // "" for none
	Text  string // in charon's words where it has some
	Count int
	// First and Last are when it was seen.
	First, Last time.Time
}

// again returns the reason after one more failure.
func (r Reason) again(c Cause, text string, now time.Time) Reason {
	if r.Cause == c && r.Text == text {
		r.Count++
		r.Last = now
		return r
	}
	return Reason{Cause: c, Text: text, Count: 1, First: now, Last: now}
}

// lasting says whether trying again at once is pointless.
func (c Cause) lasting() bool { return c != CauseUnreachable && c != "" }

// causes are what charon logs at level 1 when something fails, by a part of the line. The first that fits counts, so what is special comes
// before what is general.
func causes() [][2]string {
	return [][2]string{
		{"but MAC mismatched", string(CauseAuth)},
		{"AUTHENTICATION_FAILED", string(CauseAuth)},
		{"no shared key found", string(CauseAuth)},
		{"no matching peer config found", string(CauseAuth)},
		{"constraint check failed", string(CauseAuth)},
		{"unacceptable: non-matching authentication", string(CauseAuth)},
		{"no private key found", string(CauseCertificate)},
		{"no trusted", string(CauseCertificate)},
		{"no issuer certificate found", string(CauseCertificate)},
		{"NO_PROPOSAL_CHOSEN", string(CauseProposal)},
		{"no acceptable proposal found", string(CauseProposal)},
		{"received proposals unacceptable", string(CauseProposal)},
		{"INVALID_KE_PAYLOAD notify error", string(CauseProposal)},
		{"TS_UNACCEPTABLE", string(CauseSelectors)},
		{"no matching CHILD_SA config found", string(CauseSelectors)},
		{"no acceptable traffic selectors found", string(CauseSelectors)},
		{"traffic selectors", string(CauseSelectors)},
		{"unable to resolve", string(CauseResolve)},
		{"unable to install", string(CauseKernel)},
		{"unable to add", string(CauseKernel)},
		{"peer not responding", string(CauseUnreachable)},
		{"giving up after", string(CauseUnreachable)},
		{"retransmit", string(CauseUnreachable)},
		{"notify error", string(CausePeer)},
	}
}

// classify says what a line of charon's log means; "" for most.
func classify(line string) Cause {
	for _, c := range causes() {
		if strings.Contains(line, c[0]) {
			// Said of a success: "selected proposal", "CHILD_SA … established with … TS …", "received retransmit of request".
			if strings.Contains(line, "established with SPIs") || strings.HasPrefix(line, "received retransmit") {
				return ""
			}
			return Cause(c[1])
		}
	}
	return ""
}
