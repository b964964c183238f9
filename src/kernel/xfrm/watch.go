package xfrm

import (
	"context"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// Event is a change of policies or associations. It says where to look, not what there is now.
type Event struct {
	// Policy says that a policy changed, SA that an association did. Both are set where the kernel dropped notifications because they were
	// not read in time: anything may have changed.
	Policy, SA bool
	// Own says that the policy is, or may be, one of ours: a flush names none.
	Own bool
	// Gone says that the object was deleted, or all of them.
	Gone bool
	// Port is the netlink port of the socket that made the change, 0 where the kernel did.
	Port uint32
}

// watchQueue is the length of the channel of events. Where the reader is slower, notifications wait in the socket.
const watchQueue = 64

// Watch reports changes of policies and associations until ctx ends or the socket fails; then the channel is closed. The answer may be
// ErrUnsupported.
func Watch(ctx context.Context) (<-chan Event, error) {
	nl, err := dial()
	if err != nil {
		return nil, fmt.Errorf("watch xfrm: %w", err)
	}
	for _, g := range []uint32{groupExpire, groupSA, groupPolicy} {
		if err := nl.JoinGroup(g); err != nil {
			nl.Close()
			return nil, fmt.Errorf("watch xfrm: %w", err)
		}
	}
	events := make(chan Event, watchQueue)
	stop := context.AfterFunc(ctx, func() { nl.Close() })
	go func() {
		defer close(events)
		defer nl.Close()
		defer stop()
		pump(ctx, events, nl.Receive)
	}()
	return events, nil
}

// pump turns notifications into events until ctx ends or receive fails.
func pump(ctx context.Context, events chan<- Event, receive func() ([]netlink.Message, error)) {
	for {
		msgs, err := receive()
		var found []Event
		switch {
		case errors.Is(err, unix.ENOBUFS):
			found = []Event{{Policy: true, SA: true, Own: true}}
		case err != nil:
			return
		}
		for _, m := range msgs {
			if e, ok := decodeEvent(uint16(m.Header.Type), m.Data); ok {
				e.Port = m.Header.PID
				found = append(found, e)
			}
		}
		for _, e := range found {
			select {
			case events <- e:
			case <-ctx.Done():
				return
			}
		}
	}
}

// decodeEvent reads a notification; ok is false for any other message.
func decodeEvent(typ uint16, b []byte) (e Event, ok bool) {
	switch typ {
	case msgNewSA, msgUpdSA, msgExpire:
		return Event{SA: true}, true
	case msgDelSA, msgFlushSA:
		return Event{SA: true, Gone: true}, true
	case msgFlushPolicy:
		return Event{Policy: true, Own: true, Gone: true}, true
	case msgNewPolicy, msgUpdPolicy:
		return Event{Policy: true, Own: mayBeOurs(b)}, true
	case msgPolExpire:
		return Event{Policy: true, Gone: true, Own: mayBeOurs(b)}, true
	case msgDelPolicy:
		return Event{Policy: true, Gone: true, Own: mayBeOurs(deleted(b))}, true
	}
	return Event{}, false
}

// mayBeOurs looks at the selector that a structure begins with; one that cannot be read may be anybody's.
func mayBeOurs(b []byte) bool {
	return len(b) < selectorLen || getSelector(b).User == kstate.BlockUser
}

// deleted returns the policy that a notification of deletion carries behind struct xfrm_userpolicy_id, whose selector is empty where the
// policy was deleted by its index.
func deleted(b []byte) (policy []byte) {
	if err := attributes(b, policyIDLen, func(ad *netlink.AttributeDecoder) {
		if ad.Type() == attrPolicy {
			policy = ad.Bytes()
		}
	}); err != nil {
		return nil
	}
	return policy
}
