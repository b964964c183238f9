package nft

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"multiwan/src/core/kstate"
)

// ErrRefused is a rule, set or chain that could not be encoded or that the kernel refused; the transaction had no effect. The kernel
// judges message by message, and once one was refused may refuse what stands after it too, so it is the first.
type ErrRefused struct {
	Table string // "inet multiwan"
	Chain string // "" for sets and counters
	Rule  string // the rule's text, "" where What was refused
	What  string
	Err   error // a unix.Errno within, where the kernel refused
}

func (e ErrRefused) Error() string {
	what := e.What
	if e.Rule != "" {
		what = "rule " + e.Rule
	}
	return fmt.Sprintf("add to table %s chain %s: %s: %v", e.Table, e.Chain, what, e.Err)
}

// Unwrap returns the cause.
func (e ErrRefused) Unwrap() error { return e.Err }

// maxRestarts bounds how often a transaction is computed anew because another one came between reading and writing.
const maxRestarts = 10

// Apply makes our tables what is wanted in one transaction with only what differs from have, as Observe returned it; the zero Observed
// is read first. Sets in flush lose their elements. It says whether anything was sent. If the ruleset has moved on since have was read,
// the kernel refuses, and Apply reads and computes again.
func (c *Conn) Apply(ctx context.Context, want []kstate.Table, have Observed, flush []SetRef) (changed bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range maxRestarts {
		if have.Generation == 0 {
			if have, err = c.observe(ctx); err != nil {
				return false, err
			}
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
		steps, err := c.prepare(want, have, flush)
		if err != nil || len(steps) == 0 {
			return false, err
		}
		err = c.commit(steps, have.Generation)
		if !errors.Is(err, unix.ERESTART) {
			return err == nil, err
		}
		have = Observed{}
	}
	return false, errUnsettled
}

// Delete removes all our tables.
func (c *Conn) Delete(ctx context.Context) error {
	_, err := c.Apply(ctx, nil, Observed{}, nil)
	return err
}

// commit sends one transaction, to be refused with ERESTART unless the ruleset is still at the generation.
func (c *Conn) commit(steps []step, generation uint32) error {
	b := &batch{}
	for _, s := range steps {
		s.build(b)
	}
	if b.err != nil {
		return b.err
	}
	if len(b.msgs) == 0 {
		return nil
	}
	b.msgs[len(b.msgs)-1].Header.Flags |= netlink.Acknowledge
	begin, end := border(unix.NFNL_MSG_BATCH_BEGIN, u32(unix.NFNL_BATCH_GENID, generation)), border(unix.NFNL_MSG_BATCH_END)
	msgs := append(append([]netlink.Message{begin}, b.msgs...), end)
	sent, err := c.nl.SendMessages(msgs)
	if err != nil {
		return fmt.Errorf("send %d nftables messages: %w", len(msgs), err)
	}
	answers, err := c.answers()
	if err != nil {
		return err
	}
	return judge(sent, b.origin, answers)
}

// border begins or ends a transaction: struct nfgenmsg with the subsystem as its resource id (linux/netfilter/nfnetlink.h).
func border(typ uint16, attrs ...netlink.Attribute) netlink.Message {
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(typ), Flags: netlink.Request},
		Data:   append([]byte{unix.AF_UNSPEC, unix.NFNETLINK_V0, 0, unix.NFNL_SUBSYS_NFTABLES}, marshal(attrs)...),
	}
}

// judge finds the first refusal in the order of the transaction.
func judge(sent []netlink.Message, of []origin, answers map[uint32]answer) error {
	for i, m := range sent {
		a, ok := answers[m.Header.Sequence]
		if !ok || a.errno == 0 {
			continue
		}
		if i == 0 || i > len(of) {
			return fmt.Errorf("nftables transaction: %w", a)
		}
		o := of[i-1]
		return ErrRefused{Table: o.table, Chain: o.chain, Rule: o.rule, What: o.what, Err: a}
	}
	if _, ok := answers[sent[len(sent)-2].Header.Sequence]; !ok {
		return fmt.Errorf("nftables transaction: no answer from the kernel")
	}
	return nil
}

// answer is an acknowledgement, or an error with the kernel's text.
type answer struct {
	errno unix.Errno
	text  string
}

func (a answer) Error() string {
	if a.text == "" {
		return a.errno.Error()
	}
	return a.errno.Error() + " (" + a.text + ")"
}

func (a answer) Unwrap() error { return a.errno }

// answers reads what the kernel has said to the last transaction, by sequence number. It handles a transaction within the send call,
// so that all is there already; the library's Receive would stop at the first error and not say whose it is.
func (c *Conn) answers() (map[uint32]answer, error) {
	out := map[uint32]answer{}
	buf := make([]byte, 64<<10)
	for {
		var n int
		var err error
		if cerr := c.raw.Control(func(fd uintptr) { n, _, err = unix.Recvfrom(int(fd), buf, unix.MSG_DONTWAIT) }); cerr != nil {
			return nil, cerr
		}
		switch {
		case errors.Is(err, unix.EAGAIN):
			return out, nil
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, fmt.Errorf("read the answer to an nftables transaction: %w", err)
		}
		parseAnswers(buf[:n], out)
	}
}

// parseAnswers reads messages of type NLMSG_ERROR (linux/netlink.h): errno, the request's header, its body unless capped, attributes.
func parseAnswers(b []byte, out map[uint32]answer) {
	const header = unix.SizeofNlMsghdr
	for len(b) >= header {
		n := int(binary.NativeEndian.Uint32(b))
		if n < header || n > len(b) {
			return
		}
		typ, flags := binary.NativeEndian.Uint16(b[4:]), binary.NativeEndian.Uint16(b[6:])
		if body := b[header:n]; typ == unix.NLMSG_ERROR && len(body) >= 4+header {
			a := answer{errno: unix.Errno(-int32(binary.NativeEndian.Uint32(body)))}
			request := body[4:]
			skip := header
			if flags&unix.NLM_F_CAPPED == 0 && a.errno != 0 {
				skip = int(binary.NativeEndian.Uint32(request))
			}
			if flags&unix.NLM_F_ACK_TLVS != 0 && skip >= header && skip <= len(request) {
				a.text = ackText(request[min(align(skip), len(request)):])
			}
			seq := binary.NativeEndian.Uint32(request[8:])
			if old, ok := out[seq]; !ok || old.errno == 0 {
				out[seq] = a
			}
		}
		b = b[min(align(n), len(b)):]
	}
}

func align(n int) int { return (n + 3) &^ 3 }

func ackText(b []byte) string {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return ""
	}
	for ad.Next() {
		if ad.Type() == unix.NLMSGERR_ATTR_MSG {
			return ad.String()
		}
	}
	return ""
}
