package mwan3

import "strings"

// half is one interface section of mwan3: a WAN in one of its families.
type half struct {
	*source
	family  string // ipv4 or ipv6
	enabled bool
	wan     string // the interface here that it belongs to
	joined  bool   // it is the IPv6 side of wan
}

// interfaces writes the WANs and their probes.
func (im *importer) interfaces(sources []*source) {
	var halves []*half
	byName := make(map[string]*half)
	for _, s := range sources {
		if s.Anonymous {
			s.drop("an interface needs the name of a network interface")
			continue
		}
		switch s.Name {
		case "default", "main", "unreachable", "blackhole":
			s.drop("the word has a meaning of its own in rules; rename the network interface")
			continue
		}
		h := &half{source: s, family: "ipv4", enabled: s.on("enabled", false)}
		if v := s.get("family"); v.Text == "ipv6" {
			h.family = "ipv6"
		} else if v.Text != "" && v.Text != "ipv4" {
			s.note("family", v, "mwan3 knows ipv4 and ipv6 only; taken as ipv4")
		}
		halves = append(halves, h)
		byName[s.Name] = h
	}
	twins := make(map[*half]*half) // IPv4 to IPv6
	for _, six := range halves {
		if four := im.twin(six, byName); four != nil && twins[four] == nil {
			twins[four] = six
			six.joined = true
		}
	}
	for _, h := range halves {
		if !h.joined {
			im.wan(h, twins[h])
		}
	}
	for _, h := range halves {
		h.rest()
	}
}

// twin finds the IPv4 section that belongs to an IPv6 one by its name: wan and
// wan6, wan and wan_6, wan4 and wan6. One that is off does not take an IPv6 side
// that is on.
func (im *importer) twin(six *half, byName map[string]*half) *half {
	base, ok := strings.CutSuffix(six.Name, "6")
	if six.family != "ipv6" || !ok {
		return nil
	}
	for _, name := range []string{strings.TrimSuffix(base, "_"), base + "4"} {
		if four := byName[name]; four != nil && four.family == "ipv4" && (four.enabled || !six.enabled) {
			return four
		}
	}
	return nil
}

// wan writes one WAN; six is its other half or nil.
func (im *importer) wan(h, six *half) {
	t := newTarget("interface", h.Name, false)
	if !h.enabled {
		t.option("enabled", "0")
		if v := h.get("enabled"); v.Text == "" {
			h.note("enabled", v, "mwan3 takes that for off; written out, since multiwan takes it for on")
		}
	}
	if six != nil && h.enabled && !six.enabled {
		six.drop("it is off, so '%s' is for IPv4 only", h.Name)
		six = nil
	}
	sides := []*half{h}
	im.use(h, h.Name)
	if six == nil {
		t.list("family", h.family)
	} else {
		t.option("interface6", six.Name)
		sides = append(sides, six)
		im.use(six, h.Name)
	}
	probes, names := im.probes(sides)
	t.list("probe", names...)
	im.wanSections = append(im.wanSections, t.Section)
	im.wanSections = append(im.wanSections, probes...)
}

func (im *importer) use(h *half, wan string) {
	h.wan = wan
	im.wans[h.Name] = h
}
