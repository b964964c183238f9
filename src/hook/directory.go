package hook

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// executables returns the paths of a directory's hooks in lexical order, and what was refused and why. A missing directory holds none.
// Files that nobody may execute and dot files are no hooks. Root will run what is here, so that the directory and the files must belong
// to owner and be writable by nobody else; links are refused, since where they lead could be writable.
func executables(dir string, owner uint32) (hooks []string, refused []error) {
	info, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, []error{err}
	}
	if !info.IsDir() {
		return nil, []error{fmt.Errorf("refuse %s: not a directory", dir)}
	}
	if err := trusted(dir, info, owner); err != nil {
		return nil, []error{err}
	}
	names, err := names(dir)
	if err != nil {
		return nil, []error{err}
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := os.Lstat(path)
		switch {
		case err != nil, strings.HasPrefix(name, "."), info.IsDir():
			continue
		case !info.Mode().IsRegular():
			refused = append(refused, fmt.Errorf("refuse %s: not a regular file", path))
		case info.Mode()&0o111 == 0:
			continue
		default:
			if err := trusted(path, info, owner); err != nil {
				refused = append(refused, err)
				continue
			}
			hooks = append(hooks, path)
		}
	}
	return hooks, refused
}

// names lists a directory, sorted. os.ReadDir would do, but brings a sorter of its own.
func names(dir string) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	slices.Sort(names)
	return names, err
}

// trusted refuses what somebody other than owner could have written.
func trusted(path string, info fs.FileInfo, owner uint32) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return fmt.Errorf("refuse %s: owner unknown", path)
	case st.Uid != owner:
		return fmt.Errorf("refuse %s: owned by uid %d, want %d", path, st.Uid, owner)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("refuse %s: mode %04o lets others write", path, info.Mode().Perm())
	}
	return nil
}
