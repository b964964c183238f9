package main

import (
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"time"

	"multiwan/tests/lab"
)

// Geometry of the drawing, in pixels.
const (
	width, left, right = 1100, 70, 20
	panel, gap, top    = 150, 46, 60
)

// Colours of the WANs and of loss; they hold on white and are told apart by colour-blind readers.
var wanColours = []string{"#0072b2", "#e69f00"}

const lossColour = "#d55e00"

// plot collects a drawing.
type plot struct {
	strings.Builder
	start time.Time
	span  time.Duration
}

// newPlot begins a drawing of some panels, one below the other, with a line where each act begins.
func newPlot(title string, start time.Time, acts []*act, panels int) *plot {
	p := &plot{start: start, span: acts[len(acts)-1].until.Sub(start)}
	height := top + panels*(panel+gap)
	fmt.Fprintf(p, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12">`+"\n", width, height)
	fmt.Fprintf(p, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	p.text(left, 20, "start", title)
	p.legend()
	for i, a := range acts {
		x := p.x(a.at)
		fmt.Fprintf(p, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#888" stroke-dasharray="4 3"/>`+"\n", x, top-24, x, height-gap+4)
		p.text(int(x)+4, top-2-14*(i%2), "start", fmt.Sprintf("%d: %s", i+1, shorten(a.title)))
	}
	return p
}

// svg ends the drawing.
func (p *plot) svg() string { return p.String() + "</svg>\n" }

// drawing of the flows of part one.
func (s *show) drawing() string {
	p := newPlot("multiwan: round trip of each UDP packet, ping and TCP rate through four faults of provider A", s.start, s.acts, 3)
	p.flow(0, "UDP, ms", s.voice.Report(), s.colour)
	p.flow(1, "ping, ms", s.ping.Report(), func(lab.Packet) string { return "#444" })
	y := p.frame(2, "TCP, Mbit/s", 25)
	p.rates(y, "#009e73", s.bulk.start, s.bulk.bytes)
	return p.svg()
}

// save writes a drawing.
func save(file, drawing string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, []byte(drawing), 0o644)
}

// shorten fits a title above its line.
func shorten(title string) string {
	title, _, _ = strings.Cut(title, " (")
	return title
}

func (s *show) colour(k lab.Packet) string {
	for i, w := range s.net.WANs {
		if w.Owns(k.Source.Addr()) {
			return wanColours[i]
		}
	}
	return "#444"
}

func (p *plot) x(t time.Time) float64 {
	return left + float64(t.Sub(p.start))/float64(p.span)*(width-left-right)
}

func (p *plot) text(x, y int, anchor, text string) {
	fmt.Fprintf(p, `<text x="%d" y="%d" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(text))
}

func (p *plot) legend() {
	for i, l := range []struct{ colour, text string }{{wanColours[0], "by A"}, {wanColours[1], "by B"}, {lossColour, "lost"}} {
		x := width - 220 + 75*i
		fmt.Fprintf(p, `<rect x="%d" y="10" width="10" height="10" fill="%s"/>`+"\n", x, l.colour)
		p.text(x+14, 20, "start", l.text)
	}
}

// frame draws the axes of panel n, whose values reach up to high.
func (p *plot) frame(n int, title string, high float64) (y func(float64) float64) {
	base := top + n*(panel+gap) + panel
	fmt.Fprintf(p, `<path d="M%d %d V%d H%d" fill="none" stroke="black"/>`+"\n", left, base-panel, base, width-right)
	p.text(left-8, base-panel+10, "end", fmt.Sprintf("%.0f", high))
	p.text(left-8, base, "end", "0")
	fmt.Fprintf(p, `<text transform="translate(20 %d) rotate(-90)" text-anchor="middle">%s</text>`+"\n", base-panel/2, title)
	for t := time.Duration(0); t <= p.span; t += 5 * time.Second {
		p.text(int(p.x(p.start.Add(t))), base+16, "middle", fmt.Sprintf("%.0f s", t.Seconds()))
	}
	return func(v float64) float64 { return float64(base) - min(v/high, 1)*panel }
}

// flow draws a dot for each packet at its round-trip time, a stroke at the bottom for each that was lost.
func (p *plot) flow(n int, title string, r lab.Report, colour func(lab.Packet) string) {
	y := p.frame(n, title, 300)
	for _, k := range r.Packets {
		if k.Sent.Before(p.start) || k.Sent.After(p.start.Add(p.span)) {
			continue
		}
		if k.Lost() {
			fmt.Fprintf(p, `<rect x="%.1f" y="%.1f" width="1.2" height="8" fill="%s"/>`+"\n", p.x(k.Sent), y(0)-8, lossColour)
			continue
		}
		fmt.Fprintf(p, `<circle cx="%.1f" cy="%.1f" r="1.3" fill="%s"/>`+"\n", p.x(k.Sent), y(k.Received.Sub(k.Sent).Seconds()*1000), colour(k))
	}
}

// rates fills the area below a rate, given as bytes a slot from a time on.
func (p *plot) rates(y func(float64) float64, colour string, start time.Time, bytes []int) {
	open := false
	for i, b := range bytes {
		at := start.Add(time.Duration(i) * slot)
		if at.Before(p.start) || at.After(p.start.Add(p.span)) {
			continue
		}
		if !open {
			fmt.Fprintf(p, `<path fill="%s" fill-opacity="0.6" d="M%.1f %.1f`, colour, p.x(at), y(0))
			open = true
		}
		v, until := y(float64(b)*8/1e6/slot.Seconds()), min(p.x(at.Add(slot)), width-right)
		fmt.Fprintf(p, " L%.1f %.1f L%.1f %.1f L%.1f %.1f", p.x(at), v, until, v, until, y(0))
	}
	if open {
		p.WriteString(` Z"/>` + "\n")
	}
}
