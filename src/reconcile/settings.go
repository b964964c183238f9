package reconcile

import (
	"errors"
	"fmt"
	"io/fs"

	"multiwan/src/core/diff"
	"multiwan/src/core/kstate"
	"multiwan/src/core/order"
)

// settings returns the wanted settings that exist with their present values, and the operations that give back settings that are not
// wanted any more. One whose device is gone, or that somebody else has changed since, is forgotten: it is not ours to give back.
func (l *Loop) settings(want []kstate.Sysctl) (exist, have []kstate.Sysctl, restore []diff.Op, err error) {
	wanted := make(map[string]bool, len(want))
	for _, s := range want {
		wanted[s.Name] = true
		is, gerr := l.ports.Settings.Get(s.Name)
		if errors.Is(gerr, fs.ErrNotExist) {
			continue
		}
		if gerr != nil {
			err = errors.Join(err, fmt.Errorf("read %s: %w", s.Name, gerr))
			continue
		}
		exist = append(exist, s)
		have = append(have, is)
	}
	for _, name := range order.Keys(l.saved.Settings) {
		if wanted[name] {
			continue
		}
		s := l.saved.Settings[name]
		if is, gerr := l.ports.Settings.Get(name); gerr == nil && is.Value == s.Ours {
			restore = append(restore, diff.Op{Verb: diff.Replace, Kind: diff.Sysctl, Sysctl: kstate.Sysctl{Name: name, Value: s.Original}})
		}
	}
	return exist, have, restore, err
}

// set changes a setting; what it was before is on record first, so that whatever happens it can be given back.
func (l *Loop) set(s kstate.Sysctl) error {
	old, ours := l.saved.Settings[s.Name]
	if ours && s.Value == old.Original {
		return l.ports.Settings.Set(s) // given back; forget drops the record
	}
	if !ours {
		is, err := l.ports.Settings.Get(s.Name)
		if err != nil {
			return fmt.Errorf("read %s: %w", s.Name, err)
		}
		old.Original = is.Value
	}
	old.Ours = s.Value
	l.saved.Settings[s.Name] = old
	if err := l.store.save(l.saved); err != nil {
		return err
	}
	return l.ports.Settings.Set(s)
}

// forget drops the records of settings that are neither wanted nor ours any more.
func (l *Loop) forget(want []kstate.Sysctl) {
	for name, s := range l.saved.Settings {
		if order.Any(len(want), func(i int) bool { return want[i].Name == name }) {
			continue
		}
		if is, err := l.ports.Settings.Get(name); err != nil || is.Value != s.Ours {
			delete(l.saved.Settings, name)
		}
	}
}
