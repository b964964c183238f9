package control

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"

	"multiwan/src/core/json"
	"multiwan/src/socket"
)

// ErrNotRunning says that no daemon listens.
var ErrNotRunning = errors.New("multiwan is not running")

// replyLimit bounds a reply, in bytes: a history with all evidence of 60 WANs is well below.
const replyLimit = 32 << 20

// Call asks the daemon that listens at path. Params are the arguments by name; the result is decoded into result, unless that is nil.
// Errors: ErrNotRunning, *Error as the daemon answered, or what the socket said.
func Call(ctx context.Context, path, method string, params map[string]any, result any) error {
	conn, err := socket.Dial(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w (nobody listens at %s)", ErrNotRunning, path)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	return CallConn(ctx, conn, method, params, result)
}

// CallConn is Call on a connection, which it uses up.
func CallConn(ctx context.Context, conn net.Conn, method string, params map[string]any, result any) error {
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	text, err := json.Marshal(struct {
		Method string         `json:"method"`
		Params map[string]any `json:"params,omitempty"`
	}{method, params})
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	if _, err := conn.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	var r reply
	line, err := bufio.NewReader(io.LimitReader(conn, replyLimit)).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &r)
	}
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	if r.Error != nil {
		return r.Error
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(r.Result, result); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}
