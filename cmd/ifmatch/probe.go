package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/ifmatch-go/ifmatch/explain"
)

// bogusTag is a tag that no server has given.
const bogusTag = `"ifmatch-diagnose-no-such-tag"`

// bogusDate is before all that a server has.
const bogusDate = "Thu, 01 Jan 1970 00:00:00 GMT"

// diagnosis sends the probes, and notes what came.
type diagnosis struct {
	caller    *caller
	to        *connection
	base      *http.Transport
	pause     time.Duration
	say       func(format string, args ...any) // progress
	exchanges []explain.Exchange
	facts     facts
	content   []byte // of the last GET without a coding; nil: it isn't whole
	fresh     string // the tag of the last such GET
	tags      []string
	endless   bool  // a body didn't end within its bounds
	err       error // of the last request without an answer
}

// probes sends all of them. It ends early where neither of the first two is answered.
func (d *diagnosis) probes(ctx context.Context) {
	d.base = d.to.transport("")
	defer d.base.CloseIdleConnections()
	d.send(ctx, d.base, "HEAD", "HEAD", nil)
	d.state(ctx, "GET without a content coding")
	if !d.facts.answered {
		return
	}
	for _, coding := range []string{"gzip", "br"} {
		d.send(ctx, d.base, "GET with "+coding, "GET", http.Header{"Accept-Encoding": {coding}})
	}
	d.send(ctx, d.base, "GET past caches", "GET", http.Header{"Cache-Control": {"no-cache"}})
	d.each(ctx)
	wait(ctx, d.pause)
	d.state(ctx, "GET after a pause")
	if d.facts.state == http.StatusOK {
		d.conditions(ctx)
	}
}

// each asks each address of the host.
func (d *diagnosis) each(ctx context.Context) {
	for _, address := range d.to.addresses(ctx, d.caller.request("GET")) {
		one := d.to.transport(address)
		d.send(ctx, one, "GET at "+address, "GET", nil)
		one.CloseIdleConnections()
	}
}

// conditions asks whether a GET obeys If-Match, and whether the caller's condition passes.
// Without one each tag that was seen has to.
func (d *diagnosis) conditions(ctx context.Context) {
	bogus, called := http.Header{"If-Match": {bogusTag}}, "GET with a bogus If-Match"
	if c := d.caller.conditions; c["If-Match"] == nil && c["If-Unmodified-Since"] != nil {
		bogus, called = http.Header{"If-Unmodified-Since": {bogusDate}}, "GET with a bogus If-Unmodified-Since"
	}
	e := d.send(ctx, d.base, called, "GET", bogus)
	d.facts.enforces = e.StatusCode == http.StatusPreconditionFailed
	d.facts.passed = d.passes(ctx)
	if d.fresh != "" {
		e := d.send(ctx, d.base, "GET with the fresh If-Match", "GET", http.Header{"If-Match": {d.fresh}})
		d.facts.passed = d.facts.passed && e.StatusCode == http.StatusOK
	}
	d.state(ctx, "GET of the state at the end")
}

// passes reports whether a GET under the caller's condition gives the state, or under each
// tag that was seen. A GET can't show a condition that is meant for reads.
func (d *diagnosis) passes(ctx context.Context) bool {
	c := d.caller.conditions
	if d.caller.elsewhere() {
		return false
	}
	if len(c) == 0 {
		for _, tag := range d.tags {
			if tag == d.fresh {
				continue // its turn comes
			}
			if e := d.send(ctx, d.base, "GET with a tag that was seen", "GET", http.Header{"If-Match": {tag}}); e.StatusCode != http.StatusOK {
				return false
			}
		}
		return d.fresh != ""
	}
	if c["If-None-Match"] != nil || c["If-Modified-Since"] != nil || c["If"] != nil {
		return false
	}
	e := d.send(ctx, d.base, "GET with the condition of the write", "GET", c)
	if e.StatusCode != 0 {
		d.exchanges[len(d.exchanges)-1].Source = explain.SourceLive // the caller's own condition, and none of ours
	}
	return e.StatusCode == http.StatusOK
}

// state is a GET whose content and tag are kept.
func (d *diagnosis) state(ctx context.Context, note string) {
	d.content, d.fresh = nil, ""
	e := d.send(ctx, d.base, note, "GET", nil)
	d.facts.state = e.StatusCode
	if e.StatusCode == http.StatusOK {
		d.fresh = e.ResponseHeader.Get("Etag")
	}
}

// writable is the condition under which what the last GET gave may be written back, or why it
// may not.
func (d *diagnosis) writable() (http.Header, error) {
	header, err := guardOf(d.caller.conditions, d.fresh, d.lastRead().Get("Last-Modified"))
	switch {
	case d.caller.method != http.MethodPut:
		return nil, fmt.Errorf("it writes by PUT, and not by %.20q", d.caller.method)
	case err == nil && d.content == nil:
		return nil, fmt.Errorf("the content wasn't read whole (at most %d MiB)", mostRead>>20)
	}
	return header, err
}

