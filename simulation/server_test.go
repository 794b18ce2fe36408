package simulation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// traits are what a server is like. The zero traits are a server as RFC 9110 wants it,
// whose tags count versions.
type traits struct {
	Tags      string // version, hash, node, read, weak, second (weak for a second), none
	Nodes     int    // nodes that answer in turn
	Weakly    bool   // If-Match compares weakly, as OData has it
	Prunes    bool   // drops the members that it doesn't know
	PrunesNew bool   // drops the mark that a write adds
	Frozen    bool   // drops all marks that are new, unless the write creates the document
	Orders    string // of marks: "", sorted (and each once), newest first
	Marked    int    // how many marks there are at first
	Stamps    bool   // adds a member to each write
	Rewrites  bool   // writes its JSON anew
	Echoes    string // what an accepted write is answered with: "", stored, status
	Untagged  bool   // an answer to a write has no ETag
	Skew      int    // seconds that its Date is off
	Headless  bool   // HEAD is 405
	Markers   bool   // a deleted document leaves a marker, which If-None-Match: * meets
	Absent    bool   // there is no document at first
	Vary      string // of its reads
	Demands   bool   // a write without a precondition is 428
}

func drawTraits(rng *rand.Rand) traits {
	one := func(n int) bool { return rng.IntN(n) == 0 }
	t := traits{
		Tags: "version", Nodes: 1, Prunes: one(8), PrunesNew: one(16), Stamps: one(6), Rewrites: one(6),
		Untagged: one(6), Headless: one(8), Markers: one(8), Absent: one(8),
	}
	if one(3) {
		t.Tags = []string{"hash", "hash", "node", "read", "weak", "second", "none"}[rng.IntN(7)]
	}
	if one(16) {
		t.Frozen = true
	}
	if one(10) {
		t.Orders = []string{"sorted", "newest first"}[rng.IntN(2)]
	}
	if one(4) {
		t.Marked = 1 + rng.IntN(64)
	}
	if t.Tags == "node" {
		t.Nodes = 2 + rng.IntN(2)
	}
	t.Weakly = t.Tags == "weak" && one(2)
	if one(3) {
		t.Echoes = []string{"stored", "status"}[rng.IntN(2)]
	}
	if one(4) {
		t.Skew = rng.IntN(7200) - 3600
	}
	if one(6) {
		t.Vary = []string{"Accept-Encoding", "Accept, Prefer", "*", "Content-Type", "Cache-Control, Origin"}[rng.IntN(5)]
	}
	t.Demands = one(8)
	return t
}

// server has one document. It is asked by one goroutine at a time, see world; the race
// detector doesn't know that, so whoever asks locks it.
type server struct {
	w      *world
	traits traits

	sync.Mutex        // guards what follows
	body       []byte // nil: there is none
	typ        string
	version    int
	marker     bool
	modified   time.Time
	asked      int

	commits []commit
	states  []answer // to GETs, the newest last: what a replica may still have
	tags    map[string]int
}

// commit is a write that the server applied.
type commit struct {
	by            *running // nil: of a Resource, or of the server
	who           string
	before, after []byte
	tag           string // sent in If-Match
	sent          []byte
	at            int64
	method        string
	late          bool
	gives         string // the tag of what is stored
}

// answer is a response before it is one.
type answer struct {
	status int
	header http.Header
	body   []byte
}

const initial = `{ "n": 0, "items": [], "lines": [{"sku": "x", "qty": 1, "row": 9007199254740993}, {"sku": "y", "qty": 2, "row": 9007199254740994}], "serial": 9007199254740995, "note": null }`

func newServer(w *world, t traits) *server {
	s := &server{w: w, traits: t, typ: "application/json", version: 1, modified: time.Now().Add(-time.Hour), tags: map[string]int{}}
	switch {
	case t.Absent:
	case w.plan.Object == register:
		s.body, s.typ = []byte{}, "text/plain"
	default:
		s.body = withMarks([]byte(initial), t.Marked)
	}
	return s
}

// withMarks is a document with n marks.
func withMarks(body []byte, n int) []byte {
	if n == 0 {
		return body
	}
	ids := make([]string, n)
	for i := range ids {
		h := fnv.New64a()
		fmt.Fprint(h, i)
		ids[i] = fmt.Sprintf("%x", h.Sum64())
	}
	list, _ := json.Marshal(ids)
	return fmt.Appendf(bytes.TrimRight(body, "} "), `, "_ifmatch": %s }`, list)
}

// tag is the entity-tag that a node gives to the state; empty: none.
func (s *server) tag(node int) string {
	strong := fmt.Sprintf(`"v%d"`, s.version)
	switch s.traits.Tags {
	case "hash":
		h := fnv.New64a()
		h.Write(s.body)
		return fmt.Sprintf(`"h%x"`, h.Sum64())
	case "node":
		return fmt.Sprintf(`"v%d-%d"`, s.version, node)
	case "read":
		return fmt.Sprintf(`"v%d-r%d"`, s.version, s.asked)
	case "weak":
		return "W/" + strong
	case "second":
		if time.Since(s.modified) < time.Second {
			return "W/" + strong
		}
	case "none":
		return ""
	}
	return strong
}

// holds evaluates the preconditions (RFC 9110 §13.1.1, §13.1.2).
func (s *server) holds(h http.Header, node int) bool {
	if sent := h.Get("If-Match"); sent != "" {
		return s.body != nil && (sent == "*" || s.matches(sent, s.tag(node)))
	}
	if h.Get("If-None-Match") == "*" {
		return s.body == nil && !s.marker
	}
	return true
}

