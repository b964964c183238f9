package daemon

import (
	"os"
	"slices"
	"sync"
	"time"

	"multiwan/src/core/config"
	"multiwan/src/core/status"
)

// file is the configuration file and what came of it.
type file struct {
	path string
	// extend adds to a configuration what stands elsewhere; nil: nothing does.
	extend func(path string, text []byte) extension

	mu     sync.Mutex
	state  string
	loaded time.Time
	found  config.Diagnostics
	config *config.Config
	count  uint64 // configurations put in force
	// before is the configuration that config took the place of, and when it was read.
	before       *config.Config
	beforeLoaded time.Time
}

// load reads the file. It returns what is to be put in force: at boot the valid sections, later the whole file or, where that has
// errors, nil: the configuration in force stays.
func (f *file) load(boot bool) (*config.Config, config.Diagnostics) {
	text, err := os.ReadFile(f.path)
	var more extension
	if f.extend != nil && err == nil {
		more = f.extend(f.path, text)
		text = more.text
	}
	c, found := config.Load(f.path, text)
	for i := range found {
		found[i] = more.place(found[i])
	}
	if err != nil {
		found = config.Diagnostics{{File: f.path, Want: "want a readable file: " + err.Error()}}
		c.Globals.Enabled = false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.found = found
	switch {
	case !found.HasErrors():
		f.state = status.ConfigOK
	case boot:
		f.state = status.ConfigErrors
	default:
		if f.state != status.ConfigErrors {
			f.state = status.ConfigLastGood
		}
		return nil, found
	}
	f.before, f.beforeLoaded = f.config, f.loaded
	f.config, f.loaded = c, time.Now()
	f.count++
	return c, found
}

// refused takes back a configuration that the loop cannot put in force, if it is still the last one. It returns the one in force.
func (f *file) refused(c *config.Config, why error) *config.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.config == c && f.before != nil {
		f.config, f.loaded, f.state = f.before, f.beforeLoaded, status.ConfigLastGood
		f.found = append(slices.Clone(f.found), config.Diagnostic{File: f.path, Section: "globals", Want: why.Error()})
		f.count--
	}
	return f.config
}

// running returns the configuration in force.
func (f *file) running() *config.Config {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.config
}

// fill puts what the file knows into the source of a status.
func (f *file) fill(s *status.Source) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s.File, s.ConfigState, s.Loaded, s.Diagnostics, s.Config = f.path, f.state, f.loaded, f.found, f.config
	s.Counters.Reloads = f.count
}

// complaints is how many findings are logged; the status has them all.
const complaints = 20

// complain logs the findings of a load.
func (d *daemon) complain(found config.Diagnostics) {
	for i, f := range found {
		if i == complaints {
			d.log.Warnf("%d more: see `multiwan check`", len(found)-i)
			return
		}
		if f.Warning {
			d.log.Warn(f.String())
		} else {
			d.log.Error(f.String())
		}
	}
}

// reload reads the file again and puts it in force if it has no errors. It returns the state of the configuration.
func (d *daemon) reload() status.Config {
	c, found := d.file.load(false)
	d.complain(found)
	if c == nil {
		d.log.Error("reload refused: the configuration in force stays as it is")
	} else {
		d.log.Info("reload")
		d.apply(c)
		d.ike.Reload()
	}
	var s status.Source
	d.file.fill(&s)
	out := status.Config{State: s.ConfigState, File: s.File, Loaded: s.Loaded.Unix()}
	out.Errors, out.Warnings = status.Diagnose(found, d.file.path)
	return out
}

// apply puts a configuration in force.
func (d *daemon) apply(c *config.Config) {
	d.follow(c)
	d.loop.SetConfig(c)
}

// follow takes what of a configuration concerns the daemon itself.
func (d *daemon) follow(c *config.Config) {
	d.setLevel(c.Globals.LogLevel)
	d.hooks.SetDir(c.Globals.HookDir)
	fw := firewallFile(d.file.path)
	d.record.fault("hardware flow offload", offloaded(c, fw))
	d.firewall.read(fw)
	boundMemory(c)
}

// refuse goes back to the configuration before c.
func (d *daemon) refuse(c *config.Config, why error) { d.follow(d.file.refused(c, why)) }
