package marks

import (
	"fmt"
	"testing"
)

// step is something that is seen of a document.
type step func(*Record)

func sent(id string) step          { return func(r *Record) { r.Sent(id) } }
func accepted(id, tag string) step { return func(r *Record) { r.Accepted(id, tag) } }
func missed(r *Record)             { r.Missed() }

// read is a read of a state with a tag and a list of ids.
func read(tag string, ids ...string) step {
	return func(r *Record) {
		id := r.Awaited(tag)
		lacks := id != ""
		for _, there := range ids {
			lacks = lacks && there != id
		}
		r.Read(ids, lacks)
	}
}

// TestHabit: what shows that a document keeps marks, or drops them (rule 10).
func TestHabit(t *testing.T) {
	for name, row := range map[string]struct {
		steps []step
		want  habit
	}{
		"10: nothing was seen":                                    {nil, unseen},
		"10: one read":                                            {[]step{read("1", "x")}, unseen},
		"10: the same list again":                                 {[]step{read("1", "x"), read("2", "x")}, unseen},
		"10: an own id was sent":                                  {[]step{read("1"), sent("me")}, unseen},
		"10: an own id was read back":                             {[]step{read("1"), sent("me"), read("2", "me")}, keeps},
		"10: … among others":                                      {[]step{sent("a"), sent("me"), sent("b"), read("2", "me", "r")}, keeps},
		"10: … too late":                                          {append([]step{sent("me")}, append(manySent(maxSent), read("2", "me"))...), unseen},
		"10: … just in time":                                      {append([]step{sent("me")}, append(manySent(maxSent-1), read("2", "me"))...), keeps},
		"10: an id that created the document was read back":       {[]step{missed, accepted("me", "1"), read("1", "me")}, unseen},
		"10: the list gained an id":                               {[]step{read("1", "x"), read("2", "x", "r")}, keeps},
		"10: … and pushed one out":                                {[]step{read("1", "w", "x"), read("2", "x", "r")}, keeps},
		"10: … which may have come with a new document":           {[]step{read("1", "x"), read("2", "r")}, unseen},
		"10: the first id of a list may have come so, too":        {[]step{read("1"), read("2", "r")}, unseen},
		"10: an id that was there before came back":               {[]step{read("1", "w", "x"), read("2", "x"), read("3", "w", "x")}, unseen},
		"10: … later":                                             {[]step{read("1", "w", "x"), read("2", "x"), read("3", "x", "x"), read("4", "w", "x")}, unseen},
		"10: … twice":                                             {[]step{read("1", "w", "x"), read("2", "x"), read("3", "w", "x"), read("4", "x"), read("5", "w", "x")}, unseen},
		"10: … with one more":                                     {[]step{read("1", "w", "x"), read("2", "x"), read("3", "w", "x", "r")}, keeps},
		"10: … with another document":                             {[]step{read("1", "w", "x"), read("2", "x"), missed, read("3", "x"), read("4", "w", "x")}, keeps},
		"10: the document was deleted in between":                 {[]step{read("1", "x"), missed, read("2", "x", "r")}, unseen},
		"10: the list lost an id":                                 {[]step{read("1", "x", "y"), read("2", "x")}, unseen},
		"10: an own id is absent from another state":              {[]step{sent("me"), accepted("me", "2"), read("3", "x")}, unseen},
		"10: an own id is absent, and there was no strong tag":    {[]step{sent("me"), accepted("me", ""), read("", "x")}, unseen},
		"10: an own id is absent from the very state":             {[]step{sent("me"), accepted("me", "2"), read("2", "x")}, drops},
		"10: … that created the document":                         {[]step{missed, accepted("me", "1"), read("1")}, drops},
		"10: … of the write that was accepted last":               {[]step{accepted("a", "1"), accepted("b", "2"), read("1")}, unseen},
		"10: dropped, although one was kept before":               {[]step{sent("a"), read("1", "a"), sent("b"), accepted("b", "2"), read("2", "a")}, drops},
		"10: dropped, and gained since":                           {[]step{accepted("me", "2"), read("2", "x"), read("3", "x", "r")}, keeps},
		"10: dropped, and nothing since":                          {[]step{accepted("me", "2"), read("2", "x"), read("3", "x")}, drops},
		"10: dropped, and the document was deleted":               {[]step{accepted("me", "2"), read("2", "x"), missed}, drops},
		"10: kept, and wiped by others":                           {[]step{read("1", "x"), read("2", "x", "r"), read("3")}, keeps},
		"10: the ids are in no list, and the last one isn't told": {[]step{accepted("me", "2"), func(r *Record) { r.Read(nil, false) }}, unseen},
		"10: the ids are in no list, and the last one is dropped": {[]step{accepted("me", "2"), func(r *Record) { r.Read(nil, true) }}, drops},
	} {
		var r Record
		for _, step := range row.steps {
			step(&r)
		}
		if r.habit != row.want || r.Keeps() != (row.want == keeps) || r.Drops() != (row.want == drops) {
			t.Errorf("%s: %v, want %v", name, r.habit, row.want)
		}
	}
}

