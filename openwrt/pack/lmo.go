package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// message is an entry of a .po file (GNU gettext, "The Format of PO Files").
type message struct {
	context, id, plural string
	texts               []string // by plural form
}

// readMessages reads a .po file. Of escapes it knows those that LuCI's po2lmo does: of a quotation mark and of itself; others stay as they stand.
func readMessages(po []byte) ([]message, error) {
	var all []message
	var to *string
	for i, line := range strings.Split(string(po), "\n") {
		word, quoted, _ := strings.Cut(line, `"`)
		text, ended := strings.CutSuffix(strings.TrimRight(quoted, "\r"), `"`)
		switch word = strings.TrimSpace(word); {
		case strings.HasPrefix(word, "#"), word == "" && quoted == "":
			continue
		case !ended:
			return nil, fmt.Errorf("line %d: want a text in quotation marks", i+1)
		}
		begins := word == "msgctxt" || word == "msgid" && (len(all) == 0 || len(all[len(all)-1].texts) > 0)
		if begins {
			all = append(all, message{})
		}
		if len(all) == 0 {
			return nil, fmt.Errorf("line %d: %q before the first msgid", i+1, word)
		}
		m := &all[len(all)-1]
		switch {
		case word == "msgctxt":
			to = &m.context
		case word == "msgid":
			to = &m.id
		case word == "msgid_plural":
			to = &m.plural
		case strings.HasPrefix(word, "msgstr"):
			if form := strings.Trim(word[len("msgstr"):], "[]"); form != "" && form != strconv.Itoa(len(m.texts)) {
				return nil, fmt.Errorf("line %d: %s: want form %d", i+1, word, len(m.texts))
			}
			m.texts = append(m.texts, "")
			to = &m.texts[len(m.texts)-1]
		case word != "":
			return nil, fmt.Errorf("line %d: %q is not known", i+1, word)
		}
		*to += strings.NewReplacer(`\"`, `"`, `\\`, `\`).Replace(text)
	}
	return all, nil
}

// lmo compiles a .po file to LuCI's form, as its po2lmo does: the texts, each filled up to four bytes, then for each, sorted by the
// hash of its key, that hash, the number of forms, place and length, then the place of this index; all numbers 32 bits, big-endian.
func lmo(po []byte) ([]byte, error) {
	messages, err := readMessages(po)
	if err != nil {
		return nil, err
	}
	type entry struct{ key, forms, at, size uint32 }
	var index []entry
	var out bytes.Buffer
	add := func(key uint32, forms int, text string) {
		index = append(index, entry{key, uint32(forms), uint32(out.Len()), uint32(len(text))})
		out.WriteString(text)
		out.Write(make([]byte, -len(text)&3))
	}
	for _, m := range messages {
		if m.id == "" && len(m.texts) > 0 {
			for _, field := range strings.Split(m.texts[0], `\n`) {
				if rule, ok := strings.CutPrefix(field, "Plural-Forms: "); ok {
					add(0, 0, rule)
				}
			}
			continue
		}
		for form, text := range m.texts {
			if key := hash(m.key(form)); text != "" && key != hash(text) {
				add(key, len(m.texts), text)
			}
		}
	}
	slices.SortStableFunc(index, func(a, b entry) int {
		if a.key < b.key {
			return -1
		}
		return int(min(a.key-b.key, 1))
	})
	at := uint32(out.Len())
	if err := binary.Write(&out, binary.BigEndian, index); err != nil {
		return nil, err
	}
	err = binary.Write(&out, binary.BigEndian, at)
	return out.Bytes(), err
}

// key is what LuCI looks a form up by.
func (m message) key(form int) string {
	key := m.id
	if m.context != "" {
		key = m.context + "\x01" + key
	}
	if m.plural != "" {
		key += "\x02" + strconv.Itoa(form)
	}
	return key
}

// hash is Paul Hsieh's SuperFastHash, begun with the length, as LuCI's sfh_hash.
func hash(s string) uint32 {
	word := func(i int) uint32 { return uint32(s[i]) | uint32(s[i+1])<<8 }
	signed := func(i int) uint32 { return uint32(int8(s[i])) }
	h := uint32(len(s))
	if h == 0 {
		return 0
	}
	i := 0
	for ; i+4 <= len(s); i += 4 {
		h += word(i)
		h = h<<16 ^ word(i+2)<<11 ^ h
		h += h >> 11
	}
	switch len(s) - i {
	case 3:
		h += word(i)
		h ^= h << 16
		h ^= signed(i+2) << 18
		h += h >> 11
	case 2:
		h += word(i)
		h ^= h << 11
		h += h >> 17
	case 1:
		h += signed(i)
		h ^= h << 10
		h += h >> 1
	}
	h ^= h << 3
	h += h >> 5
	h ^= h << 4
	h += h >> 17
	h ^= h << 25
	return h + h>>6
}
