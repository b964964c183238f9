package daemon

import (
	"context"
	"time"

	"multiwan/src/core/order"
	"multiwan/src/core/status"
	"multiwan/src/openwrt/ubus"
)

// busUpdate is the notification of a WAN's new state, and removedState the state of one that the configuration has no more.
const (
	busUpdate    = "multiwan.update"
	removedState = "removed"
)

// wake says that a state may have changed; it never blocks.
func (b *bus) wake() {
	select {
	case b.news <- struct{}{}:
	default:
	}
}

// tell notifies subscribers of each change of a WAN's state, until ctx ends.
func (b *bus) tell(ctx context.Context) {
	told := map[string]string{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-b.news:
		}
		told = b.update(told, b.daemon.states())
	}
}

// update notifies of what differs, and returns what is now.
func (b *bus) update(was, is map[string]string) map[string]string {
	b.mu.Lock()
	conn, id := b.conn, b.id
	b.mu.Unlock()
	for _, name := range order.Keys(is) {
		if is[name] != was[name] {
			notify(conn, id, name, is[name])
		}
	}
	for _, name := range order.Keys(was) {
		if _, there := is[name]; !there {
			notify(conn, id, name, removedState)
		}
	}
	return is
}

func notify(c *ubus.Conn, id uint32, wan, state string) {
	if c == nil {
		return // whoever subscribes later asks for the status first
	}
	var w ubus.Writer
	w.String("interface", wan)
	w.String("state", state)
	_ = c.Notify(id, busUpdate, w.Table())
}

// states returns the state of each WAN, as the status has it.
func (d *daemon) states() map[string]string {
	s := status.Source{Now: time.Now(), Health: d.lines.snapshots(), Forced: d.forced.now(time.Now())}
	d.file.fill(&s)
	if last, ok := d.record.snapshot(); ok {
		s.Plan, s.Facts = last.Plan, last.Facts
	}
	out := map[string]string{}
	for name, i := range status.Build(s).Interfaces {
		out[name] = i.State
	}
	return out
}