// manySent are n other ids that are sent.
func manySent(n int) []step {
	var all []step
	for i := range n {
		all = append(all, sent(fmt.Sprint("other", i)))
	}
	return all
}

// TestBounds: a server's list may be as long as it likes, and a copy stays as it is.
func TestBounds(t *testing.T) {
	long := make([]string, 10_000)
	for i := range long {
		long[i] = fmt.Sprint(i)
	}
	var r Record
	r.Read(long, false)
	r.Read(long[:maxList], false)
	r.Read(long[:1], false)
	if len(r.list) != 1 || len(r.gone) != maxList {
		t.Errorf("%d and %d ids are kept", len(r.list), len(r.gone))
	}
	r.Read(long, false)
	if len(r.list) != maxList {
		t.Errorf("%d ids are kept", len(r.list))
	}
	for i := range 3 * maxSent {
		r.Sent(long[i])
	}
	before := r
	r.Sent("me")
	r.Sent("me")
	before.Read([]string{"me"}, false)
	if len(r.sent) != maxSent || before.Keeps() {
		t.Errorf("%d own ids are kept; the copy has one: %v", len(r.sent), before.Keeps())
	}
}

// TestLosesAccepted: an own id that is missing beside older ones takes the trust away, whatever
// others have gained, until an own id is read back.
func TestLosesAccepted(t *testing.T) {
	read := func(ids ...string) func(*Record) { return func(r *Record) { r.Read(ids, false) } }
	write := func(id string) func(*Record) {
		return func(r *Record) { r.Sent(id); r.Accepted(id, "") }
	}
	for name, test := range map[string]struct {
		steps []func(*Record)
		keeps bool
	}{
		"others gain, the own one is kept":       {[]func(*Record){read("a"), write("x"), read("a", "x"), read("a", "x", "b")}, true},
		"others gain, the own one is missing":    {[]func(*Record){read("a"), write("x"), read("a", "b")}, false},
		"twice":                                  {[]func(*Record){read("a"), write("x"), read("a", "b"), write("y"), read("a", "b", "c")}, false},
		"an old read, and then the own one":      {[]func(*Record){read("a"), write("x"), read("a"), read("a", "x")}, true},
		"a later own one is kept":                {[]func(*Record){read("a"), write("x"), read("a", "b"), write("y"), read("a", "b", "y")}, true},
		"pushed out after it was read back":      {[]func(*Record){read("a"), write("x"), read("a", "x", "b"), read("b", "c"), read("c", "d")}, true},
		"the list has turned over":               {[]func(*Record){read("a"), write("x"), read("b"), read("b", "c")}, true},
		"nothing was there, so nothing is older": {[]func(*Record){read(), write("x"), read("b"), read("b", "c")}, true},
	} {
		var r Record
		for _, step := range test.steps {
			step(&r)
		}
		if r.Keeps() != test.keeps {
			t.Errorf("%s: keeps %t, want %t", name, r.Keeps(), test.keeps)
		}
	}
}
