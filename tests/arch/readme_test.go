package arch

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"multiwan/src/core/config"
)

// TestQuickStart: the configuration that the README tells people to type is
// taken without a word.
func TestQuickStart(t *testing.T) {
	b, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, line := range strings.Split(string(b), "\n") {
		if code, ok := strings.CutPrefix(line, "    "); ok && regexp.MustCompile(`^(config|\toption|\tlist) `).MatchString(code) {
			text.WriteString(code + "\n")
		}
	}
	c, diags := config.Load("README.md", []byte(text.String()))
	if len(diags) > 0 || len(c.Interfaces) != 2 {
		t.Errorf("%d interfaces, %v\n%s", len(c.Interfaces), diags, text.String())
	}
	if n := strings.Count(text.String(), "\n"); n > 15 {
		t.Errorf("the quick start has %d lines; 15 are enough", n)
	}
}

// TestTargets: the make targets that the documents name are there.
func TestTargets(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("(?m)(?:`|^    )make ([a-z][a-z-]*)")
	for _, doc := range []string{"../../README.md", "../../docs/development.md"} {
		b, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		found := named.FindAllSubmatch(b, -1)
		if len(found) < 3 {
			t.Errorf("%s names %d targets; looked for the wrong thing", doc, len(found))
		}
		for _, m := range found {
			if !strings.Contains(string(makefile), "\n"+string(m[1])+":") {
				t.Errorf("%s names make %s, which the Makefile has not", doc, m[1])
			}
		}
	}
}
