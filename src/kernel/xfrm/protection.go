package xfrm

import (
	"context"

	"multiwan/src/core/kstate"
)

// State is what the kernel does with packets in one direction.
type State string

// The states.
const (
	Clear     State = "clear"     // they pass unprotected
	Blocked   State = "blocked"   // they are dropped
	Waiting   State = "waiting"   // a policy demands an association that does not exist; the first packet asks charon for it
	Protected State = "protected" // they pass under SAs
)

// Protection is the fate of what a block is about, in its direction.
type Protection struct {
	State State
	// Policy is the one that decides; its Family is 0 where none applies to all of it. Ours says that it is one of our blocks.
	Policy kstate.Policy
	Ours   bool
	// SAs are those that the policy would use. While keys are renewed there are two or more.
	SAs []kstate.SA
}

// Protection looks up what the kernel does with all packets between the ends of a block, in its direction.
func (c *Conn) Protection(ctx context.Context, k kstate.Block) (Protection, error) {
	policies, err := c.Policies(ctx)
	if err != nil {
		return Protection{}, err
	}
	sas, err := c.SAs(ctx)
	if err != nil {
		return Protection{}, err
	}
	return Protect(k, policies, sas), nil
}

// Protect is Protection on a listing that the caller has already.
func Protect(k kstate.Block, policies []kstate.Policy, sas []kstate.SA) Protection {
	var first *kstate.Policy
	for i := range policies {
		if p := &policies[i]; p.Covers(k) && (first == nil || p.Priority < first.Priority) {
			first = p
		}
	}
	switch {
	case first == nil:
		return Protection{State: Clear}
	case first.Action != "allow":
		return Protection{State: Blocked, Policy: *first, Ours: ours(*first)}
	}
	out := Protection{State: Clear, Policy: *first}
	for _, t := range first.Templates {
		found := matching(t, k, sas)
		switch {
		case len(found) > 0 && out.State == Clear:
			out.State = Protected
		case len(found) == 0 && !t.Optional:
			out.State = Waiting
		}
		out.SAs = append(out.SAs, found...)
	}
	return out
}

// matching finds the associations of a template. In transport mode its unspecified ends are those of the packet.
func matching(t kstate.Template, k kstate.Block, sas []kstate.SA) []kstate.SA {
	src, dst := t.Src, t.Dst
	if t.Mode == "transport" {
		if !src.IsValid() || src.IsUnspecified() {
			src = k.Src.Addr()
		}
		if !dst.IsValid() || dst.IsUnspecified() {
			dst = k.Dst.Addr()
		}
	}
	var out []kstate.SA
	for _, s := range sas {
		if s.Proto == t.Proto && s.Mode == t.Mode && (t.ReqID == 0 || s.ReqID == t.ReqID) && s.Src == src && s.Dst == dst {
			out = append(out, s)
		}
	}
	return out
}
