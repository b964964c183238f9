package daemon

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"multiwan/src/core/kstate"
	"multiwan/src/ipsec"
	"multiwan/src/reconcile"
)

// swanctlFile holds what is loaded into charon as swanctl.conf(5), keys included, for its owner alone: `swanctl --load-all`, which OpenWrt's
// init script of strongSwan calls at each reload, unloads what stands in none of its files.
type swanctlFile struct {
	path  string // empty: there is no such file
	fault func(part string, err error)
	text  string // that the file has
}

// follow writes what a pass came to. One that decided nothing changes nothing.
func (f *swanctlFile) follow(s reconcile.Snapshot) {
	if s.Err != nil || f.path == "" {
		return
	}
	var conns []kstate.Conn
	if s.Overlay != nil {
		conns = s.Overlay.Conns
	}
	f.write(ipsec.SwanctlText(conns))
}

// write replaces the file where it has another text, and removes it for none.
func (f *swanctlFile) write(text string) {
	if f.path == "" || text == f.text && text != "" {
		return
	}
	var err error
	if text != "" {
		err = reconcile.Replace(f.path, []byte("# Written by multiwan at each change.\n"+text))
	} else if err = os.Remove(f.path); errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	if err == nil {
		f.text = text
	} else {
		err = fmt.Errorf("write what swanctl is to keep: %w", err)
	}
	f.fault("swanctl file", err)
}
