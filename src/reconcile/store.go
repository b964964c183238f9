package reconcile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"multiwan/src/core/diff"
	"multiwan/src/core/json"
	"multiwan/src/core/kstate"
	"multiwan/src/core/plan"
)

// savedVersion is the version of the state file's form. A file of another version is ignored: all that is in it can be found again,
// but for original settings, whose form does not change.
const savedVersion = 1

// saved is what outlives the process, not the machine: the file lies in /var/run.
type saved struct {
	Version int
	// WANs and Policies are the stable ids.
	WANs, Policies map[string]int
	// Settings are the kernel settings that were changed, by name.
	Settings map[string]setting
	// Numbers are the ranges that are used in place of the configured ones.
	Numbers numbers
	// View is what the last completed effects were based on.
	View diff.View
	// Verdicts are the last of each WAN and family: a restart goes on with them until the first new ones.
	Verdicts map[string]map[kstate.Family]verdict
	Drains   []drain
	Overlay  made
	// stood says that our objects were in the kernel, although no view of them was kept.
	stood bool
}

// setting is a kernel setting's value before we came, and the one that we gave it.
type setting struct{ Original, Ours string }

// verdict is health's word with its reason.
type verdict struct {
	plan.Verdict
	Reason string
	At     time.Time
	// Adopted says that it comes from the state file or was read off the kernel.
	Adopted bool `json:"-"`
}

// drain is an eviction that is due later.
type drain struct {
	Due   time.Time
	Evict *diff.Eviction
	Tries int // that failed
}

func newSaved() *saved {
	return &saved{
		Version: savedVersion, WANs: map[string]int{}, Policies: map[string]int{}, Settings: map[string]setting{},
		Verdicts: map[string]map[kstate.Family]verdict{},
	}
}

// store keeps saved in a file. It writes only what changed, and whole: to a file beside it that is renamed.
type store struct {
	path string
	last []byte
}

// load reads the file. found is false where there is none or where it cannot be read: the error then says why.
func (s *store) load() (v *saved, found bool, err error) {
	v = newSaved()
	if s.path == "" {
		return v, false, nil
	}
	b, err := os.ReadFile(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return v, false, nil
	}
	if err != nil {
		return v, false, fmt.Errorf("read state: %w", err)
	}
	got := newSaved()
	if err := json.Unmarshal(b, got); err != nil {
		return v, false, fmt.Errorf("read state %s: %w", s.path, err)
	}
	if got.Version != savedVersion {
		v.Settings = got.Settings
		return v, false, fmt.Errorf("read state %s: version %d, want %d", s.path, got.Version, savedVersion)
	}
	s.last = b
	return got, true, nil
}

// save writes v if it differs from what is in the file.
func (s *store) save(v *saved) error {
	if s.path == "" {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	if bytes.Equal(b, s.last) {
		return nil
	}
	if err := Replace(s.path, b); err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	s.last = b
	return nil
}

// Replace writes a file whole, for its owner's eyes only: whoever reads it finds what was there, or all of b. Its folder is made where it
// is missing.
func Replace(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, b, 0o600); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

// remove deletes the file.
func (s *store) remove() error {
	s.last = nil
	if s.path == "" {
		return nil
	}
	for _, path := range []string{s.path + ".new", s.path} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove state: %w", err)
		}
	}
	return nil
}
