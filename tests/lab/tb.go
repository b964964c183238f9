package lab

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
)

// TB is what the lab needs of a test. *testing.T and *testing.B have it; [Run]
// gives it to programs that are not tests.
type TB interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Skipf(format string, args ...any)
	Cleanup(func())
}

// Run calls f outside of a test, prints its log to standard error, runs the
// clean-ups in reverse order and returns the first failure, or nil.
func Run(name string, f func(TB)) error {
	p := &program{name: name}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer p.cleanup()
		f(p)
	}()
	<-done
	return p.err
}

// program is the TB of a program.
type program struct {
	name string

	mu    sync.Mutex
	err   error
	stack []func()
}

func (p *program) Helper()      {}
func (p *program) Name() string { return p.name }

func (p *program) Logf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (p *program) Errorf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = errors.Join(p.err, fmt.Errorf(format, args...))
}

// Fatalf ends the calling goroutine, as that of testing does.
func (p *program) Fatalf(format string, args ...any) {
	p.Errorf(format, args...)
	runtime.Goexit()
}

// Skipf is a failure here: a program that cannot do its work says so.
func (p *program) Skipf(format string, args ...any) { p.Fatalf(format, args...) }

func (p *program) Cleanup(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stack = append(p.stack, f)
}

func (p *program) cleanup() {
	for {
		p.mu.Lock()
		n := len(p.stack)
		if n == 0 {
			p.mu.Unlock()
			return
		}
		f := p.stack[n-1]
		p.stack = p.stack[:n-1]
		p.mu.Unlock()
		f()
	}
}
