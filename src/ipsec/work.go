package ipsec

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// work is what Run does within one session.
type work struct {
	*Client
	session *session

	all    bool            // list all SAs
	dirty  map[string]bool // list those of these connections
	listed time.Time
	synced time.Time
	wanted map[string]kstate.Conn // of this pass
	since  time.Time
}

// pass brings charon to what is declared, as far as can be done now.
func (w *work) pass(ctx context.Context, now time.Time) error {
	if w.since.IsZero() {
		w.since = now
	}
	w.mu.Lock()
	declared := w.declared
	if w.renewed {
		w.renewed, w.synced = false, time.Time{}
	}
	w.wanted = w.Client.wanted
	initiate, terminate := maps.Clone(w.initiate), maps.Clone(w.terminate)
	clear(w.initiate)
	clear(w.terminate)
	w.mu.Unlock()

	if !declared {
		w.listed, w.all = now, false // nothing is due
		w.publish(Charon{Connected: true, Since: w.since}, now)
		return nil
	}
	if err := w.load(ctx, now); err != nil {
		return err
	}
	if err := w.list(ctx, now); err != nil {
		return err
	}
	for name := range terminate {
		if err := w.drop(ctx, name, now); err != nil {
			return err
		}
	}
	for name, p := range w.peers {
		if initiate[name] {
			p.call(now)
		}
		if err := p.step(ctx, w.session, now); err != nil {
			return err
		}
	}
	w.publish(Charon{Connected: true, Since: w.since}, now)
	return nil
}

// load loads what is new or changed and unloads what is not wanted.
func (w *work) load(ctx context.Context, now time.Time) error {
	if now.Sub(w.synced) >= resyncEvery {
		if err := w.sync(ctx); err != nil {
			return err
		}
		w.synced, w.all = now, true
	}
	for name := range w.peers {
		if _, still := w.wanted[name]; still {
			continue
		}
		if err := w.session.unload(ctx, name); err != nil {
			return err
		}
		delete(w.peers, name)
	}
	for name, c := range w.wanted {
		p := w.peers[name]
		if p == nil {
			p = &peer{conn: c}
			w.peers[name] = p
		}
		if p.tried && p.conn.Equal(c) {
			continue
		}
		if err := w.loadOne(ctx, p, c, now); err != nil {
			return err
		}
	}
	used := map[string]bool{}
	for _, p := range w.peers {
		used[p.key] = true
	}
	return w.session.unloadKeys(ctx, used)
}

func (w *work) loadOne(ctx context.Context, p *peer, c kstate.Conn, now time.Time) error {
	old := p.conn
	p.conn, p.tried, p.loaded = c, true, false
	key, err := w.session.load(ctx, c)
	if err == nil || key != "" {
		p.key = key
	}
	var r refusal
	if errors.As(err, &r) {
		p.reason = p.reason.again(CauseConfig, r.Error(), now)
		return nil
	} else if err != nil {
		return err
	}
	p.loaded = true
	if p.reason.Cause == CauseConfig {
		p.reason = Reason{}
	}
	w.mark(c.Name)
	switch {
	case old.SameLife(c):
		if old.Initiate != c.Initiate {
			p.hurry(now)
		}
		return nil
	case old.SameInside(c):
		p.outdate()
		p.hurry(now)
		return nil
	}
	p.hurry(now)
	return w.drop(ctx, c.Name, now)
}

// sync compares what charon holds of ours with what is wanted: strangers with our prefix go, what is missing is loaded in this pass. At the
// start of a session everything is loaded, since what charon holds may be from another life.
func (w *work) sync(ctx context.Context) error {
	conns, keys, err := w.session.loaded(ctx)
	if err != nil {
		return err
	}
	for _, name := range order.Join(conns, keys) {
		if _, wanted := w.wanted[name]; !wanted {
			if err := w.session.unload(ctx, name); err != nil {
				return err
			}
		}
	}
	for name, p := range w.peers {
		missing := !slices.Contains(conns, name) || len(p.conn.PSK) > 0 && !slices.Contains(keys, name)
		if missing || p.conn.PrivateKey != "" {
			p.tried = false
		}
	}
	return nil
}

