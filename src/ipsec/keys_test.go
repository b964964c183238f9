package ipsec

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"multiwan/src/core/kstate"
)

// certified is a connection whose private key is in a file of its own with a text.
func certified(t *testing.T, name, key string) kstate.Conn {
	t.Helper()
	c := conn(name)
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		t.Fatal(err)
	}
	c.PSK, c.Cert, c.PrivateKey = nil, file, file
	return c
}

func wantKeys(t *testing.T, charon *fake, want ...string) {
	t.Helper()
	charon.mu.Lock()
	defer charon.mu.Unlock()
	if got := keysOf(charon.keys); !slices.Equal(got, want) {
		t.Errorf("charon has the private keys %v, want %v", got, want)
	}
}

// lives runs clients one after the other, as lives of the daemon, against one charon that has a private key of somebody else.
func lives(t *testing.T, charon *fake, each ...func(*Client)) {
	t.Helper()
	charon.mu.Lock()
	charon.keys["foreign"] = section{}
	charon.mu.Unlock()
	for _, f := range each {
		c := New(Options{Dial: charon.dial})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); c.Run(ctx) }()
		f(c)
		cancel()
		<-done
	}
}

// TestPrivateKeys holds that a private key goes once no connection has it, whichever life of the daemon loaded it, and others' stay.
func TestPrivateKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		charon := newFake(t)
		a, b, shares := certified(t, "a", "key of a"), certified(t, "b", "key of b"), certified(t, "c", "foreign")
		lives(t, charon, func(c *Client) {
			c.Set([]kstate.Conn{a, b, shares})
			pass(time.Second)
			wantKeys(t, charon, "foreign", "key of a", "key of b")
			both := conn("d")
			both.PSK, both.Cert, both.PrivateKey = nil, b.Cert, b.PrivateKey
			c.Set([]kstate.Conn{a, both}) // another connection has the key of b
			pass(time.Second)
			wantKeys(t, charon, "foreign", "key of a", "key of b")
			c.Set([]kstate.Conn{a})
			pass(time.Second)
			wantKeys(t, charon, "foreign", "key of a")
			if err := os.WriteFile(a.PrivateKey, []byte("renewed"), 0o600); err != nil {
				t.Fatal(err)
			}
			c.Reload()
			pass(time.Second)
			wantKeys(t, charon, "foreign", "renewed")
			if err := os.WriteFile(a.PrivateKey, []byte("again"), 0o600); err != nil {
				t.Fatal(err)
			}
			pass(resyncEvery + time.Second)
			wantKeys(t, charon, "again", "foreign")
			c.Set([]kstate.Conn{a, b})
			pass(time.Second)
		}, func(c *Client) { // b was removed while no daemon ran
			c.Set([]kstate.Conn{a})
			pass(time.Second)
			wantKeys(t, charon, "again", "foreign")
			c.Set([]kstate.Conn{conn("a")}) // a shared key instead
			pass(time.Second)
			wantKeys(t, charon, "foreign")
			c.Set([]kstate.Conn{a, shares})
			pass(time.Second)
		})
		if err := New(Options{Dial: charon.dial}).Clear(t.Context()); err != nil {
			t.Error(err)
		}
		wantKeys(t, charon, "foreign")
		wantNames(t, charon)
		charon.kill()
	})
}

// TestPrivateKeysUnloaded has `swanctl --load-all` take our private key: it is loaded again. That of a connection which charon refuses is
// not loaded over and over.
func TestPrivateKeysUnloaded(t *testing.T) {
	run(t, func(c *Client, charon *fake, _ func() int) {
		bad := certified(t, "b", "key of b")
		bad.IKEProposals = []string{"nonsense"}
		c.Set([]kstate.Conn{certified(t, "a", "key of a"), bad})
		pass(time.Second)
		charon.mu.Lock()
		clear(charon.shared)
		clear(charon.keys)
		charon.mu.Unlock()
		charon.event("log", section{{key: "msg", value: "unloaded shared key with id 'multiwan-key-key of a'"}})
		pass(2 * time.Second)
		wantKeys(t, charon, "key of a", "key of b")
		before := charon.count("load-key")
		pass(10 * time.Minute)
		if n := charon.count("load-key") - before; n > 20 {
			t.Errorf("%d private keys loaded in ten minutes", n)
		}
	})
}
