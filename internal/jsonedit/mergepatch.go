package jsonedit

import "bytes"

// MergePatch returns the change that Patch makes as a JSON Merge Patch
// (RFC 7396): the members that change, arrays as a whole. Unknown members in an
// array are in the patch too, or the array would lose them.
//
// A merge patch can't set a member to null, replace an object by another one, or
// be about a document that is no object: that is an error that names the member.
// Without a change the patch is {}.
func MergePatch(original, before, after []byte, rules Rules) ([]byte, error) {
	doc, e, err := diff(original, before, after, rules)
	if err != nil {
		return nil, err
	}
	root := doc.root()
	if root.kind() != '{' || e != nil && e.text != nil {
		return nil, editErrorAt(whyNoObject, curePatch, "")
	}
	return e.mergePatch(nil, root, nil)
}

// mergePatch appends the edit of an object as a merge patch.
func (e *edit) mergePatch(out []byte, v value, where *path) ([]byte, error) {
	if e == nil {
		return append(out, "{}"...), nil
	}
	out = append(out, '{')
	begin := len(out)
	member := func(quoted []byte) {
		if len(out) > begin {
			out = append(out, ',')
		}
		out = append(append(out, quoted...), ':')
	}
	kept := make(map[int32]bool)
	names := make(map[string]bool) // what the patch must not remove
	for _, i := range e.items {
		name := unquote(i.quotedName())
		names[name] = true
		if !i.from.absent() {
			kept[i.from.start] = true
		}
		if i.edit == nil {
			continue
		}
		member(i.quotedName())
		var err error
		if out, err = i.mergePatch(out, where.to(name)); err != nil {
			return nil, err
		}
	}
	for part := v.first(); !part.absent() && !e.inPlace; part = part.next() { // in place each other member stays
		if name := unquote(part.quotedName()); !kept[part.start] && !names[name] {
			names[name] = true // once is enough
			member(part.quotedName())
			out = append(out, "null"...)
		}
	}
	return append(out, '}'), nil
}

// mergePatch appends what a merge patch has for one member.
func (i item) mergePatch(out []byte, where *path) ([]byte, error) {
	if i.edit.text == nil {
		if i.from.kind() == '{' {
			return i.edit.mergePatch(out, i.from, where)
		}
		return i.edit.appendTo(out, i.from), nil
	}
	if i.from.kind() == '{' && i.edit.text[0] == '{' && len(i.from.parts()) > 0 {
		return nil, editErrorAt(whyReplace, curePatch, where.String())
	}
	if bytes.Contains(i.edit.text, []byte("null")) {
		doc, err := Parse(i.edit.text)
		if err != nil {
			return nil, err
		}
		if null, found := firstNull(doc.root(), where); found {
			return nil, editErrorAt(whyNull, curePatch, null.String())
		}
	}
	return append(out, i.edit.text...), nil
}

// firstNull finds a null that a merge patch would take for a removal. Those in
// arrays are values.
func firstNull(v value, where *path) (*path, bool) {
	if v.kind() == 'n' {
		return where, true
	}
	members := v.members()
	for i, member := range members.parts {
		if null, found := firstNull(member, where.to(members.names[i])); found {
			return null, true
		}
	}
	return nil, false
}