func (s *server) matches(list, tag string) bool {
	for _, sent := range strings.Split(list, ", ") {
		weak := strings.HasPrefix(sent, "W/") || strings.HasPrefix(tag, "W/")
		if s.traits.Weakly {
			sent, tag, weak = strings.TrimPrefix(sent, "W/"), strings.TrimPrefix(tag, "W/"), false
		}
		if tag != "" && sent == tag && !weak {
			return true
		}
	}
	return false
}

// handle answers a request at once.
func (s *server) handle(r *request) answer {
	s.asked++
	node := s.asked % max(s.traits.Nodes, 1)
	switch r.method {
	case http.MethodGet, http.MethodHead:
		a := s.read(node)
		if r.method == http.MethodHead && s.traits.Headless {
			return s.plain(http.StatusMethodNotAllowed)
		}
		if r.method == http.MethodGet && a.status == http.StatusOK {
			s.states = append(s.states, a)
		}
		return a
	}
	if s.traits.Demands && r.header.Get("If-Match") == "" && r.header.Get("If-None-Match") == "" {
		return s.plain(http.StatusPreconditionRequired)
	}
	if !s.holds(r.header, node) {
		return s.plain(http.StatusPreconditionFailed)
	}
	before := s.body
	if r.method == http.MethodDelete {
		if s.body == nil {
			return s.plain(http.StatusNotFound)
		}
		s.body, s.marker = nil, s.traits.Markers
	} else {
		s.body, s.marker = s.store(r.body), false
		s.typ = r.header.Get("Content-Type")
	}
	s.version++
	s.modified = time.Now()
	s.commits = append(s.commits, commit{r.op, r.who, before, s.body, r.header.Get("If-Match"), r.body, s.w.tick(), r.method, r.late, s.tag(node)})
	return s.accepted(r, node, before == nil)
}

// read answers a GET.
func (s *server) read(node int) answer {
	if s.body == nil {
		return s.plain(http.StatusNotFound)
	}
	a := s.plain(http.StatusOK)
	s.label(a.header, node)
	a.header.Set("Content-Type", s.typ)
	if s.traits.Vary != "" {
		a.header.Set("Vary", s.traits.Vary)
	}
	a.body = s.body
	return a
}

// label puts the validators on an answer.
func (s *server) label(h http.Header, node int) {
	if tag := s.tag(node); tag != "" {
		h.Set("ETag", tag)
		s.tags[tag] = len(s.commits)
	}
	h.Set("Last-Modified", s.modified.UTC().Format(http.TimeFormat))
}

func (s *server) plain(status int) answer {
	date := time.Now().Add(time.Duration(s.traits.Skew) * time.Second).UTC().Format(http.TimeFormat)
	return answer{status: status, header: http.Header{"Date": {date}}}
}

// accepted answers a write that was applied.
func (s *server) accepted(r *request, node int, created bool) answer {
	a := s.plain(http.StatusNoContent)
	if created {
		a.status = http.StatusCreated
	}
	if s.body != nil && !s.traits.Untagged {
		s.label(a.header, node)
	}
	switch {
	case s.body == nil:
	case s.traits.Echoes == "stored":
		a.status, a.body = http.StatusOK, s.body
		a.header.Set("Content-Type", s.typ)
		a.header.Set("Content-Location", documentURL)
	case s.traits.Echoes == "status":
		a.status, a.body = http.StatusOK, []byte(`{"ok":true}`)
		a.header.Set("Content-Type", "application/json")
	}
	return a
}

// rewrites reports whether the server may store something else than what was sent.
func (s *server) rewrites() bool {
	return s.traits.Prunes || s.traits.PrunesNew || s.traits.Frozen || s.traits.Orders != "" || s.traits.Stamps || s.traits.Rewrites
}

// store is what the server makes of a body that was sent.
func (s *server) store(body []byte) []byte {
	t := s.traits
	if !s.rewrites() {
		return bytes.Clone(body)
	}
	var doc map[string]json.RawMessage
	if json.Unmarshal(body, &doc) != nil {
		return bytes.Clone(body) // a text
	}
	if t.Prunes {
		for name := range doc {
			if name != "n" && name != "items" && name != "lines" {
				delete(doc, name)
			}
		}
	}
	if marks := s.keep(marksOf(body)); len(marks) > 0 && doc["_ifmatch"] != nil {
		doc["_ifmatch"], _ = json.Marshal(marks)
	} else {
		delete(doc, "_ifmatch")
	}
	if t.Stamps {
		doc["stamp"] = json.RawMessage(fmt.Sprint(s.version))
	}
	stored, _ := json.Marshal(doc)
	return stored
}

func marksOf(body []byte) []string {
	var doc struct {
		Marks []string `json:"_ifmatch"`
	}
	json.Unmarshal(body, &doc)
	return doc.Marks
}

// keep is what the server keeps of the marks that it is sent.
func (s *server) keep(marks []string) []string {
	t, old := s.traits, marksOf(s.body)
	isNew := func(id string) bool { return !slices.Contains(old, id) }
	if t.PrunesNew && len(marks) > 0 && isNew(marks[len(marks)-1]) {
		marks = marks[:len(marks)-1]
	}
	if t.Frozen && s.body != nil {
		marks = slices.DeleteFunc(marks, isNew)
	}
	switch t.Orders {
	case "sorted":
		marks = slices.Compact(slices.Sorted(slices.Values(marks)))
	case "newest first":
		fresh := slices.DeleteFunc(slices.Clone(marks), func(id string) bool { return !isNew(id) })
		marks = append(fresh, slices.DeleteFunc(marks, isNew)...)
	}
	return marks
}
