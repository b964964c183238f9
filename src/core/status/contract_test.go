package status

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestEveryFieldIsDocumented holds docs/status.md and the Go types together: each JSON field has a row there, each row is a field.
func TestEveryFieldIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/status.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := make(map[string]bool)
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		if documented[m[1]] {
			t.Errorf("docs/status.md: %s has two rows", m[1])
		}
		documented[m[1]] = true
	}
	exists := make(map[string]bool)
	for prefix, v := range map[string]any{"": Document{}, "transition.": Transition{}, "explanation.": Explanation{}, "changes.": Changes{}, "burst.": Burst{}, "plot.": Plot{}} {
		fields(reflect.TypeOf(v), prefix, exists)
	}
	if d := cmp.Diff(exists, documented); d != "" {
		t.Errorf("- field without a row, + row without a field:\n%s", d)
	}
}

// fields collects the paths of a type's JSON fields: members of maps are called NAME, those of lists [].
func fields(typ reflect.Type, prefix string, into map[string]bool) {
	for i := range typ.NumField() {
		f := typ.Field(i)
		if !f.IsExported() {
			continue
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		path := prefix + name
		into[path] = true
		next := f.Type
		for {
			switch next.Kind() {
			case reflect.Map:
				next, path = next.Elem(), path+".NAME"
				continue
			case reflect.Slice:
				next, path = next.Elem(), path+"[]"
				continue
			case reflect.Pointer:
				next = next.Elem()
				continue
			}
			break
		}
		if next.Kind() == reflect.Struct {
			fields(next, path+".", into)
		}
	}
}

// TestNoSecretFields refuses what could hold one: the document is readable by everybody whom ubus lets see the status.
func TestNoSecretFields(t *testing.T) {
	all := make(map[string]bool)
	fields(reflect.TypeOf(Document{}), "", all)
	for path := range all {
		if regexp.MustCompile(`psk|secret|key$|password|cookie`).MatchString(path) {
			t.Errorf("%s looks like a secret", path)
		}
	}
	if !all["ipsec.NAME.state"] {
		t.Error("the walk does not reach ipsec.NAME.state")
	}
}
