package main

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"multiwan/src/control"
	"multiwan/src/core/json"
	"multiwan/src/openwrt/ubus"
)

// busMode checks the word of --ubus.
func busMode(v string) error {
	if v != "auto" && v != "off" && !strings.HasPrefix(v, "/") {
		return errors.New("want auto, off, or the path of ubusd's socket")
	}
	return nil
}

// ask calls the daemon: over ubus where --ubus names its socket, else over the control socket or, where nobody listens at the usual one,
// over ubus.
func (c *call) ask(method string, params map[string]any, result any) error {
	if strings.HasPrefix(c.ubus, "/") {
		return c.askBus(c.ubus, method, params, result)
	}
	err := control.Call(c.ctx, c.socket, method, params, result)
	if !errors.Is(err, control.ErrNotRunning) || c.ubus == "off" || c.socket != control.DefaultPath {
		return err
	}
	if onBus := c.askBus("", method, params, result); !errors.Is(onBus, control.ErrNotRunning) {
		return onBus
	}
	return err
}

// askBus calls the daemon's object on the bus. Its errors are those of control.Call.
func (c *call) askBus(path, method string, params map[string]any, result any) error {
	text := []byte("{}")
	if params != nil {
		var err error
		if text, err = json.Marshal(params); err != nil {
			return fmt.Errorf("encode the request: %w", err)
		}
	}
	args, err := ubus.FromJSON(text)
	if err != nil {
		return fmt.Errorf("encode the request: %w", err)
	}
	conn, err := ubus.Dial(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w (no ubusd answers)", control.ErrNotRunning)
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	found, err := conn.Lookup(c.ctx, "multiwan")
	if errors.Is(err, ubus.NotFound) || err == nil && len(found) == 0 {
		return fmt.Errorf("%w (no object multiwan on ubus)", control.ErrNotRunning)
	}
	if err != nil {
		return err
	}
	var answer ubus.Table
	if err := conn.Invoke(c.ctx, found[0].ID, method, args, func(t ubus.Table) { answer = t }); err != nil {
		return refusal(err, answer)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(unwrapped(method, answer), result); err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}

// unwrapped returns what the control socket would answer: what is no table there is the one member of a table on the bus, by the name of the
// method.
func unwrapped(method string, answer ubus.Table) []byte {
	text := answer.JSON()
	var inner json.RawMessage
	n := 0
	_ = json.Members(text, func(name string, v json.RawMessage) error { // JSON makes no faults
		if n++; name == method {
			inner = v
		}
		return nil
	})
	if n == 1 && inner != nil {
		return inner
	}
	return text
}

// refusal is the error for a status, in the daemon's words where it sent some.
func refusal(err error, answer ubus.Table) error {
	var s ubus.Status
	if !errors.As(err, &s) {
		return err
	}
	said, _ := answer.Get("error")
	code, _ := said.Table().Get("code")
	message, _ := said.Table().Get("message")
	switch {
	case message.String() != "":
		return control.Refuse(control.Code(code.String()), "%s", message)
	case s == ubus.PermissionDenied:
		return control.Refuse(control.Denied, "%v", err)
	case s == ubus.InvalidArgument, s == ubus.MethodNotFound:
		return control.Refuse(control.Usage, "%v", err)
	}
	return control.Refuse(control.Failed, "%v", err)
}
