package sysctl

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"multiwan/src/core/kstate"
)

// Root is where the kernel shows its settings. Those of net/ are of the network namespace of the thread that opens them.
const Root = "/proc/sys"

// maxValue bounds what is read of one setting, in bytes: the kernel gives a page at most.
const maxValue = 4096

// Tree is a directory of settings. No name leads out of it.
type Tree struct{ dir string }

// Open opens a tree: Root, or a directory of plain files in tests.
func Open(dir string) (*Tree, error) {
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open sysctl tree: %w", err)
	}
	return &Tree{dir}, nil
}

// Get reads a setting, without the newline at its end. A setting that does not exist, such as one of a device that is gone, is
// fs.ErrNotExist.
func (t *Tree) Get(name string) (kstate.Sysctl, error) {
	s := kstate.Sysctl{Name: name}
	if err := check(name); err != nil {
		return s, fmt.Errorf("get sysctl: %w", err)
	}
	f, err := os.Open(t.dir + "/" + name)
	if err != nil {
		return s, fmt.Errorf("get sysctl: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxValue))
	if err != nil {
		return s, fmt.Errorf("get sysctl: %w", err)
	}
	s.Value = strings.TrimSpace(string(b))
	return s, nil
}

// Set writes a setting that has another value, and leaves one alone that has it: some do something on being written.
func (t *Tree) Set(s kstate.Sysctl) error {
	have, err := t.Get(s.Name)
	if err != nil {
		return fmt.Errorf("set %s: %w", s, err)
	}
	if have == s {
		return nil
	}
	if strings.ContainsAny(s.Value, "\n\x00") {
		return fmt.Errorf("set sysctl %s: value %q: %w", s.Name, s.Value, fs.ErrInvalid)
	}
	f, err := os.OpenFile(t.dir+"/"+s.Name, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("set %s: %w", s, err)
	}
	_, err = f.WriteString(s.Value + "\n")
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("set %s: %w", s, err)
	}
	return nil
}

// Observe reads settings and leaves out those that do not exist.
func (t *Tree) Observe(names []string) ([]kstate.Sysctl, error) {
	var list []kstate.Sysctl
	var errs []error
	for _, n := range names {
		s, err := t.Get(n)
		switch {
		case err == nil:
			list = append(list, s)
		case !errors.Is(err, fs.ErrNotExist):
			errs = append(errs, err)
		}
	}
	return list, errors.Join(errs...)
}

func check(name string) error {
	if name == "." || !fs.ValidPath(name) || strings.ContainsAny(name, "\n\x00") {
		return fmt.Errorf("name %q: %w", name, fs.ErrInvalid)
	}
	return nil
}
