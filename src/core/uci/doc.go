// Package uci reads OpenWrt's configuration language by libuci's own rules and
// keeps where every value stood.
//
// What the real `uci` accepts is accepted with the same result, and what it
// refuses is refused at the same line and byte with the same words: a router's
// other programs and this one must never disagree about one file. The measure is
// testdata, recorded from uci 66127cd (2025-12-02), the version that OpenWrt's
// master pins. The rules that surprise are libuci's, not ours:
//
//   - an option with an empty value does not exist, an empty list item does;
//   - a later option of the same name replaces the value but keeps the place, and
//     `list` after `option` makes a list of both;
//   - a named section that appears again continues the first one;
//   - `#` ends the line even in the middle of a word, a backslash at the end of a
//     line continues it, and quoted text runs over line ends;
//   - `;` separates commands only behind a blank or a quote: directly behind a
//     bare word it silently ends the line;
//   - a `package` line is checked and otherwise ignored;
//   - comments are not kept.
//
// Reading only: configuration is written through rpcd or the uci program.
package uci
