package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// goFiles are the tracked kinds of Go files below src and tests.
func goFiles(t *testing.T) []string {
	t.Helper()
	var files []string
	for _, top := range []string{"../../src", "../../tests"} {
		err := filepath.WalkDir(top, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && strings.HasSuffix(p, ".go") {
				files = append(files, p)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 10 {
		t.Fatalf("found only %d Go files: looked in the wrong place", len(files))
	}
	return files
}

func TestFileLength(t *testing.T) {
	for _, f := range goFiles(t) {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(b, []byte("\n")); n > 500 {
			t.Errorf("%s has %d lines; at most 500", f, n)
		}
	}
}

// nameless are package names that say nothing of what is inside.
var nameless = []string{"util", "utils", "common", "helper", "helpers", "misc", "types", "models", "manager", "base", "shared"}

func TestPackageNames(t *testing.T) {
	for _, p := range listPackages(t, "./src/...", "./tests/...") {
		if slices.Contains(nameless, p.Name) || slices.Contains(nameless, filepath.Base(p.Dir)) {
			t.Errorf("package %s (%s): the name says nothing", p.ImportPath, p.Name)
		}
	}
}

// TestCoreHasNoClock looks for the calls by which a package gets at the time by
// itself; time.Time and time.Duration as data are fine.
func TestCoreHasNoClock(t *testing.T) {
	calls := []string{"Now", "Since", "Until", "Sleep", "After", "AfterFunc", "Tick", "NewTimer", "NewTicker"}
	for _, f := range goFiles(t) {
		if !strings.Contains(f, "src/core/") || strings.HasSuffix(f, "_test.go") {
			continue
		}
		for _, c := range callsOf(t, f, "time") {
			if slices.Contains(calls, c) {
				t.Errorf("%s calls time.%s; core gets the time as a value", f, c)
			}
		}
	}
}

// TestNoInit: what a program does at start is written in main, not registered
// from wherever a package is imported.
func TestNoInit(t *testing.T) {
	for _, f := range goFiles(t) {
		file, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s has an init function", f)
			}
		}
	}
}

// callsOf returns the names selected from a package in one file.
func callsOf(t *testing.T, name, from string) (names []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			// An identifier that is resolved in the file is a variable.
			if x, ok := s.X.(*ast.Ident); ok && x.Name == from && x.Obj == nil {
				names = append(names, s.Sel.Name)
			}
		}
		return true
	})
	return names
}

// TestDocs: every package says what it is; those of the program in doc.go.
func TestDocs(t *testing.T) {
	for _, p := range listPackages(t, "./src/...") {
		if !hasPackageComment(t, filepath.Join(p.Dir, "doc.go")) {
			t.Errorf("%s has no doc.go that says what it is", p.ImportPath)
		}
	}
	for _, p := range listPackages(t, "./tests/...") {
		files, err := filepath.Glob(filepath.Join(p.Dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(files, func(f string) bool { return hasPackageComment(t, f) }) {
			t.Errorf("%s: no file says what the package is", p.ImportPath)
		}
	}
}

func hasPackageComment(t *testing.T, name string) bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.PackageClauseOnly|parser.ParseComments)
	if os.IsNotExist(err) {
		return false
	}
	if err != nil {
		t.Fatal(err)
	}
	return strings.HasPrefix(file.Doc.Text(), "Package ") || strings.HasPrefix(file.Doc.Text(), "Command ")
}