// list renews what is known of the SAs.
func (w *work) list(ctx context.Context, now time.Time) error {
	if len(w.dirty) > listOne || now.Sub(w.listed) >= listEvery {
		w.all = true
	}
	if w.all {
		found, err := w.session.list(ctx, "")
		if err != nil {
			return err
		}
		for name, p := range w.peers {
			p.observe(found[name])
		}
		w.listed = now
	} else {
		for name := range w.dirty {
			p := w.peers[name]
			if p == nil {
				continue
			}
			found, err := w.session.list(ctx, name)
			if err != nil {
				return err
			}
			p.observe(found[name])
		}
	}
	w.all, w.dirty = false, nil
	return nil
}

// drop ends all SAs of a connection.
func (w *work) drop(ctx context.Context, name string, now time.Time) error {
	p := w.peers[name]
	if p == nil {
		return nil
	}
	found, err := w.session.list(ctx, name)
	if err != nil {
		return err
	}
	for _, s := range found[name] {
		if err := w.session.terminate(ctx, s.ID); err != nil {
			return err
		}
	}
	p.observe(nil)
	p.restart(now)
	w.mark(name)
	return nil
}

func (w *work) mark(name string) {
	if w.dirty == nil {
		w.dirty = map[string]bool{}
	}
	w.dirty[name] = true
}

// wait returns when there is something to do.
func (w *work) wait(ctx context.Context) error {
	next := w.listed.Add(listEvery)
	if sync := w.synced.Add(resyncEvery); sync.Before(next) && !w.synced.IsZero() {
		next = sync
	}
	for name, p := range w.peers {
		if w.dirty[name] {
			return nil
		}
		if !p.next.IsZero() && p.next.Before(next) {
			next = p.next
		}
	}
	t := time.NewTimer(time.Until(next))
	defer t.Stop()
	synced := w.synced
	for !w.all && len(w.dirty) == 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.kick:
			return nil
		case <-t.C:
			w.due(time.Now())
			return nil
		case e, ok := <-w.session.events:
			if err := w.hear(e, ok); err != nil {
				return err
			}
			if w.synced != synced {
				return nil
			}
		}
	}
	return nil
}

// due marks the connections whose time has come.
func (w *work) due(now time.Time) {
	for name, p := range w.peers {
		if !p.next.IsZero() && !p.next.After(now) {
			w.mark(name)
		}
	}
}

// hear takes an event and all that wait behind it.
func (w *work) hear(e packet, ok bool) error {
	if len(w.session.events) == cap(w.session.events)-1 {
		w.all = true // some may have been dropped
	}
	for {
		if !ok {
			return errClosed
		}
		w.take(e, time.Now())
		select {
		case e, ok = <-w.session.events:
		default:
			return nil
		}
	}
}

// take notes what an event is about.
func (w *work) take(e packet, now time.Time) {
	v := values{e.body}
	const gone = "unloaded shared key with id '"
	if msg := v.text("msg"); e.name == "log" && (strings.HasPrefix(msg, gone+keyPrefix) || strings.HasPrefix(msg, gone+notePrefix)) {
		w.synced = now.Add(time.Second - resyncEvery) // swanctl goes on to unload connections
	}
	if e.name != "log" {
		v.sections(func(name string, _ values) {
			if n, ours := strings.CutPrefix(name, prefix); ours {
				w.mark(n)
			}
		})
		return
	}
	name, ours := strings.CutPrefix(v.text("ikesa-name"), prefix)
	p := w.peers[name]
	if !ours || p == nil {
		return
	}
	if cause := classify(v.text("msg")); cause != "" {
		p.blame(cause, v.text("msg"), now)
		w.mark(name)
	}
}
