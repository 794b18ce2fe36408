package ifmatch

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/ifmatch-go/ifmatch/dialect"
	"github.com/ifmatch-go/ifmatch/internal/field"
	"github.com/ifmatch-go/ifmatch/internal/semantics"
)

// preparedDialect is a Dialect that was looked at once. What the Dialect leaves
// unset stays so, and is as in RFC 9110: so the zero preparedDialect is RFC 9110.
type preparedDialect struct {
	dialect.Dialect
	tokens []dialect.Token // those that aren't as in RFC 9110
	body   bool            // a write may carry one in its body
	err    error
}

// prepareDialect looks at a Dialect.
func prepareDialect(d dialect.Dialect) *preparedDialect {
	switch {
	case d.Name == "" && d.Tokens == nil && d.Judge == nil:
		d.Name = dialect.RFC9110().Name
	case d.Name == "":
		d.Name = "without a name"
	}
	d.WriteIDField = http.CanonicalHeaderKey(d.WriteIDField)
	made := &preparedDialect{Dialect: d}
	if err := d.Check(); err != nil {
		made.err = &dialectError{fmt.Errorf("ifmatch: %w", err)}
	}
	made.Tokens, made.Statuses = slices.Clone(d.Tokens), slices.Clone(d.Statuses)
	for _, t := range d.Tokens {
		if !t.Tag {
			made.tokens = append(made.tokens, t)
			made.body = made.body || t.Sent.Where() == dialect.Body
		}
	}
	return made
}

// refusesWith reports whether a status may refuse a write.
func (d *preparedDialect) refusesWith(status int) bool {
	if d.Statuses == nil {
		return status == http.StatusPreconditionFailed || status == http.StatusPreconditionRequired
	}
	return slices.Contains(d.Statuses, status)
}

// versionOnly reports whether a refresh of the write doesn't have the state that
// it replaces.
func (d *preparedDialect) versionOnly(write *http.Request) bool {
	if d.VersionOnly == nil {
		return false
	}
	request := *write
	request.Body, request.GetBody, request.Header = nil, nil, field.Canonical(write.Header)
	return d.VersionOnly(&request)
}

// errVersionOnly is why a state can't be had.
func (d *preparedDialect) errVersionOnly() error {
	return fmt.Errorf("dialect %s: the refresh of such a write has its version, but not the state that it replaces", d.Name)
}

// inBody reports whether the body of a write may carry a version.
func (d *preparedDialect) inBody(req *http.Request) bool {
	if !d.body || semantics.Safe(req.Method) {
		return false
	}
	return slices.ContainsFunc(d.tokens, func(t dialect.Token) bool { return t.Sent.Where() == dialect.Body && isFor(t, req) })
}

// isFor reports whether a write may carry the version here.
func isFor(t dialect.Token, req *http.Request) bool { return t.For == nil || t.For(req) }
