package status

import (
	"strconv"
	"strings"
	"time"

	"multiwan/src/core/health"
	"multiwan/src/core/json"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// How long and how finely the past of WANs is kept for graphs: ten minutes and a day.
const (
	SampleEvery  = 5 * time.Second
	fineSamples  = 120
	mergedFrom   = 60 // samples that make one of the coarse ones: five minutes
	coarseLength = 288
	changesKept  = 64 // of each family
)

// stateLetters are the states by health.State; '-' is none.
const stateLetters = "wusgdx"

// sample is one family of a WAN at a moment, or over five minutes: the worst state, and means. RTT is in tenths of a millisecond, 0 for
// unknown; state is a letter, loss in per cent, 255 for unknown.
type sample struct {
	rtt         uint16
	loss, state uint8
}

const noLoss = 255

// change is a change of state.
type change struct {
	at uint32 // seconds since the epoch
	to uint8
}

// side is the past of one family.
type side struct {
	_ order.Incomparable

	fine    [fineSamples]sample
	coarse  [coarseLength]sample
	changes [changesKept]change
	changed int // since ever
	known   bool
	last    uint8
	// Sums of the five minutes that are not over.
	rtts, losses, rttCount, lossCount uint32
	worst                             uint8
}

// past is that of a WAN; rates are in bytes a second.
type past struct {
	_ order.Incomparable

	sides  [2]side
	fine   [fineSamples][2]uint32
	coarse [coarseLength][2]uint32
	sum    [2]uint64
	bytes  [2]uint64
	index  int // of the device that bytes were read of
	rated  bool
}

// Series keeps the past of WANs. Each takes the same fixed room, however long the daemon runs. It is not safe for concurrent use.
type Series struct {
	wans  map[string]*past
	count int // samples since ever
	at    time.Time
}

// NewSeries returns an empty one.
func NewSeries() *Series { return &Series{wans: map[string]*past{}} }

// Seen is what a sample is made of.
type Seen struct {
	Health map[kstate.Family]health.Snapshot
	Forced bool // taken down by hand
	// Index is that of the device, Bytes what it has received and sent since ever; nil where it is not known.
	Index int
	Bytes *[2]uint64
}

// Add takes a sample of all WANs. What is not among them any more is forgotten.
func (s *Series) Add(now time.Time, wans map[string]Seen) {
	for name := range s.wans {
		if _, there := wans[name]; !there {
			delete(s.wans, name)
		}
	}
	for name, seen := range wans {
		p := s.wans[name]
		if p == nil {
			p = new(past)
			s.wans[name] = p
		}
		p.add(s.count, now, seen, now.Sub(s.at))
	}
	s.count++
	s.at = now
}

func (p *past) add(n int, now time.Time, seen Seen, since time.Duration) {
	last := (n+1)%mergedFrom == 0
	for i, f := range kstate.Families {
		h, there := seen.Health[f]
		p.sides[i].add(n, now, h, there, seen.Forced, last)
	}
	rate := [2]uint32{}
	if seen.Bytes != nil {
		for i, b := range seen.Bytes {
			if p.rated && p.index == seen.Index && b >= p.bytes[i] && since > 0 {
				rate[i] = uint32(min(float64(b-p.bytes[i])/since.Seconds(), 1<<32-1))
			}
			p.bytes[i] = b
		}
	}
	p.rated, p.index = seen.Bytes != nil, seen.Index
	p.fine[n%fineSamples] = rate
	for i, r := range rate {
		p.sum[i] += uint64(r)
		if last {
			p.coarse[n/mergedFrom%coarseLength][i] = uint32(p.sum[i] / mergedFrom)
			p.sum[i] = 0
		}
	}
}

func (d *side) add(n int, now time.Time, h health.Snapshot, there, forced, last bool) {
	x := sample{loss: noLoss, state: '-'}
	if there {
		d.known = d.known || h.State != health.Waiting // a line without IPv6 is no line that waits for it
		x = sample{rtt: uint16(min(h.RTT/(100*time.Microsecond), 1<<16-1)), loss: noLoss, state: stateLetters[h.State]}
		if h.RTT > 0 {
			x.rtt = max(1, x.rtt) // an answer that is faster is one
		}
		if forced {
			x.state = stateLetters[health.Disabled]
		}
		if probed(h) {
			x.loss = uint8(h.Loss + 0.5)
		}
		if (d.last == 'x') != forced || d.last == 0 { // what probes find is told by Changed
			d.change(now, x.state)
		}
	}
	d.fine[n%fineSamples] = x
	if x.rtt > 0 {
		d.rtts += uint32(x.rtt)
		d.rttCount++
	}
	if x.loss != noLoss {
		d.losses += uint32(x.loss)
		d.lossCount++
	}
	if severity(x.state) > severity(d.worst) {
		d.worst = x.state
	}
	if !last {
		return
	}
	merged := sample{loss: noLoss, state: d.worst}
	if d.rttCount > 0 {
		merged.rtt = uint16(d.rtts / d.rttCount)
	}
	if d.lossCount > 0 {
		merged.loss = uint8((d.losses + d.lossCount/2) / d.lossCount)
	}
	d.coarse[n/mergedFrom%coarseLength] = merged
	d.rtts, d.losses, d.rttCount, d.lossCount, d.worst = 0, 0, 0, 0, 0
}

// severity orders the letters of states, the last being what a graph of five minutes has to show.
func severity(letter uint8) int { return strings.IndexByte("\x00-uwsgxd", letter) }

// probed says whether there was any probe to lose.
func probed(h health.Snapshot) bool {
	for _, p := range h.Probes {
		for _, t := range p.Targets {
			if t.Sent > 0 {
				return true
			}
		}
	}
	return false
}

func (d *side) change(at time.Time, to uint8) {
	if to == d.last {
		return
	}
	d.changes[d.changed%changesKept] = change{uint32(at.Unix()), to}
	d.changed++
	d.last = to
}

// Changed notes a change of state to the second, where the WAN is known and not taken down by hand.
func (s *Series) Changed(wan string, f kstate.Family, at time.Time, to health.State) {
	p := s.wans[wan]
	for i, g := range kstate.Families {
		if p != nil && f == g && p.sides[i].last != 'x' {
			p.sides[i].change(at, stateLetters[to])
		}
	}
}

// Plot is what graphs and timelines of WANs are drawn from; docs/ubus.md describes it.
type Plot struct {
	Schema     int                `json:"schema"`
	Time       int64              `json:"time"` // of the last sample
	Step       int                `json:"step"` // seconds from one to the next
	Interfaces map[string]PlotWAN `json:"interfaces"`
}

// PlotWAN is one WAN; all lists end with the sample of Plot.Time. Rates are in bytes a second, of the device.
type PlotWAN struct {
	IPv4     *PlotSide       `json:"ipv4,omitempty"`
	IPv6     *PlotSide       `json:"ipv6,omitempty"`
	Received json.RawMessage `json:"rx"`
	Sent     json.RawMessage `json:"tx"`
}

// PlotSide is one family: a letter of State for each sample, numbers or null, and changes as pairs of time and letter.
type PlotSide struct {
	State   string          `json:"state"`
	RTT     json.RawMessage `json:"rtt_ms"`
	Loss    json.RawMessage `json:"loss"`
	Changes json.RawMessage `json:"changes"`
}

// Plot returns the last so many seconds of a WAN, or of all: samples of five seconds for up to ten minutes, of five minutes beyond.
func (s *Series) Plot(seconds int, wan string) *Plot {
	out := &Plot{Schema: Schema, Time: epoch(s.at), Step: int(SampleEvery.Seconds()), Interfaces: map[string]PlotWAN{}}
	coarse := seconds > fineSamples*out.Step
	length, end := fineSamples, s.count
	if coarse {
		length, end = coarseLength, s.count/mergedFrom
		out.Time -= int64(s.count % mergedFrom * out.Step)
		out.Step *= mergedFrom
	}
	begin := max(end-min(length, (seconds+out.Step-1)/out.Step), 0)
	for name, p := range s.wans {
		if wan != "" && name != wan {
			continue
		}
		var received, sent list
		for i := begin; i < end; i++ {
			rate := &p.fine[i%fineSamples]
			if coarse {
				rate = &p.coarse[i%coarseLength]
			}
			received.add(10 * int64(rate[0]))
			sent.add(10 * int64(rate[1]))
		}
		w := PlotWAN{Received: received.text(), Sent: sent.text()}
		if p.sides[0].known {
			w.IPv4 = p.sides[0].plot(begin, end, coarse)
		}
		if p.sides[1].known {
			w.IPv6 = p.sides[1].plot(begin, end, coarse)
		}
		out.Interfaces[name] = w
	}
	return out
}

func (d *side) plot(begin, end int, coarse bool) *PlotSide {
	var states []byte
	var rtt, loss, changes list
	for i := begin; i < end; i++ {
		x := d.fine[i%fineSamples]
		if coarse {
			x = d.coarse[i%coarseLength]
		}
		if x.state == 0 { // before the WAN was known
			x = sample{loss: noLoss, state: '-'}
		}
		states = append(states, x.state)
		tenths, percent := int64(x.rtt), int64(x.loss)
		if tenths == 0 {
			tenths = -1
		}
		if percent == noLoss {
			percent = -1
		}
		rtt.add(tenths)
		loss.add(10 * percent)
	}
	for i := max(d.changed-changesKept, 0); i < d.changed; i++ {
		changes.change(d.changes[i%changesKept])
	}
	return &PlotSide{State: string(states), RTT: rtt.text(), Loss: loss.text(), Changes: changes.text()}
}

// list writes a list of JSON; its methods are not compiled into their callers, which on MIPS would cost a kilobyte.
type list []byte

// next begins another element.
//
//go:noinline
func (l *list) next() {
	if len(*l) == 0 {
		*l = append(*l, '[')
	} else {
		*l = append(*l, ',')
	}
}

// add appends a number, or null for a negative one.
//
//go:noinline
func (l *list) add(tenths int64) {
	l.next()
	if tenths < 0 {
		*l = append(*l, "null"...)
		return
	}
	*l = strconv.AppendInt(*l, tenths/10, 10)
	if tenths%10 != 0 {
		*l = append(*l, '.', '0'+byte(tenths%10))
	}
}

// change appends a pair.
func (l *list) change(c change) {
	l.next()
	*l = append(strconv.AppendUint(append(*l, '['), uint64(c.at), 10), ',', '"', c.to, '"', ']')
}

// text ends the list.
func (l list) text() json.RawMessage {
	if len(l) == 0 {
		l = list{'['}
	}
	return json.RawMessage(append(l, ']'))
}
