package jsonedit

import (
	"fmt"
	"strings"
)

// EditError is why an edit can't be made: a member would be lost, or hung on something
// else.
type EditError struct {
	// Pointers are JSON pointers (RFC 6901) into the document that was read: first the
	// member that the error is about, then what else is. The empty one is the whole document.
	Pointers []string

	why  string // with a %q for each further pointer
	cure string // what helps, as a clause; may be empty
}

// editErrorAt returns the error about members.
func editErrorAt(why, cure string, where ...string) *EditError {
	return &EditError{Pointers: where, why: why, cure: cure}
}

// Cure says what helps, as a clause. It is empty where nothing does.
func (e *EditError) Cure() string { return e.cure }

func (e *EditError) Error() string {
	var b strings.Builder
	if e.Pointers[0] == "" {
		b.WriteString("ifmatch: the JSON document: ")
	} else {
		fmt.Fprintf(&b, "ifmatch: JSON member %q: ", e.Pointers[0])
	}
	var further []any
	for _, pointer := range e.Pointers[1:] {
		further = append(further, pointer)
	}
	fmt.Fprintf(&b, e.why, further...)
	if e.cure != "" {
		b.WriteString(": " + e.cure)
	}
	return b.String()
}

// Reasons of an EditError.
const (
	whyDropped   = "the edit would drop it, and the edited type doesn't know it"
	whyAlike     = "the edited type renders elements of the array %q alike, so the edit leaves open which of them it belongs to"
	whyAmbiguous = "the edit leaves open which element of the array %q it belongs to, and the edited type doesn't keep it"
	whyCopied    = "the edit takes it from its place, and leaves open whether what is at %q now is the same: the edited type doesn't keep it"
	whySwapped   = "the edit leaves open whether what is at %q now came from %q, and the edited type doesn't keep it"
	whyChanged   = "the edit takes it from its place, and leaves open whether what is new at %q is the same, changed: the edited type doesn't keep it"
	whyAlias     = "the edited type reads it from another name than it writes, so the edit would make a second member of it"
	whyHidden    = "the edited type writes it otherwise than it reads it, so the edit of it doesn't show and would be lost"
	whyDouble    = "the document has it more than once, so it can't be edited"
	whyNoObject  = "a merge patch (RFC 7396) changes members of an object, and it is none"
	whyNull      = "a merge patch (RFC 7396) can't set a member to null: that removes it"
	whyReplace   = "a merge patch (RFC 7396) can't replace one object by another"
)

// Cures of an EditError.
const (
	cureDeclare = "declare it"
	cureArray   = `MergeKey names the member that tells elements apart, as in MergeKey("id"), and MergeByIndex says that their index does`
	cureTelling = "declare a member that tells them apart, make two edits of it, or say by MergeByIndex that what stays at its path is the same"
	cureSplit   = "make two edits of it, one that moves and one that changes, or tell both apart by MergeKey"
	cureAlias   = "let the type write the name that the document has"
	cureHidden  = "let the type write what it reads"
	cureDouble  = "let the document have it once"
	curePatch   = "leave WithPatch off"
)
