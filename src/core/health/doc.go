// Package health turns the results of probes into a verdict on one WAN of one
// address family. It is pure: no sockets, no clock, no goroutines. Time and
// results come in as arguments; what to send, when to look again, the changes
// of state and their evidence go out.
//
// # Who does what
//
// A Machine is one WAN in one family: its path, its carrier, its hold-down
// (hold.go), and the state drawn from its tracks. A track is one probe
// configuration of it (track.go): the rounds, the results, the verdict alive or
// dead. Each target of it has round-trip statistics (rto.go) for the time-out of
// its probes, and a window (window.go) for loss and latency (quality.go).
// suspicion.go is what comes between a missing answer and the verdict.
//
// # Words
//
//   - A round is one regular probe to every target, a burst the dense rounds that
//     a suspicion sets off.
//   - A target speaks if it takes part in the verdict. Others are evidence only.
//   - The row are the probes since the last one at which enough targets answered:
//     the unanswered ones of it count against `down`.
//   - Two times apply to a probe. After its time-out, from the statistics, it is
//     overdue and raises suspicion; an answer is still life. After the user's
//     timeout it is lost in the loss shown and judged.
//
// # How a black hole is found
//
// Every interval one probe goes to each target, all targets at once (a round).
// Each target has a retransmission time-out as TCP keeps one (RFC 6298). When
// so many targets are overdue that fewer than `reliability` can still answer,
// the WAN is suspect and a burst of probes to all targets begins. It is down
// when `down` probes in a row stayed without an answer and the oldest of them
// had the time that Confirm gives. Any answer in between, however late, is
// life and ends the suspicion.
//
// Confirm is the heart of it: with an interval of one second the oldest
// unanswered probe waits 1.86 s, twice the round-trip time of an uplink that
// was saturated a moment ago (900 ms), so half of the burst has its answers
// before the verdict; and 1 s + 1.86 s is less than the 3 s promised for a
// silent black hole. Lines on which more than 300 ms were measured wait until
// `down` probes are each older than their time-out.
//
// # Several probes
//
// A WAN may have several probe configurations. Each must hold: within a probe
// `reliability` says how many targets must answer, between probes it is "and".
//
// # Quality
//
// Loss and latency over a window make a WAN degraded, with separate values to
// enter and to leave, so nothing flaps between them (hysteresis). The window is
// one of regular probes; what a burst finds may lessen their loss, never add to
// it (window.loss says why). An answer after the user's timeout is a loss here.
package health
