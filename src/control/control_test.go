package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func testMethods() []Method {
	return []Method{
		{Name: "sum", Params: []Param{{Name: "a", Type: Int}, {Name: "b", Type: Int}, {Name: "loud", Type: Bool}, {Name: "name", Type: String}},
			Call: func(_ context.Context, a Args) (any, error) {
				return map[string]any{"sum": a.Int("a") + a.Int("b"), "loud": a.Bool("loud"), "name": a.String("name")}, nil
			}},
		{Name: "missing", Call: func(context.Context, Args) (any, error) {
			return nil, fmt.Errorf("look up: %w", Refuse(NotFound, "no WAN %q", "x"))
		}},
		{Name: "fails", Call: func(context.Context, Args) (any, error) { return nil, errors.New("broken") }},
		{Name: "slow", Call: func(ctx context.Context, _ Args) (any, error) { <-ctx.Done(); return nil, ctx.Err() }},
	}
}

func dialPipe(t *testing.T) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { client.Close() })
	go func() {
		defer server.Close()
		NewServer(testMethods()).ServeConn(t.Context(), server)
	}()
	return client
}

func TestCall(t *testing.T) {
	var got struct {
		Sum  int
		Loud bool
		Name string
	}
	err := CallConn(t.Context(), dialPipe(t), "sum", map[string]any{"a": 40, "b": 2, "loud": true, "name": "ä\n"}, &got)
	if err != nil || got.Sum != 42 || !got.Loud || got.Name != "ä\n" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		method string
		params map[string]any
		want   Error
	}{
		{"nothing", nil, Error{Usage, `unknown method "nothing"`}},
		{"sum", map[string]any{"c": 1}, Error{Usage, `method sum has no parameter "c"`}},
		{"sum", map[string]any{"a": "x"}, Error{Usage, `method sum: parameter a: want int`}},
		{"missing", nil, Error{NotFound, `no WAN "x"`}},
		{"fails", nil, Error{Failed, "broken"}},
	} {
		err := CallConn(t.Context(), dialPipe(t), c.method, c.params, nil)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v is no *Error", c.method, err)
			continue
		}
		if c.method == "missing" {
			e.Message = strings.TrimPrefix(e.Message, "look up: ")
		}
		if d := cmp.Diff(c.want, *e); d != "" {
			t.Errorf("%s: %s", c.method, d)
		}
	}
}

func TestBadRequests(t *testing.T) {
	for _, text := range []string{"\n", "nonsense\n", `{"method":7}` + "\n", `{"params":[]}` + "\n"} {
		conn := dialPipe(t)
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		answer, err := io.ReadAll(conn)
		if err != nil || !strings.Contains(string(answer), `"error":{"code":"usage"`) {
			t.Errorf("%q was answered %q, %v", text, answer, err)
		}
	}
}

// serve runs a server on a socket of the test.
func serve(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- NewServer(testMethods()).Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return path
}

func TestSocket(t *testing.T) {
	path := serve(t)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	slow, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	finished := make(chan error)
	go func() { finished <- Call(slow, path, "slow", nil, nil) }()
	if err := Call(t.Context(), path, "sum", nil, nil); err != nil {
		t.Errorf("a call beside a slow one: %v", err)
	}
	if err := <-finished; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the slow call ended with %v", err)
	}
	if _, err := Listen(path); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("a second daemon: %v, want address in use", err)
	}
}

func TestNotRunning(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	if err := Call(t.Context(), path, "sum", nil, nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("without a socket: %v", err)
	}
	// A killed daemon leaves its socket behind: nobody listens, and the next daemon takes it.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	if err := Call(t.Context(), path, "sum", nil, nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("with a stale socket: %v", err)
	}
	taken, err := Listen(path)
	if err != nil {
		t.Fatalf("listen over a stale socket: %v", err)
	}
	taken.Close()
}
