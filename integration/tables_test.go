package integration

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A table is a part of docs/servers.md that is made of what the tests saw.
type table struct {
	name    string // in the markers around it
	needs   []string
	columns []string
	rows    []string
}

// tables are compared where all servers that they need were asked for.
func tables() []table {
	all, more := []string{}, []string{}
	for _, s := range servers() {
		if slices.Contains(core, s.wanted) {
			all = append(all, s.row())
		} else {
			more = append(more, s.row())
		}
	}
	all = append(all, "nginx dav")
	features := []string{"version", "Stop", "Resend", "Rebuild", "MergeJSON", "Update", "Resource", "create only", "deleted", "16 writers"}
	exchanges := []string{"Resend", "Rebuild", "Update"}
	refusals := []string{"answer", "cause", "sent", "with its dialect"}
	var caches []string
	for _, c := range cacheCases {
		caches = append(caches, c.column)
	}
	tags := []string{"tag", "Stop", "Resend", "Rebuild", "MergeJSON", "Resend sends"}
	wantAll := append(slices.Clone(core), "xandikos", "solid", "davical", "minio")
	return []table{
		{"features", core, features, all},
		{"exchanges", core, exchanges, all[:len(all)-1]},
		{"refusals", core, refusals, nil},
		{"tags", core, tags, nil},
		{"caches", core, caches, []string{"nginx cache", "varnish", "squid"}},
		{"features of the others", wantAll, features, more},
		{"exchanges of the others", wantAll, exchanges, more},
		{"refusals of the others", wantAll, refusals, nil},
	}
}

// sightings are the cells of the tables.
type sightings struct {
	mu    sync.Mutex
	cells map[[3]string]string // table, row, column
}

var seen = sightings{cells: map[[3]string]string{}}

// saw notes a cell, unless the test has failed.
func saw(t *testing.T, table, row, column, value string) {
	t.Helper()
	if t.Failed() {
		return
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	key := [3]string{table, row, column}
	if old, ok := seen.cells[key]; ok && old != value {
		t.Errorf("%v was %q, and now it is %q", key, old, value)
	}
	seen.cells[key] = value
}

// row is what the server is called in a table.
func (s server) row() string {
	if s.recipe != nil {
		return s.name + " (recipe)"
	}
	return s.name
}

// sawFeature notes a cell of a server, in the tables that are its.
func sawFeature(t *testing.T, s server, table, column, value string) {
	t.Helper()
	if !slices.Contains(core, s.wanted) {
		table += " of the others"
	}
	saw(t, table, s.row(), column, value)
}

// check compares the tables with those in the file, or writes them there.
func (s *sightings) check(file string, write bool) error {
	if err := s.addVersions(); err != nil {
		return err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	updated := text
	for _, t := range tables() {
		if !t.wanted() {
			continue
		}
		if updated, err = t.into(updated, s.cells); err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	switch {
	case bytes.Equal(updated, text):
		return nil
	case write:
		return os.WriteFile(file, updated, 0o644)
	}
	return fmt.Errorf("%s isn't what was seen; IFMATCH_WRITE=1 writes it:\n%s", file, differences(text, updated))
}

// addVersions reads what run.sh says of each server: name|what|version.
func (s *sightings) addVersions() error {
	text, err := os.ReadFile(os.Getenv("IFMATCH_VERSIONS"))
	if err != nil {
		return err
	}
	versions := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Split(strings.TrimSpace(line), "|"); len(fields) == 3 {
			versions[fields[0]] = fields[1] + " " + fields[2]
		}
	}
	for _, sv := range append(servers(), server{name: "nginx dav", wanted: "nginx"}) {
		name := "features"
		if !slices.Contains(core, sv.wanted) {
			name += " of the others"
		}
		s.cells[[3]string{name, sv.row(), "version"}] = versions[sv.wanted]
	}
	return nil
}

func (t table) wanted() bool {
	names := strings.Fields(os.Getenv("IFMATCH_SERVERS_WANTED"))
	return !slices.ContainsFunc(t.needs, func(name string) bool { return !slices.Contains(names, name) })
}

// into puts the table between its markers.
func (t table) into(text []byte, cells map[[3]string]string) ([]byte, error) {
	begin, end := []byte("<!-- "+t.name+": made by integration/run.sh -->\n"), []byte("<!-- end of "+t.name+" -->")
	before, rest, ok := bytes.Cut(text, begin)
	_, after, ended := bytes.Cut(rest, end)
	if !ok || !ended {
		return nil, fmt.Errorf("no markers for the table %q", t.name)
	}
	return slices.Concat(before, begin, t.render(cells), end, after), nil
}

func (t table) render(cells map[[3]string]string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "| | %s |\n|%s\n", strings.Join(t.columns, " | "), strings.Repeat(" --- |", len(t.columns)+1))
	rows := t.rows
	if rows == nil {
		found := map[string]bool{}
		for key := range cells {
			if key[0] == t.name {
				found[key[1]] = true
			}
		}
		rows = slices.Sorted(maps.Keys(found))
	}
	for _, row := range rows {
		b.WriteString("| " + row)
		for _, column := range t.columns {
			value, ok := cells[[3]string{t.name, row, column}]
			if !ok {
				value = "-"
			}
			b.WriteString(" | " + value)
		}
		b.WriteString(" |\n")
	}
	return b.Bytes()
}

// differences lists the lines that only one of the two has.
func differences(old, now []byte) string {
	var b strings.Builder
	a, z := slices.Collect(strings.Lines(string(old))), slices.Collect(strings.Lines(string(now)))
	for _, line := range a {
		if !slices.Contains(z, line) {
			b.WriteString("- " + line)
		}
	}
	for _, line := range z {
		if !slices.Contains(a, line) {
			b.WriteString("+ " + line)
		}
	}
	return b.String()
}
