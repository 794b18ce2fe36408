package jsonedit

// firstLost finds a member that would be lost if the value were written as T renders
// it: T doesn't know it, or renders it with another meaning than was read, such as a
// number that it can't hold. before may be absent: then it is about every member.
func (c change) firstLost() (*path, bool) {
	if writtenAlike(c.original, c.before) {
		return nil, false
	}
	return c.lostIn()
}

// lostIn is firstLost where the texts differ, if only by white space.
func (c change) lostIn() (*path, bool) {
	switch c.original.kind() {
	case '{':
		return c.firstLostMember()
	case '[':
		originals, befores := c.original.parts(), c.before.parts()
		if c.before.kind() != '[' || len(originals) != len(befores) {
			return c.where, true
		}
		for i, original := range originals {
			if lost, found := (change{original: original, before: befores[i], where: c.where.at(i)}).lostIn(); found {
				return lost, true
			}
		}
		return nil, false
	}
	return c.where, !same(c.original, c.before)
}

func (c change) firstLostMember() (*path, bool) {
	members, rendered := c.original.members(), c.before.members()
	owned := members.ownedBy(&rendered)
	for i, member := range members.parts {
		inner := change{original: member, before: owned.counterpart(i, &rendered), where: c.where.to(members.names[i])}
		if inner.before.absent() {
			return inner.where, true
		}
		if lost, found := inner.lostIn(); found {
			return lost, true
		}
	}
	return c.where, c.before.kind() != '{'
}
