package etag

import "strings"

// InIf returns the entity-tag in the lines of an If field, and what stands before its list: a
// resource, or nothing. ok is false where the field has anything else than one list with one
// tag (RFC 4918 §10.4.2).
func InIf(lines []string) (resource, tag string, ok bool) {
	if len(lines) != 1 {
		return "", "", false
	}
	list := strings.TrimSpace(lines[0])
	if end := strings.IndexByte(list, '>'); strings.HasPrefix(list, "<") && end > 0 {
		resource, list = list[:end+1], strings.TrimSpace(list[end+1:])
	}
	tag, found := strings.CutPrefix(list, "([")
	tag, ended := strings.CutSuffix(tag, "])")
	if !found || !ended || !Valid(tag) {
		return "", "", false
	}
	return resource, tag, true
}

// IfWith returns an If field with another entity-tag for the same resource.
func IfWith(resource, tag string) string {
	return strings.TrimSpace(resource + " ([" + tag + "])")
}
