package command

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// wrote lets diagnose write after what was recorded.
func wrote(record func(*session) []string) func(*session) []string {
	return func(s *session) []string { return write(record(s)) }
}

// changed: it is read, somebody else writes, and it is written.
func changed(s *session) []string {
	s.make(1)
	tag := s.curl().tag()
	s.make(2)
	args := s.put("If-Match: " + tag)
	s.curl("-I")
	return args
}

// changedRow is that for a table, whose tags are weak, and which takes no HEAD.
func changedRow(s *session) []string {
	s.write(1)
	tag := s.curl().tag()
	s.write(2)
	args := s.put("If-Match: " + tag)
	s.curl()
	return args
}

// signed lets curl sign each request. diagnose doesn't.
func signed(record func(*session) []string) func(*session) []string {
	return func(s *session) []string {
		s.sign()
		return record(s)
	}
}

func (s *session) sign() {
	s.t.Helper()
	s.fields = []string{"--aws-sigv4", "aws:amz:" + env(s.t, "S3_REGION") + ":s3", "-u", env(s.t, "S3_KEY") + ":" + env(s.t, "S3_SECRET"), "-H", "X-Amz-Content-Sha256: UNSIGNED-PAYLOAD"}
}

// sameBytes: somebody saves the document again as it is.
func sameBytes(s *session) []string {
	s.make(1)
	tag := s.curl().tag()
	s.make(1)
	args := s.put("If-Match: " + tag)
	s.curl()
	return args
}

func ofAnother(s *session) []string {
	s.make(1)
	path := s.path
	s.path += "-other"
	s.make(2)
	tag := s.curl().tag()
	s.path = path
	s.curl()
	return s.put("If-Match: " + tag)
}

// book makes an entity of CAP.
func book(s *session) {
	id := 1 + rand.IntN(1<<30)
	s.quiet(s.address, "-X", "POST", "-H", s.kind(), "-d", fmt.Sprintf(`{"ID":%d,"stock":1}`, id))
	s.path = fmt.Sprintf("(%d)", id)
}

func (s *session) patch(fields ...string) []string {
	s.t.Helper()
	given := []string{"-X", "PATCH"}
	for _, f := range fields {
		given = append(given, "-H", f)
	}
	s.curl(append([]string{"-H", s.kind(), "-d", `{"stock":7}`}, given...)...)
	return given
}

func changedBook(s *session) []string {
	book(s)
	tag := s.curl().tag()
	s.quiet(s.url(s.address), "-X", "PATCH", "-H", s.kind(), "-H", "If-Match: *", "-d", `{"stock":2}`)
	args := s.patch("If-Match: " + tag)
	s.curl()
	return args
}

func unguarded(s *session) []string {
	book(s)
	return s.patch()
}

func dated(s *session) []string {
	book(s)
	return s.patch("If-Unmodified-Since: Sun, 22 Nov 2026 10:00:00 GMT")
}

func oldGeneration(s *session) []string {
	name := s.path
	s.path = "upload/storage/v1/b/bucket/o?uploadType=media&name=" + name
	s.quiet(s.url(s.address), "-X", "POST", "-d", "one")
	s.path += "&ifGenerationMatch=5"
	s.curl("-X", "POST", "-d", "two")
	s.path = "storage/v1/b/bucket/o/" + name
	s.curl()
	return []string{"-X", "POST"}
}

// compressed: the tag is of the compressed document, and nobody else writes.
func compressed(s *session) []string {
	s.make(1)
	return s.put("If-Match: " + s.curl("--compressed").tag())
}

func firstSecond(s *session) []string {
	for range 10 {
		s.write(1)
		if tag := s.quiet(s.url(s.address)).tag(); strings.HasPrefix(tag, "W/") {
			s.curl()
			return s.put("If-Match: " + tag)
		}
	}
	s.t.Fatal("no weak tag right after a write")
	return nil
}

// kept: a cache keeps what was read, and somebody else writes at the origin.
func kept(s *session) []string {
	old := s.make(1)
	for range 10 {
		s.quiet(s.url(s.address))
		s.make(2)
		if s.quiet(s.url(s.address)).tag() != old {
			old = s.make(1) // it has forgotten, or has never kept it
			continue
		}
		s.curl()
		args := s.put("If-Match: " + old)
		s.curl()
		return args
	}
	s.t.Fatal("the cache keeps nothing")
	return nil
}

func ownDate(s *session) []string {
	s.make(1)
	args := s.put("If-Unmodified-Since: " + s.curl("-I").header.Get("Last-Modified"))
	s.curl("-I")
	return args
}

