package control

import (
	"context"
	"errors"
	"fmt"

	"multiwan/src/core/json"
	"multiwan/src/core/order"
)

// Method is one call that users can make.
type Method struct {
	Name string
	Help string // one line, for the documentation
	// Params are the names and types of its parameters: String, Int or Bool, as ubus publishes them.
	Params []Param
	// Call answers. It runs in the caller's own goroutine and may take long; the result is encoded as JSON.
	Call func(ctx context.Context, a Args) (any, error)
}

// Param is one parameter of a method.
type Param struct {
	_ order.Incomparable

	Name string
	Type Type
}

// Type is the type of a parameter.
type Type string

// The types that JSON, blobmsg and shells have in common.
const (
	String Type = "string"
	Int    Type = "int"
	Bool   Type = "bool"
)

// Args are the checked arguments of one call: only names of the method's Params, each of its type.
type Args map[string]any

// String returns a string argument, "" where it is absent.
func (a Args) String(name string) string { s, _ := a[name].(string); return s }

// Int returns an int argument, 0 where it is absent.
func (a Args) Int(name string) int { n, _ := a[name].(int); return n }

// Bool returns a bool argument, false where it is absent.
func (a Args) Bool(name string) bool { b, _ := a[name].(bool); return b }

// Error is a refusal that a caller can act on.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// Code classes the refusals.
type Code string

// The codes.
const (
	Usage    Code = "usage"     // unknown method or argument, or one that makes no sense
	NotFound Code = "not-found" // no such WAN, policy …
	Config   Code = "config"    // the configuration has errors
	Failed   Code = "failed"    // tried, did not work
	Denied   Code = "denied"    // not root
)

func (e *Error) Error() string { return e.Message }

// Refuse returns an Error.
func Refuse(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// check turns the arguments of a request into those of the method.
func (m Method) check(raw map[string]json.RawMessage) (Args, error) {
	args := make(Args, len(raw))
	for _, name := range order.Keys(raw) {
		i := order.First(len(m.Params), func(i int) bool { return m.Params[i].Name == name })
		if i < 0 {
			return nil, Refuse(Usage, "method %s has no parameter %q", m.Name, name)
		}
		v, err := m.Params[i].Type.decode(raw[name])
		if err != nil {
			return nil, Refuse(Usage, "method %s: parameter %s: want %s", m.Name, name, m.Params[i].Type)
		}
		args[name] = v
	}
	return args, nil
}

func (t Type) decode(raw json.RawMessage) (any, error) {
	switch t {
	case Int:
		var n int
		err := json.Unmarshal(raw, &n)
		return n, err
	case Bool:
		var b bool
		err := json.Unmarshal(raw, &b)
		return b, err
	}
	var s string
	err := json.Unmarshal(raw, &s)
	return s, err
}

// asError returns what a caller is told of err.
func asError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Refuse(Failed, "%v", err)
}
