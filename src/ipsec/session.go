package ipsec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"multiwan/src/core/kstate"
)

// DefaultSocket is where charon listens unless its vici plugin is told otherwise.
const DefaultSocket = "/var/run/charon.vici"

// commandTimeout bounds a command. Charon answers within milliseconds, unless it waits for the resolver or is stopped.
const commandTimeout = 30 * time.Second

// events are the hints that we listen for. The log says why a connection fails; charon has a dozen lines of level 1 for a handshake and
// few else.
func hints() []string {
	return []string{"ike-updown", "child-updown", "ike-rekey", "child-rekey", "log"}
}

// eventQueue is how many events may wait; more are dropped, then everything is listed.
const eventQueue = 256

// refusal is the answer of charon to a command that it did not carry out.
type refusal struct{ command, why string }

func (r refusal) Error() string { return r.command + ": " + r.why }

// session is one connection to charon, and what is known to be loaded there.
type session struct {
	*wire
	ours map[string]bool // private keys in charon that we have put there, by id
}

func openSession(ctx context.Context, dial func(context.Context) (net.Conn, error)) (*session, error) {
	c, err := dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to charon: %w", err)
	}
	return &session{wire: newWire(c, eventQueue), ours: map[string]bool{}}, nil
}

// subscribe asks for the events.
func (s *session) subscribe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	for _, name := range hints() {
		if _, err := s.ask(ctx, packetRegister, name, nil, nil); err != nil {
			return fmt.Errorf("subscribe to events of charon: %w", err)
		}
	}
	return nil
}

// call runs a command. A refusal leaves the session good, any other error does not.
func (s *session) call(ctx context.Context, command string, args section) (values, error) {
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	answer, err := s.ask(ctx, packetCommand, command, args, nil)
	if err != nil {
		return values{}, err
	}
	v := values{answer}
	return v, v.refused(command)
}

// refused is the refusal that an answer says, if it does.
func (v values) refused(command string) error {
	if success := v.text("success"); success != "" && success != "yes" {
		return refusal{command, v.text("errmsg")}
	}
	return nil
}

// list returns the SAs of our connections by name, without the prefix; of one connection, unless name is "".
func (s *session) list(ctx context.Context, name string) (map[string][]SA, error) {
	var args section
	if name != "" {
		args = args.option("ike", prefix+name)
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	found := map[string][]SA{}
	now := time.Now()
	if _, err := s.ask(ctx, packetRegister, saEvent, nil, nil); err != nil {
		return nil, err
	}
	answer, err := s.ask(ctx, packetCommand, "list-sas", args, func(entry section) {
		values{entry}.sections(func(key string, v values) {
			if n, ours := strings.CutPrefix(key, prefix); ours {
				found[n] = append(found[n], readSA(v, now))
			}
		})
	})
	if err == nil {
		_, err = s.ask(ctx, packetUnregister, saEvent, nil, nil)
	}
	if err == nil {
		err = values{answer}.refused("list-sas")
	}
	if err != nil {
		return nil, err
	}
	for _, sas := range found {
		sortSAs(sas)
	}
	return found, nil
}

// loaded returns the names of our connections and of our shared keys in charon, without the prefixes, and notes our private keys.
func (s *session) loaded(ctx context.Context) (conns, keys []string, err error) {
	answer, err := s.call(ctx, "get-conns", nil)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range answer.list("conns") {
		if n, ours := strings.CutPrefix(n, prefix); ours {
			conns = append(conns, n)
		}
	}
	if answer, err = s.call(ctx, "get-shared", nil); err != nil {
		return nil, nil, err
	}
	clear(s.ours)
	for _, n := range answer.list("keys") {
		if id, ours := strings.CutPrefix(n, notePrefix); ours {
			s.ours[id] = true
		} else if n, ours := strings.CutPrefix(n, keyPrefix); ours {
			keys = append(keys, n)
		}
	}
	return conns, keys, nil
}

// load has charon hold a connection and its key, in place of what it has under that name, and returns the id of its private key, which
// is there even if charon refuses the connection. SAs are left alone.
func (s *session) load(ctx context.Context, c kstate.Conn) (id string, err error) {
	if len(c.PSK) > 0 {
		if _, err := s.call(ctx, "load-shared", sharedKey(c)); err != nil {
			return "", err
		}
	}
	if c.PrivateKey != "" {
		if id, err = s.loadKey(ctx, c.PrivateKey); err != nil {
			return "", err
		}
	}
	_, err = s.call(ctx, "load-conn", section{}.section(prefix+c.Name, connection(c)))
	return id, err
}

// loadKey loads a private key and notes in charon that it is ours, unless it was there. Charon names private keys by ids alone, which do not
// say whose they are.
func (s *session) loadKey(ctx context.Context, path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", refusal{"load-key", err.Error()}
	}
	had, err := s.call(ctx, "get-keys", nil)
	if err != nil {
		return "", err
	}
	answer, err := s.call(ctx, "load-key", section{{key: "type", value: "any"}, {key: "data", value: string(b)}})
	if err != nil {
		return "", err
	}
	id := answer.text("id")
	if s.ours[id] || slices.Contains(had.list("keys"), id) {
		return id, nil
	}
	s.ours[id] = true
	_, err = s.call(ctx, "load-shared", note(id))
	return id, err
}

// unload removes a connection, its key and its SAs.
func (s *session) unload(ctx context.Context, name string) error {
	return errors.Join(
		harmless(s.call(ctx, "unload-conn", section{{key: "name", value: prefix + name}})),
		harmless(s.call(ctx, "unload-shared", section{{key: "id", value: keyPrefix + name}})),
		harmless(s.call(ctx, "terminate", section{{key: "ike", value: prefix + name}, {key: "force", value: "yes"}, {key: "timeout", value: "-1"}})))
}

// unloadKeys removes our private keys but those in use, and what notes them last.
func (s *session) unloadKeys(ctx context.Context, used map[string]bool) error {
	for id := range s.ours {
		if used[id] {
			continue
		}
		if err := errors.Join(harmless(s.call(ctx, "unload-key", section{{key: "id", value: id}})),
			harmless(s.call(ctx, "unload-shared", section{{key: "id", value: notePrefix + id}}))); err != nil {
			return err
		}
		delete(s.ours, id)
	}
	return nil
}

// initiate begins to set a connection up and does not wait for the peer.
func (s *session) initiate(ctx context.Context, name string) error {
	_, err := s.call(ctx, "initiate", section{{key: "ike", value: prefix + name}, {key: "child", value: prefix + name}, {key: "timeout", value: "-1"}})
	return err
}

// terminate ends an IKE_SA and its CHILD_SAs at once. The peer is told, but not waited for.
func (s *session) terminate(ctx context.Context, ike uint64) error {
	return harmless(s.call(ctx, "terminate", section{{key: "ike-id", value: strconv.FormatUint(ike, 10)},
		{key: "force", value: "yes"}, {key: "timeout", value: "-1"}}))
}

// harmless drops the refusal to remove what is not there.
func harmless(_ values, err error) error {
	var r refusal
	if errors.As(err, &r) {
		return nil
	}
	return err
}
