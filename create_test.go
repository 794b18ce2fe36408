package ifmatch

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

func deleteIt([]byte) []byte { return nil }

// TestCreate: an absent document is made once, under If-None-Match: *, and what
// somebody deletes in between stays deleted.
func TestCreate(t *testing.T) {
	seven := func([]byte) []byte { return []byte(`{"n":7,"theirs":[1]}`) }
	create := CreateIfAbsent()
	for name, test := range map[string]struct {
		doc    string
		faults []ifmatchtest.Fault
		opts   []UpdateOption
		want   string
		guards string // If-None-Match or If-Match of the writes
		state  string
		cause  Cause // of the ConflictError; CauseNone: no error
	}{
		"404":                           {"", nil, []UpdateOption{create}, "GET 404, PUT 201", "*", `{"n":1}`, CauseNone},
		"410":                           {"", []ifmatchtest.Fault{replying("GET", 1, 410)}, []UpdateOption{create}, "GET 410, PUT 201", "*", `{"n":1}`, CauseNone},
		"created whole, not as a patch": {"", nil, []UpdateOption{create, WithPatch()}, "GET 404, PUT 201", "*", `{"n":1}`, CauseNone},
		"race lost": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven)}, []UpdateOption{create},
			"GET 404, PUT 412, GET 200, PUT 204", `* "v1"`, `{"n":8,"theirs":[1]}`, CauseNone},
		"race lost, patch": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven)}, []UpdateOption{create, WithPatch()},
			"GET 404, PUT 412, GET 200, PATCH 204", `* "v1"`, `{"n":8,"theirs":[1]}`, CauseNone},
		"race lost, then another": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven), ifmatchtest.CompetingWriter(1, addFour).After(1)}, []UpdateOption{create},
			"GET 404, PUT 412, GET 200, PUT 412, GET 200, PUT 204", `* "v1" "v2"`, `{"n":48,"theirs":[1]}`, CauseNone},
		"race lost, deleted before the write": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven), ifmatchtest.CompetingWriter(1, deleteIt).After(1)}, []UpdateOption{create},
			"GET 404, PUT 412, GET 200, PUT 412, GET 404", `* "v1"`, "(gone)", CauseGone},
		"deleted between read and write": {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, deleteIt)}, []UpdateOption{create},
			"GET 200, PUT 412, GET 404", `"v1"`, "(gone)", CauseGone},
		"gone for good": {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, deleteIt), replying("GET", 1, 410).After(1)}, []UpdateOption{create},
			"GET 200, PUT 412, GET 410", `"v1"`, "(gone)", CauseGone},
		"deleted after a race": {`{"n":1}`, []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, addFour), ifmatchtest.CompetingWriter(1, deleteIt).After(1)}, []UpdateOption{create},
			"GET 200, PUT 412, GET 200, PUT 412, GET 404", `"v1" "v2"`, "(gone)", CauseGone},
		"race lost, one attempt": {"", []ifmatchtest.Fault{ifmatchtest.CompetingWriter(1, seven)}, []UpdateOption{create, WithMaxAttempts(1)},
			"GET 404, PUT 412", "*", `{"n":7,"theirs":[1]}`, CauseExists},
		"there already": {`{"n":1}`, nil, []UpdateOption{create}, "GET 200, PUT 204", `"v1"`, `{"n":2}`, CauseNone},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, test.doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				origin.Inject(test.faults...)
				got, err := Update(t.Context(), origin.Client(), url, addOne, test.opts...)
				if all := requests(origin); all != test.want {
					t.Errorf("requests %s\nwant     %s", all, test.want)
				}
				var guards []string
				for _, r := range origin.Log() {
					guards = append(append(guards, r.Header["If-None-Match"]...), r.Header["If-Match"]...)
				}
				if all := strings.Join(guards, " "); all != test.guards {
					t.Errorf("guards %s, want %s", all, test.guards)
				}
				if state := stateOf(origin); state != test.state {
					t.Errorf("state %s, want %s", state, test.state)
				}
				var conflict *ConflictError
				switch {
				case test.cause == CauseNone && err == nil && got.ETag != "" && got.Outcome.Effect == EffectApplied:
				case test.cause != CauseNone && errors.As(err, &conflict) && conflict.Outcome.Cause == test.cause && conflict.Outcome.Effect == EffectNotApplied:
				default:
					t.Errorf("%+v, %v", got, err)
				}
			})
		})
	}
}

// TestCreateMarked: with a mark too, what somebody deleted stays deleted, also
// after a lost answer.
func TestCreateMarked(t *testing.T) {
	for name, test := range map[string]struct {
		doc  string
		lose bool // the request; otherwise the answer
	}{
		"update, answer lost": {`{"n":1}`, false}, "update, request lost": {`{"n":1}`, true},
	} {
		t.Run(name, func(t *testing.T) {
			withDocument(t, test.doc, func(t *testing.T, origin *ifmatchtest.Server, url string) {
				c := firstWrite(origin.Client().Transport, !test.lose, func() { origin.Delete("/doc") })
				_, err := Update(t.Context(), c, url, addMarked, CreateIfAbsent())
				if err == nil || stateOf(origin) != "(gone)" {
					t.Errorf("%v, %s: %s", err, stateOf(origin), requests(origin))
				}
			})
		})
	}
	// Created once, although the answer to that was lost.
	withDocument(t, "", func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		got, err := Update(t.Context(), origin.Client(), url, addMarked, CreateIfAbsent())
		if err != nil || got.Value.N != 1 || got.Outcome.Cause != CauseOwnEarlierWrite {
			t.Errorf("%+v, %v: %s", got, err, requests(origin))
		}
	})
	// Without a mark nobody can tell.
	withDocument(t, "", func(t *testing.T, origin *ifmatchtest.Server, url string) {
		origin.Inject(ifmatchtest.LostAnswer(1))
		_, err := Update(t.Context(), origin.Client(), url, addOne, CreateIfAbsent())
		if !errors.Is(err, ErrOutcomeUnknown) || stateOf(origin) != `{"n":1}` {
			t.Errorf("%v, %s: %s", err, stateOf(origin), requests(origin))
		}
	})
}

// TestGetAbsent: with CreateIfAbsent it is the zero T, otherwise an error.
func TestGetAbsent(t *testing.T) {
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		withDocument(t, "", func(t *testing.T, origin *ifmatchtest.Server, url string) {
			origin.Inject(replying("GET", 0, status))
			got, err := Get[counter](t.Context(), origin.Client(), url, CreateIfAbsent())
			if err != nil || got.Value != (counter{}) || got.Validators != (Validators{}) {
				t.Errorf("%d: %+v, %v", status, got, err)
			}
			var refused *StatusError
			if _, err = Get[counter](t.Context(), origin.Client(), url); !errors.As(err, &refused) || refused.StatusCode != status {
				t.Errorf("%d: %v", status, err)
			}
			if _, err := NewResource[counter](origin.Client(), url, CreateIfAbsent()).Get(t.Context()); err != nil {
				t.Errorf("%d: Resource: %v", status, err)
			}
		})
	}
}
