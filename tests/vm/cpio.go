package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// archive writes an initramfs in the "newc" form of cpio
// (Documentation/driver-api/early-userspace/buffer-format.rst). Directories on
// the way to a file are made by themselves.
type archive struct {
	w    io.Writer
	seen map[string]bool
	ino  int
	err  error // the first one; later calls do nothing
}

func newArchive(w io.Writer) *archive { return &archive{w: w, seen: map[string]bool{}} }

const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeLink = 0o120000
)

// has reports whether a name is there already.
func (a *archive) has(name string) bool { return a.seen[path.Clean(name)] }

// dir adds a directory and those above it.
func (a *archive) dir(name string) {
	if name = path.Clean(name); name == "/" || name == "." || a.seen[name] {
		return
	}
	a.dir(path.Dir(name))
	a.entry(name, modeDir|0o755, nil)
}

// file adds a file with its content.
func (a *archive) file(name string, mode uint32, content []byte) {
	a.dir(path.Dir(name))
	a.entry(name, modeFile|mode, content)
}

// link adds a symbolic link.
func (a *archive) link(name, target string) {
	a.dir(path.Dir(name))
	a.entry(name, modeLink|0o777, []byte(target))
}

// copy adds a file of this machine.
func (a *archive) copy(name, from string) {
	if a.err != nil || a.has(name) {
		return
	}
	b, err := os.ReadFile(from)
	if err != nil {
		a.err = err
		return
	}
	mode := uint32(0o644)
	if st, err := os.Stat(from); err == nil && st.Mode()&0o111 != 0 {
		mode = 0o755
	}
	a.file(name, mode, b)
}

// tree adds the files below a directory of this machine, and what links there
// point to; one that is missing is empty.
func (a *archive) tree(name, from string) {
	entries, err := os.ReadDir(from)
	if err != nil && !errors.Is(err, fs.ErrNotExist) && a.err == nil {
		a.err = err
	}
	for _, e := range entries {
		child, source := path.Join(name, e.Name()), filepath.Join(from, e.Name())
		if st, err := os.Stat(source); err == nil && st.IsDir() {
			a.tree(child, source)
		} else {
			a.copy(child, source)
		}
	}
}

// close writes the end and returns the first error.
func (a *archive) close() error {
	a.entry("TRAILER!!!", 0, nil)
	return a.err
}

func (a *archive) entry(name string, mode uint32, content []byte) {
	name = path.Clean(name)
	if a.err != nil || a.seen[name] {
		return
	}
	a.seen[name] = true
	a.ino++
	stored := name
	if stored[0] == '/' {
		stored = stored[1:]
	}
	// magic ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor
	// rdevminor namesize check
	head := fmt.Sprintf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x",
		a.ino, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(stored)+1, 0)
	a.write(head + stored + "\x00" + pad(len(head)+len(stored)+1))
	a.write(string(content) + pad(len(content)))
}

func (a *archive) write(s string) {
	if a.err == nil {
		_, a.err = io.WriteString(a.w, s)
	}
}

// pad fills up to a multiple of four.
func pad(n int) string { return "\x00\x00\x00"[:(4-n%4)%4] }
