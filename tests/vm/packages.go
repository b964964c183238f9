package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// apt asks Debian's archive.
type apt struct {
	config string // a file for APT_CONFIG; empty: what this machine itself uses
	update bool   // may its lists be renewed
}

// command is one of apt's programs, run in a directory.
func (a apt) command(dir, name string, args ...string) *exec.Cmd {
	c := exec.Command(name, args...)
	c.Dir = dir
	if a.config != "" {
		c.Env = append(os.Environ(), "APT_CONFIG="+a.config)
	}
	return c
}

// run is command with an error that has what was printed.
func (a apt) run(dir, name string, args ...string) error {
	if out, err := a.command(dir, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}

// aptFor is the apt for packages of an architecture. That of a foreign one has lists, a cache and an empty status of its own: the machine's
// own dpkg neither knows nor notices the architecture. Its archive is the one that the machine uses.
func aptFor(cache string, arch architecture) (apt, error) {
	if !arch.foreign {
		return apt{update: os.Geteuid() == 0}, nil
	}
	dir := filepath.Join(cache, arch.cacheName("apt"))
	a := apt{config: filepath.Join(dir, "apt.conf"), update: true}
	if _, err := os.Stat(a.config); err == nil {
		return a, nil
	}
	source, err := debianSource()
	if err != nil {
		return a, err
	}
	for _, d := range []string{"lists/partial", "archives/partial", "sources"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return a, err
		}
	}
	for name, text := range map[string]string{"status": "", "sources/debian.list": source, "apt.conf": aptConfig(dir, arch.name)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return a, err
		}
	}
	return a, nil
}

// aptConfig is the configuration of an apt that lives in a directory. Its user cannot go into another one's cache, hence the sandbox.
func aptConfig(dir, arch string) string {
	return fmt.Sprintf(`APT::Architecture "%[2]s";
APT::Architectures { "%[2]s"; };
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Debug::NoLocking "true";
Dir::State "%[1]s";
Dir::State::lists "%[1]s/lists";
Dir::State::status "%[1]s/status";
Dir::Cache "%[1]s";
Dir::Cache::archives "%[1]s/archives";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "%[1]s/sources";
`, dir, arch)
}

// keyring is where Debian 12 has the keys of its archive.
const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg"

// debianSource is a line of sources.list for the release that this machine has, from the mirror that it uses, without updates and security:
// other architectures leave those early.
func debianSource() (string, error) {
	list := func() (string, error) {
		out, err := exec.Command("apt-get", "indextargets", "--format", "$(ORIGIN) $(LABEL) $(COMPONENT) $(CODENAME) $(REPO_URI)", "Created-By: Packages").Output()
		if err != nil {
			return "", fmt.Errorf("apt-get indextargets: %w", err)
		}
		return readTargets(string(out))
	}
	line, err := list()
	if err != nil && os.Geteuid() == 0 {
		if err := (apt{}).run("/", "apt-get", "-q", "update"); err != nil {
			return "", err
		}
		line, err = list()
	}
	return line, err
}

// readTargets finds Debian's main archive among the indexes of apt, lines of origin, label, component, codename, address.
func readTargets(text string) (string, error) {
	for _, line := range strings.Split(text, "\n") {
		f := strings.Fields(line)
		if len(f) != 5 || f[0] != "Debian" || f[1] != "Debian" || f[2] != "main" || strings.Contains(f[3], "-") {
			continue
		}
		signed := ""
		if _, err := os.Stat(keyring); err == nil {
			signed = "[signed-by=" + keyring + "] "
		}
		return fmt.Sprintf("deb %s%s %s main\n", signed, f[4], f[3]), nil
	}
	return "", errors.New("apt has no lists of Debian's main archive (try apt-get update)")
}
