// Package refresh decides how the current validators of a state are learnt after a
// write was refused: which answer gives them, what is asked next where one doesn't,
// and when to give up. It also says what a refresh request carries.
//
// It sends nothing, waits for nothing and reads no body. It knows no policy, and a
// dialect only by what is in Facts.
package refresh

import (
	"net/http"
	"time"

	"github.com/ifmatch-go/ifmatch/internal/etag"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// MaxRequests bounds the requests of one refresh. A race that is lost while
// settling begins a new count.
const MaxRequests = 4

// SettleTime is how long a state must be old before its weak tag or its date can
// be trusted: HTTP's dates have a resolution of one second (RFC 9110 §8.8.2.2),
// and Apache httpd answers with a weak tag for as long after each write.
const SettleTime = time.Second

// Facts are what is known of the refused write before an answer comes. They may
// change between two answers.
type Facts struct {
	Refused     []string    // tags that the write was guarded by, or its versions in one text; nil: none
	RefusedDate string      // the date that it was guarded by; empty: none
	Write       http.Header // of the write
	Versions    bool        // the validators of answers are versions in places of a dialect
	Respelled   bool        // the API compares another text than was sent, and a tag that equals one of Refused is a cure
	WeakTags    bool        // the API compares weak tags in If-Match
	NeedState   bool        // the state is wanted, not only its validators
	// LastWriterWins says that the write may replace a state that has the same
	// date as the one that was read.
	LastWriterWins bool
	// Known is what the call knows from before; nil: nothing.
	Known *Known
	// AttemptsLeft are the writes that may still end in a refusal. A race that is
	// lost while settling costs one of them.
	AttemptsLeft int
}

// Answer is what a refresh request gave.
type Answer struct {
	Method     string // of the request, as it was sent
	Status     int    // 0: none came
	Header     http.Header
	Validators etag.Validators // of a 200: those that the write can name
	Digest     Digest          // of a 200: of its body; zero where that wasn't read
	NoVersion  error           // of a 200: why there is no version; nil: there is, or none is wanted
	Err        error           // of the connection, or of reading the body; nil: neither failed

	// The rest explains Err, and is zero without one.

	Cancelled error // the call was cancelled
	Late      error // the limits leave no time for another request
	Final     bool  // another request would fail in the same way
}

// Action is what to do next.
type Action int

const (
	Ask     Action = iota // the same request again, at once; at first: the request
	UseGet                // HEAD can't say: ask by GET, at once
	Repeat                // the server is in trouble: wait as after a failure, ask again; by GET where HEAD got a 5xx
	Settle                // the state is too new: wait for SettleTime, ask the same again
	Compare               // a tag may be unstable: by GET, at once, and its body is wanted
	Doubt                 // the refused validator came: wait as after a lost race, ask by GET
	Done                  // the validators are known
	Stop                  // nothing can be learnt
)

// Reason is why a step is what it is, where that matters to the caller.
type Reason int

const (
	None        Reason = iota
	Other              // Done: another validator than the refused one
	SameBytes          // Done: another tag, of the bytes that were read before the refused write
	Unstable           // Stop: reads in a row gave the same bytes and different tags, twice
	Weak               // Stop: the tag stays weak. Done: the refused tag was weak, and the strong one of its text is current
	Coded              // Done: the refused tag differs from the current one by a content coding
	Respelled          // Done: the refused write named the current version, in another spelling than the API compares
	Denied             // Stop: no permission to read
	Gone               // Stop: there is no state
	NoValidator        // Stop: none that can guard the write
	Failed             // Stop: no usable answer
	TooMany            // Stop: MaxRequests were sent
	Late               // Stop: a request failed, and there is no time for another
	Cancelled          // Stop: the call was
	LostRace           // Settle, or Stop without an attempt left: somebody wrote while a state settled
)

// Step is what follows an answer.
type Step struct {
	Do     Action
	Reason Reason
	Err    error // what was wrong, beside method and status; nil: they say it all
}

// state is what a Machine goes through at most once in one refresh.
type state uint8

const (
	rereading  state = 1 << iota // the answer was no state, and is asked for again
	preferring                   // Vary names Prefer, so the refresh carries it too
	doubting                     // the refused validator came, and is asked for again
	comparing                    // a tag may be unstable, and the bodies are compared
)

// Machine is one refresh. Each answer leads to a step:
//
//	Begin ──► ask, by HEAD where no body is wanted ◄───────────────────────────┐
//	             │ answer                                                      │
//	             ├─ HEAD refused or unknown, no validator ───── UseGet ────────┤
//	             ├─ 203, 206, 304, once (rereading) ─────────── UseGet ────────┤
//	             ├─ Vary: Prefer, once (preferring) ─────────── Ask ───────────┤
//	             ├─ 408, 429, a cut connection ──────────────── Repeat, waits ─┤
//	             ├─ 5xx, from then on by GET ────────────────── Repeat, waits ─┤
//	             ├─ too new; again where it changed meanwhile ─ Settle, waits ─┤
//	             ├─ a tag that may be unstable ──────────────── Compare ───────┤
//	             ├─ the refused one, once (doubting) ────────── Doubt, waits ──┘
//	             ├─ the refused one when doubting ───────────── Done, Unchanged
//	             ├─ another one ─────────────────────────────── Done
//	             └─ anything else ───────────────────────────── Stop
//
// MaxRequests bounds the circles. After Done, Begin starts another run for what the
// first hasn't asked for: the state. The zero value is ready to use. A Machine must
// not be used concurrently.
type Machine struct {
	Fresh     etag.Validators // of the current state
	Known     bool            // Fresh is set
	Unchanged bool            // Fresh is what was refused, also when asked again
	Identity  bool            // Vary names Accept-Encoding, so the write must ask for identity too
	Unstable  uint8           // how often two reads in a row gave the same bytes and different tags, in the whole call

	byGet   bool
	entered state           // of this refresh
	asked   uint8           // requests in this count
	awaited etag.Validators // what the state settling had; zero: none settled yet
	last    *read           // the read right before, where its body may be compared; nil: none
}

// Begin starts a run of requests, by GET where the body of the answer is wanted. It
// returns the first step: Ask or Stop.
func (m *Machine) Begin(body bool) Step {
	m.Unchanged, m.byGet = false, body
	m.entered &^= doubting
	if m.asked >= MaxRequests {
		return Step{Do: Stop, Reason: TooMany}
	}
	return Step{Do: Ask}
}

// Method is that of the next request.
func (m *Machine) Method() string {
	if m.byGet {
		return http.MethodGet
	}
	return http.MethodHead
}

// Prefers reports whether the next request carries Prefer, as the write does.
func (m *Machine) Prefers() bool { return m.entered&preferring != 0 }

// Take ends the refresh with a tag that is known without a request.
func (m *Machine) Take(tag string) { m.Fresh, m.Known = etag.Validators{ETag: tag}, true }

// Show takes what the refusal itself shows, as if a request had been answered so, and reports
// whether nothing need be asked. What would need a second look, or a wait, isn't taken: then
// nothing is changed.
func (m *Machine) Show(f *Facts, a *Answer) (Reason, bool) {
	shown := *m
	step := shown.read(f, a)
	if step.Do != Done {
		return None, false
	}
	*m = shown
	return step.Reason, true
}

// Forget begins a new refresh that has as many requests left as this one.
func (m *Machine) Forget() { *m = Machine{asked: m.asked, Unstable: m.Unstable} }

// Compares reports whether the body of the next answer is wanted, to be compared.
func (m *Machine) Compares() bool { return m.entered&comparing != 0 }

// Next returns what follows the answer to the last request.
func (m *Machine) Next(f *Facts, a *Answer) Step {
	m.asked++
	step := m.read(f, a)
	switch step.Do {
	case Done, Stop:
		return step
	case UseGet, Doubt, Compare:
		m.byGet = true
	}
	// Before a wait, which would be in vain.
	if m.asked >= MaxRequests {
		return Step{Do: Stop, Reason: TooMany}
	}
	return step
}

// enter reports whether the machine wasn't in a state before, and puts it there.
func (m *Machine) enter(s state) bool {
	before := m.entered
	m.entered |= s
	return before&s == 0
}

func stop(reason Reason, err error) Step { return Step{Do: Stop, Reason: reason, Err: err} }

// read reads an answer by its status.
func (m *Machine) read(f *Facts, a *Answer) Step {
	if a.Err != nil {
		return readFailure(a)
	}
	switch a.Status {
	case http.StatusOK:
		return m.readState(f, a)
	case http.StatusUnauthorized, http.StatusProxyAuthRequired:
		return stop(Denied, nil)
	case http.StatusForbidden:
		return m.getOnce(a, Denied)
	case http.StatusGone:
		return stop(Gone, nil)
	case http.StatusNotFound:
		// Some servers know no HEAD, and say so in this way.
		if a.Method == http.MethodHead {
			return Step{Do: UseGet}
		}
		return stop(Gone, nil)
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusUnsupportedMediaType,
		http.StatusTeapot, http.StatusNotImplemented, http.StatusNoContent:
		return m.getOnce(a, Failed)
	case http.StatusNonAuthoritativeInfo, http.StatusPartialContent, http.StatusNotModified:
		// Never a state to build on. A 203 was changed by a proxy on the way
		// (RFC 9110 §15.3.4): its validators aren't taken either.
		if m.enter(rereading) {
			return Step{Do: UseGet}
		}
		return stop(Failed, nil)
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return Step{Do: Repeat}
	}
	// Any 5xx: to ask once more changes nothing there. A handler may fail on HEAD alone,
	// so it is GET that is asked.
	if a.Status >= 500 {
		m.byGet = true
		return Step{Do: Repeat}
	}
	return stop(Failed, nil)
}

// getOnce asks by GET what HEAD may get no answer to: some servers refuse HEAD, or don't
// know it, where GET gives the state. It stops for the reason where that was an answer to
// GET, or to the HEAD that the caller made of a GET.
func (m *Machine) getOnce(a *Answer, reason Reason) Step {
	if a.Method == http.MethodHead && !m.byGet {
		return Step{Do: UseGet}
	}
	return stop(reason, nil)
}

// readFailure reads an answer whose connection or body failed.
func readFailure(a *Answer) Step {
	switch {
	case a.Cancelled != nil:
		return stop(Cancelled, a.Cancelled)
	case a.Late != nil:
		return stop(Late, a.Err)
	case !a.Final && semantics.Transient(nil, a.Err):
		return Step{Do: Repeat}
	}
	return stop(Failed, a.Err)
}
