package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// file is a regular file of a package.
type file struct {
	path string // from the root, without a leading slash
	mode int64
	data []byte
}

// secret are files that may hold keys: git keeps no such mode.
var secret = []string{"etc/config/multiwan"}

// readTree returns the files below a directory, by path, whose path is wanted.
func readTree(dir string, wanted func(path string) bool) ([]file, error) {
	var files []file
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		path, err := filepath.Rel(dir, p)
		if err != nil || !wanted(path) {
			return err
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		// The umask of a checkout is not the package's.
		f := file{path: path, mode: 0o644, data: data}
		switch {
		case slices.Contains(secret, path):
			f.mode = 0o600
		case info.Mode()&0o100 != 0:
			f.mode = 0o755
		}
		files = append(files, f)
		return nil
	})
	return files, err
}

// tarball is a gzip'd GNU tar of files, sorted, and the directories above them: the
// same bytes for the same files, whenever and by whomever it is made.
func tarball(files []file, stamp time.Time) ([]byte, error) {
	sorted := slices.SortedFunc(slices.Values(files), func(a, b file) int { return strings.Compare(a.path, b.path) })
	list := []tar.Header{directory("./")}
	data := [][]byte{nil}
	made := map[string]bool{}
	for _, f := range sorted {
		for _, dir := range parents(f.path) {
			if !made[dir] {
				made[dir] = true
				list, data = append(list, directory("./"+dir+"/")), append(data, nil)
			}
		}
		list, data = append(list, regular(f)), append(data, f.data)
	}
	return zipped(list, data, stamp)
}

// members is the outer archive of an .ipk: files in the order given, and no directory.
func members(files []file, stamp time.Time) ([]byte, error) {
	var list []tar.Header
	var data [][]byte
	for _, f := range files {
		list, data = append(list, regular(f)), append(data, f.data)
	}
	return zipped(list, data, stamp)
}

func directory(name string) tar.Header {
	return tar.Header{Typeflag: tar.TypeDir, Name: name, Mode: 0o755}
}

func regular(f file) tar.Header {
	return tar.Header{Typeflag: tar.TypeReg, Name: "./" + f.path, Mode: f.mode, Size: int64(len(f.data))}
}

// zipped writes headers with their data; all belong to root and have one time.
func zipped(list []tar.Header, data [][]byte, stamp time.Time) ([]byte, error) {
	var out bytes.Buffer
	zip, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	w := tar.NewWriter(zip)
	for i, h := range list {
		h.Format, h.ModTime, h.Uname, h.Gname = tar.FormatGNU, stamp, "root", "root"
		if err := w.WriteHeader(&h); err != nil {
			return nil, err
		}
		if _, err := w.Write(data[i]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	err = zip.Close()
	return out.Bytes(), err
}

// parents are the directories above a path, the uppermost first.
func parents(path string) (dirs []string) {
	for i, c := range path {
		if c == '/' {
			dirs = append(dirs, path[:i])
		}
	}
	return dirs
}