func otherDate(s *session) []string {
	s.make(1)
	s.curl("-I")
	return s.put("If-Unmodified-Since: " + time.Now().Add(-time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
}

const leaseID = "00000000-0000-0000-0000-000000000001"

// leased: somebody else has a lease, and the tag is the current one.
func leased(field string) func(*session) []string {
	return func(s *session) []string {
		tag := s.make(1)
		s.lease("acquire", "X-Ms-Lease-Duration: 60", "X-Ms-Proposed-Lease-Id: "+leaseID)
		if field == "" {
			return s.put("If-Match: " + tag)
		}
		return s.put("If-Match: "+tag, field)
	}
}

func (s *session) lease(action string, fields ...string) {
	s.t.Helper()
	args := []string{"-X", "PUT", "-d", "", "-H", "X-Ms-Lease-Action: " + action}
	for _, f := range fields {
		args = append(args, "-H", f)
	}
	if a := s.quiet(s.url(s.address)+"&comp=lease", args...); a.status < 200 || a.status > 299 {
		s.t.Fatal(a.combined)
	}
}

// ended: the lease that the write names was released.
func ended(s *session) []string {
	tag := s.make(1)
	s.lease("acquire", "X-Ms-Lease-Duration: 60", "X-Ms-Proposed-Lease-Id: "+leaseID)
	s.lease("release", "X-Ms-Lease-Id: "+leaseID)
	return s.put("If-Match: "+tag, "X-Ms-Lease-Id: "+leaseID)
}

func appended(s *session) []string {
	version := []string{"-X", "PUT", "-H", "X-Ms-Version: 2021-12-02"}
	s.quiet(s.url(s.address), append(version, "-H", "X-Ms-Blob-Type: AppendBlob", "-d", "")...)
	s.to(s.url(s.address)+"&comp=appendblock", append(version, "-H", "X-Ms-Blob-Condition-Appendpos: 5", "-d", "x")...)
	return nil
}

const lockInfo = `<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype><owner>x</owner></lockinfo>`

// lock takes a lock, and returns its token in brackets.
func (s *session) lock(send func(url string, args ...string) *answer, timeout string) string {
	s.t.Helper()
	s.make(1)
	token := send(s.url(s.address), "-X", "LOCK", "-H", "Timeout: "+timeout, "-H", "Content-Type: application/xml", "-d", lockInfo).header.Get("Lock-Token")
	if token == "" {
		s.t.Fatal("no lock")
	}
	return token
}

func locked(field string) func(*session) []string {
	return func(s *session) []string {
		s.lock(s.quiet, "Second-60")
		if field == "" {
			return s.put()
		}
		return s.put(field)
	}
}

// outlived: the lock was given for a second.
func outlived(s *session) []string {
	token := s.lock(s.to, "Second-1")
	time.Sleep(2500 * time.Millisecond)
	return s.put("If: (" + token + ")")
}

func created(s *session) []string {
	s.make(1)
	return s.put("If-None-Match: *")
}

func copied(s *session) []string {
	s.make(1)
	to := s.url(s.address) + "-copy"
	s.quiet(to, "-X", "PUT", "-d", "there")
	args := []string{"-X", "COPY", "-H", "Destination: " + to, "-H", "Overwrite: F"}
	s.curl(args...)
	return args
}

func database(s *session) []string {
	s.path = ""
	s.curl("-X", "PUT", "-d", "")
	return nil
}

func deleted(s *session) []string {
	tag := s.make(1)
	s.quiet(s.url(s.address), "-X", "DELETE")
	args := s.put("If-Match: " + tag)
	s.curl()
	return args
}

// errorPage: a refusal of Express has a tag of its own page, and that is sent.
func errorPage(s *session) []string {
	s.quiet(s.url(s.address), "-X", "PUT", "-H", s.kind(), "-d", s.body(1))
	s.put(`If-Match: "1-0123456789abcdef0123456789abcdef"`)
	tag := read(s.lastText()).tag()
	return write(s.put("If-Match: " + tag))
}

// lastText is what was recorded last.
func (s *session) lastText() string {
	text := s.text.String()
	return text[strings.LastIndex(text, "$ curl"):]
}

func starred(s *session) []string {
	s.make(1)
	args := s.put("If-Match: *")
	s.curl()
	return args
}

func unquoted(s *session) []string {
	s.make(1)
	return s.put("If-Match: " + strings.Trim(s.curl().tag(), `"`))
}

func ofRead(s *session) []string {
	s.make(1)
	return s.put("If-None-Match: " + s.curl().tag())
}

func both(s *session) []string {
	tag := s.make(1)
	return s.put("If-Match: "+tag, "If-None-Match: *")
}

// repeated: the first write was accepted, and is sent again.
func repeated(s *session) []string {
	s.make(1)
	tag := s.curl().tag()
	s.put("If-Match: " + tag)
	return s.put("If-Match: " + tag)
}

// resigned: the condition of a signed write is another one than the signed.
func resigned(s *session) []string {
	s.sign()
	tag := s.make(1)
	first := s.quiet(s.url(s.address), "-X", "PUT", "-H", `If-Match: "0123"`, "-d", "two")
	if first.status != 412 {
		s.t.Fatal(first.combined)
	}
	s.fields = nil
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256"} {
		s.fields = append(s.fields, "-H", name+": "+first.asked.Get(name))
	}
	s.curl("-X", "PUT", "-H", "If-Match: "+tag, "-d", "two")
	return nil
}
