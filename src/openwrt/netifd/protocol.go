package netifd

import (
	"context"
	"slices"

	"multiwan/src/openwrt/ubus"
)

// Proto is our protocol in /etc/config/network.
const Proto = "l2tpv3"

// Actions of notify_proto (proto-shell.c of netifd).
const (
	actionUpdate = 0
	actionError  = 3
)

// Again has netifd asked for everything now: a protocol that waits for us tells no subscriber.
func (s *Source) Again() {
	if f := s.follower(); f != nil {
		wake(f.again)
	}
}

// Raised returns the interfaces with our protocol that are up or wait for us, sorted.
func (s *Source) Raised() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, n := range s.state.networks {
		if n.Raised {
			out = append(out, n.Name)
		}
	}
	slices.Sort(out)
	return out
}

// LinkUp tells netifd that an interface's device is there, with the addresses that it shall have: pairs of address and length.
func (s *Source) LinkUp(ctx context.Context, name, device string, addrs [][2]string) error {
	return s.tell(ctx, name, func(w *ubus.Writer) {
		w.Int32("action", actionUpdate)
		w.Bool("link-up", true)
		w.String("ifname", device)
		for _, list := range []struct {
			name string
			six  bool
		}{{"ipaddr", false}, {"ip6addr", true}} {
			w.Open(list.name, ubus.List)
			for _, a := range addrs {
				if slices.Contains([]byte(a[0]), ':') == list.six {
					w.Open("", ubus.Map)
					w.String("ipaddr", a[0])
					w.String("mask", a[1])
					w.Close()
				}
			}
			w.Close()
		}
	})
}

// LinkDown tells netifd that the device is not there any more.
func (s *Source) LinkDown(ctx context.Context, name string) error {
	return s.tell(ctx, name, func(w *ubus.Writer) {
		w.Int32("action", actionUpdate)
		w.Bool("link-up", false)
	})
}

// Error tells netifd why an interface does not come up: a code, and words.
func (s *Source) Error(ctx context.Context, name, code, text string) error {
	return s.tell(ctx, name, func(w *ubus.Writer) {
		w.Int32("action", actionError)
		w.Open("error", ubus.List)
		w.String("", code)
		w.String("", text)
		w.Close()
	})
}

func (s *Source) tell(ctx context.Context, name string, fill func(*ubus.Writer)) error {
	var w ubus.Writer
	w.String("interface", name)
	fill(&w)
	return s.call(ctx, object, "notify_proto", w.Table())
}
