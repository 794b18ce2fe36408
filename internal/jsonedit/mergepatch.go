package jsonedit

import "bytes"

const (
	whyNull    = "a merge patch (RFC 7396) can't set a member to null: that removes it"
	whyReplace = "a merge patch (RFC 7396) can't replace one object by another"
)

// mergePatch appends the edit of an object as a merge patch.
func (e *edit) mergePatch(out []byte, v value, path *path) ([]byte, error) {
	out = append(out, '{')
	if e == nil {
		return append(out, '}'), nil
	}
	count := 0
	member := func(quoted []byte) {
		if count++; count > 1 {
			out = append(out, ',')
		}
		out = append(append(out, quoted...), ':')
	}
	kept := make(map[int32]bool)
	names := make(map[string]bool) // what the patch must not remove
	for _, item := range e.items {
		quoted := item.name
		if !item.from.absent() {
			quoted = item.from.quotedName()
			kept[item.from.at] = true
		}
		name := unquote(quoted)
		names[name] = true
		if item.edit == nil {
			continue
		}
		member(quoted)
		var err error
		if out, err = item.patchTo(out, path.to(name)); err != nil {
			return nil, err
		}
	}
	for _, part := range v.elements() {
		if name := unquote(part.quotedName()); !kept[part.at] && !names[name] {
			names[name] = true // once is enough
			member(part.quotedName())
			out = append(out, "null"...)
		}
	}
	return append(out, '}'), nil
}

// patchTo appends the value of one member of a merge patch.
func (i item) patchTo(out []byte, path *path) ([]byte, error) {
	if i.edit.text == nil {
		if i.from.kind() == '{' {
			return i.edit.mergePatch(out, i.from, path)
		}
		return i.edit.appendTo(out, i.from), nil
	}
	if i.from.kind() == '{' && i.edit.text[0] == '{' && len(i.from.elements()) > 0 {
		return nil, &editError{path, whyReplace}
	}
	if bytes.Contains(i.edit.text, []byte("null")) {
		value, err := Parse(i.edit.text)
		if err != nil {
			return nil, err
		}
		if null, found := firstNull(value.root(), path); found {
			return nil, &editError{null, whyNull}
		}
	}
	return append(out, i.edit.text...), nil
}

// firstNull finds a null that a merge patch would take for a removal. Those in
// arrays are values.
func firstNull(v value, path *path) (*path, bool) {
	if v.kind() == 'n' {
		return path, true
	}
	members := v.members()
	for i, member := range members.all {
		if null, found := firstNull(member, path.to(members.names[i])); found {
			return null, true
		}
	}
	return nil, false
}
