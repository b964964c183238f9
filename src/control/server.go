package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"multiwan/src/core/json"
	"multiwan/src/socket"
)

// DefaultPath is where the daemon listens.
const DefaultPath = "/var/run/multiwan.sock"

const (
	requestLimit = 1 << 20         // bytes of a request: a configuration file fits
	requestTime  = 5 * time.Second // for a request to arrive whole
	replyTime    = 5 * time.Second // for a reply to be taken
	maxClients   = 16              // at once; more wait
)

type request struct {
	Method string                     `json:"method"`
	Params map[string]json.RawMessage `json:"params,omitempty"`
}

type reply struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// Server answers requests with its methods.
type Server struct {
	methods map[string]Method
}

// NewServer returns a server of the methods.
func NewServer(methods []Method) *Server {
	s := &Server{methods: make(map[string]Method, len(methods))}
	for _, m := range methods {
		s.methods[m.Name] = m
	}
	return s
}

// Listen makes the socket at path, for root alone. The socket of a daemon that is gone is replaced; where one still answers, the error
// wraps syscall.EADDRINUSE.
func Listen(path string) (*socket.Listener, error) {
	if c, err := socket.Dial(path); err == nil {
		c.Close()
		return nil, fmt.Errorf("listen on %s: another daemon answers there: %w", path, syscall.EADDRINUSE)
	}
	if info, err := os.Lstat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("listen on %s: %w", path, err)
		}
	}
	l, err := socket.Listen(path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	// Between bind and chmod the umask decides who can connect: the peer's credentials are checked on every connection all the same.
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return l, nil
}

// Serve answers the connections of l until ctx ends, then closes l and waits for the calls, whose contexts have ended too.
func (s *Server) Serve(ctx context.Context, l *socket.Listener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	var calls sync.WaitGroup
	defer calls.Wait()
	free := make(chan struct{}, maxClients)
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			if err == nil {
				conn.Close()
			}
			return nil
		}
		if errors.Is(err, os.ErrClosed) {
			return fmt.Errorf("accept on %s: %w", l.Path(), err)
		}
		if err != nil { // out of descriptors or memory: passes
			time.Sleep(100 * time.Millisecond)
			continue
		}
		free <- struct{}{}
		calls.Go(func() {
			defer func() { <-free }()
			defer conn.Close()
			if err := allowed(conn); err != nil {
				s.send(conn, reply{Error: asError(err)})
				return
			}
			s.ServeConn(ctx, conn)
		})
	}
}

// allowed admits root and, in tests that run without root, the daemon's own user.
func allowed(conn *socket.Conn) error {
	var cred *unix.Ucred
	err := conn.Control(func(fd int) (err error) {
		cred, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return err
	})
	if err != nil {
		return fmt.Errorf("read the peer's credentials: %w", err)
	}
	if cred.Uid != 0 && cred.Uid != uint32(os.Geteuid()) {
		return Refuse(Denied, "permission denied for uid %d", cred.Uid)
	}
	return nil
}

// ServeConn answers one request. The call's context ends when the client goes away.
func (s *Server) ServeConn(ctx context.Context, conn net.Conn) {
	_ = conn.SetReadDeadline(time.Now().Add(requestTime))
	line, err := bufio.NewReaderSize(io.LimitReader(conn, requestLimit), 1024).ReadBytes('\n')
	if err != nil {
		s.send(conn, reply{Error: Refuse(Usage, "read the request: %v", err)})
		return
	}
	_ = conn.SetReadDeadline(time.Time{})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // the client says nothing more: a read that ends means that it is gone
		_, _ = conn.Read(make([]byte, 1))
		cancel()
	}()
	s.send(conn, s.answer(ctx, line))
}

func (s *Server) answer(ctx context.Context, line []byte) reply {
	var req request
	if err := json.Unmarshal(line, &req); err != nil {
		return reply{Error: Refuse(Usage, "read the request: %v", err)}
	}
	m, ok := s.methods[req.Method]
	if !ok {
		return reply{Error: Refuse(Usage, "unknown method %q", req.Method)}
	}
	args, err := m.check(req.Params)
	if err != nil {
		return reply{Error: asError(err)}
	}
	result, err := m.Call(ctx, args)
	if err != nil {
		return reply{Error: asError(err)}
	}
	text, err := json.Marshal(result)
	if err != nil {
		return reply{Error: asError(fmt.Errorf("encode the answer of %s: %w", req.Method, err))}
	}
	return reply{Result: text}
}

func (s *Server) send(conn net.Conn, r reply) {
	text, err := json.Marshal(r)
	if err != nil {
		return // a RawMessage from Marshal and strings: cannot happen
	}
	_ = conn.SetWriteDeadline(time.Now().Add(replyTime))
	_, _ = conn.Write(append(text, '\n'))
}
