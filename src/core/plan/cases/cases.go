package cases

import (
	"embed"
	"fmt"
	"io/fs"

	"multiwan/src/core/config"
	"multiwan/src/core/json"
	"multiwan/src/core/plan"
)

//go:embed */multiwan */facts.json
var files embed.FS

// Names lists the set-ups.
func Names() []string {
	dirs, err := fs.Glob(files, "*/multiwan")
	if err != nil {
		panic(err) // the pattern is constant
	}
	for i, d := range dirs {
		dirs[i] = d[:len(d)-len("/multiwan")]
	}
	return dirs
}

// Read returns a set-up. A configuration with anything to report is an error.
func Read(name string) (*config.Config, plan.Facts, error) {
	var f plan.Facts
	text, err := files.ReadFile(name + "/multiwan")
	if err != nil {
		return nil, f, err
	}
	c, diags := config.Load("multiwan", text)
	if len(diags) > 0 {
		return nil, f, fmt.Errorf("case %s: %s", name, diags)
	}
	text, err = files.ReadFile(name + "/facts.json")
	if err != nil {
		return nil, f, err
	}
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, f, fmt.Errorf("case %s: facts.json: %w", name, err)
	}
	var policies []string
	for _, p := range c.Policies {
		policies = append(policies, p.Name)
	}
	f.PolicyIDs, err = plan.AssignIDs(policies, nil, 190)
	return c, f, err
}