// lastRead is the header of the last answer, which is that of the last GET.
func (d *diagnosis) lastRead() http.Header { return d.exchanges[len(d.exchanges)-1].ResponseHeader }

// writeBack writes what the last GET gave, guarded by its tag, or by the condition of the
// caller.
func (d *diagnosis) writeBack(ctx context.Context) error {
	if d.facts.state != http.StatusOK {
		return nil // the verdict says it
	}
	header, err := d.writable()
	if err != nil {
		return fmt.Errorf("nothing was written: %w", err)
	}
	read := d.lastRead()
	for _, name := range []string{"Content-Type", "Content-Language"} {
		if value := read.Get(name); value != "" {
			header.Set(name, value)
		}
	}
	for name, values := range d.caller.conditions {
		if isToken(name) {
			header[name] = values
		}
	}
	content := d.content
	r := d.caller.request("PUT")
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(content)), int64(len(content))
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
	d.facts.sent = true
	d.facts.wrote = d.exchange(ctx, d.base, "PUT of the same bytes", r, header).StatusCode
	d.state(ctx, "GET after the write")
	return nil
}

// guardOf is the condition of a write of what was read: the tags of the caller's, or its
// date, where these guard it, and else the tag that was read.
func guardOf(caller http.Header, fresh, modified string) (http.Header, error) {
	tags, date := strings.Join(caller.Values("If-Match"), ", "), caller.Get("If-Unmodified-Since")
	switch {
	case tags != "" && !strings.Contains(tags, "*"):
		return http.Header{"If-Match": {tags}}, nil
	case tags == "" && date != "":
		given, err := http.ParseTime(date)
		if last, err2 := http.ParseTime(modified); err != nil || err2 != nil || given.After(last) {
			return nil, errors.New("the date of If-Unmodified-Since is later than the Last-Modified, or one of them is no date, so that nothing would guard the write")
		}
		return http.Header{"If-Unmodified-Since": {date}}, nil
	case fresh == "":
		return nil, errors.New("the server gives no ETag, so that nothing would guard the write")
	}
	return http.Header{"If-Match": {fresh}}, nil
}

// send sends a safe request with these fields.
func (d *diagnosis) send(ctx context.Context, by *http.Transport, note, method string, fields http.Header) *explain.Exchange {
	return d.exchange(ctx, by, note, d.caller.request(method), fields)
}

// exchange sends a request, reads its answer to a bound, and notes both.
func (d *diagnosis) exchange(ctx context.Context, by *http.Transport, note string, r *http.Request, fields http.Header) *explain.Exchange {
	ctx, cancel := context.WithTimeout(ctx, headerTime)
	defer cancel()
	r.Header.Set("Accept-Encoding", "identity")
	for name, values := range fields {
		r.Header[name] = slices.Clone(values)
	}
	for name, value := range map[string]string{"User-Agent": "ifmatch-diagnose", "Accept": "*/*"} {
		if r.Header[name] == nil {
			r.Header.Set(name, value)
		}
	}
	recorder := explain.NewRecorder(by, 1)
	resp, err := recorder.RoundTrip(r.WithContext(ctx))
	if err != nil {
		d.err = err
	} else {
		late := time.AfterFunc(bodyTime, cancel)
		d.answer(resp)
		late.Stop()
	}
	e := recorder.Exchanges()[0]
	e.Source, e.Note = explain.SourceProbe, note
	d.exchanges = append(d.exchanges, e)
	d.say("%s: %s", note, outcomeOf(&e))
	return &d.exchanges[len(d.exchanges)-1]
}

// answer reads an answer and closes it. After a body that didn't end no other is read.
func (d *diagnosis) answer(resp *http.Response) {
	defer resp.Body.Close()
	d.facts.answered, d.content = true, nil
	tag, ok := resp.Header.Get("Etag"), resp.StatusCode == http.StatusOK
	if ok && tag != "" && len(d.tags) < mostTags && !slices.Contains(d.tags, tag) {
		d.tags = append(d.tags, tag)
	}
	if d.endless {
		return
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, mostRead+1))
	d.endless = err != nil || len(text) > mostRead
	if ok && !d.endless && resp.Header.Get("Content-Encoding") == "" {
		d.content = text
	}
}

// outcomeOf is an answer in a few words.
func outcomeOf(e *explain.Exchange) string {
	if e.StatusCode == 0 {
		return "no answer"
	}
	text := fmt.Sprint(e.StatusCode)
	if tag := e.ResponseHeader.Get("Etag"); tag != "" {
		text += fmt.Sprintf(" %.80q", tag)
	}
	return text
}

// wait waits, at most as long as ctx lasts.
func wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
