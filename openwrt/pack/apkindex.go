package main

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// schemaIndex says what a container is about.
const schemaIndex = 0x78646e69 // "indx"

// Numbers of fields of an index, from src/apk_adb.h of apk-tools.
const indexPackages, indexFiles = 2, 3

// apkFiles is what the files of packages are called; the index says it, since it is not apk's own way.
const apkFiles = "${name}-${version}.${arch}.apk"

// apkEntry is what an index says of a package: apk knows it by the hash of its container.
type apkEntry struct {
	spec
	size, file int
	hash       [32]byte
}

// apkIndex is what `apk mkndx` makes of packages. It has those of every architecture; apk passes over what is not for its own.
func apkIndex(entries []apkEntry) ([]byte, error) {
	c := newContainer()
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b apkEntry) int {
		return cmp.Or(cmp.Compare(a.name, b.name), bytes.Compare(a.hash[:], b.hash[:]))
	})
	var packages []word
	for _, e := range entries {
		info := e.apkInfo(c, e.size)
		info[infoID], info[infoFileSize] = c.blob(e.hash[:]), c.number(uint64(e.file))
		packages = append(packages, c.object(info))
	}
	c.root(c.object(map[int]word{indexPackages: c.array(packages), indexFiles: c.text(apkFiles)}))
	return deflated(block(binary.LittleEndian.AppendUint32([]byte("ADB."), schemaIndex), blockADB, c.data))
}
