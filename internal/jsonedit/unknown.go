package jsonedit

// firstUnknown finds a member in original that T doesn't know, since rendered,
// which is how T renders original, doesn't have it. Where rendered is of another
// kind T renders in its own way: then every member counts.
func firstUnknown(original, rendered value, where *path) (*path, bool) {
	switch original.kind() {
	case '{':
		return firstUnknownMember(original.members(), rendered.members(), where)
	case '[':
		return firstUnknownIn(original.parts(), rendered, where)
	}
	return nil, false
}

// firstUnknownMember looks into an object.
func firstUnknownMember(members, rendered named, where *path) (*path, bool) {
	owned := members.ownedBy(&rendered)
	for i, member := range members.parts {
		to := where.to(members.names[i])
		if owned.unknown[i] {
			return to, true
		}
		if unknown, found := firstUnknown(member, owned.counterpart(i, &rendered), to); found {
			return unknown, true
		}
	}
	return nil, false
}

// firstUnknownIn looks into the elements of an array.
func firstUnknownIn(elements []value, rendered value, where *path) (*path, bool) {
	var counterparts []value
	if rendered.kind() == '[' {
		counterparts = rendered.parts()
	}
	if len(counterparts) != len(elements) {
		counterparts = make([]value, len(elements))
	}
	for i, element := range elements {
		if !element.isContainer() {
			continue
		}
		if unknown, found := firstUnknown(element, counterparts[i], where.at(i)); found {
			return unknown, true
		}
	}
	return nil, false
}
