package jsonedit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// modelType is a type as encoding/json sees it.
type modelType struct {
	kind   byte // '{', '[', '0' or '"'
	fields []modelField
	elem   *modelType
}

type modelField struct {
	name      string
	typ       *modelType
	omitEmpty bool
}

// modelValue is a value of a type, and what the type doesn't know.
type modelValue struct {
	typ     *modelType
	scalar  string
	fields  []*modelValue
	elems   []*modelValue
	read    []*modelValue // elems as they were read
	unknown []string      // members, as they are in the document
}

type model struct {
	*rand.Rand
	ids    bool
	serial int
}

func (m *model) chance(percent int) bool { return m.IntN(100) < percent }

func (m *model) next() int { m.serial++; return m.serial }

// newType makes a type. Objects in arrays have an id if ids is set.
func (m *model) newType(depth int, inArray bool) *modelType {
	typ := &modelType{kind: `{{{[[0"`[m.IntN(7)]}
	switch {
	case depth == 0:
		typ.kind = '{'
	case depth > 3:
		typ.kind = '0'
	}
	switch typ.kind {
	case '[':
		typ.elem = m.newType(depth+1, true)
	case '{':
		if inArray && m.ids {
			typ.fields = append(typ.fields, modelField{"id", &modelType{kind: '0'}, false})
		}
		for i := range m.IntN(4) + 1 {
			typ.fields = append(typ.fields, modelField{fmt.Sprintf("%c~/%d", 'a'+rune(i), i), m.newType(depth+1, false), m.chance(50)})
		}
	}
	return typ
}

func (m *model) zero(typ *modelType) *modelValue {
	v := &modelValue{typ: typ, scalar: map[byte]string{'0': "0", '"': `""`}[typ.kind]}
	for _, field := range typ.fields {
		v.fields = append(v.fields, m.zero(field.typ))
	}
	return v
}

func (v *modelValue) empty() bool {
	return v.scalar == "0" || v.scalar == `""` || v.typ.kind == '[' && len(v.elems) == 0 ||
		v.typ.kind == '{' && !slices.ContainsFunc(v.fields, func(f *modelValue) bool { return !f.empty() })
}

// render is encoding/json's Marshal.
func (v *modelValue) render() string {
	var parts []string
	switch v.typ.kind {
	case '{':
		for i, field := range v.typ.fields {
			if !field.omitEmpty || !v.fields[i].empty() {
				parts = append(parts, fmt.Sprintf(`%q:%s`, field.name, v.fields[i].render()))
			}
		}
		return "{" + strings.Join(parts, ",") + "}"
	case '[':
		if v.elems == nil {
			return "null"
		}
		for _, elem := range v.elems {
			parts = append(parts, elem.render())
		}
		return "[" + strings.Join(parts, ",") + "]"
	}
	return v.scalar
}

func (m *model) space() string { return []string{"", "", "", " ", "\n\t"}[m.IntN(5)] }

func (m *model) join(open string, parts []string, end string) string {
	for i := range parts {
		parts[i] = m.space() + parts[i] + m.space()
	}
	return open + strings.Join(parts, ",") + end
}

func (m *model) newScalar(kind byte) string {
	if m.chance(15) {
		return map[byte]string{'0': "0", '"': `""`}[kind]
	}
	if kind == '0' {
		return fmt.Sprint(m.next() + 100)
	}
	return fmt.Sprintf(`"s%d"`, m.IntN(5))
}

// newDoc makes a document of the type, and the value that is decoded from it.
func (m *model) newDoc(typ *modelType) (string, *modelValue) {
	v := m.zero(typ)
	switch typ.kind {
	case '[':
		var parts []string
		v.elems = []*modelValue{}
		for range m.IntN(5) {
			text, elem := m.newDoc(typ.elem)
			parts, v.elems = append(parts, text), append(v.elems, elem)
		}
		v.read = slices.Clone(v.elems)
		return m.join("[", parts, "]"), v
	case '{':
		return m.newObject(v), v
	}
	v.scalar = m.newScalar(typ.kind)
	return v.scalar, v
}

// newObject makes the text of an object, and fills the zero value v from it.
func (m *model) newObject(v *modelValue) string {
	var parts []string
	for i, field := range v.typ.fields {
		if field.name == "id" || !m.chance(25) {
			parts, v.fields[i] = m.newMember(parts, field, v.fields[i])
		}
	}
	for range m.IntN(3) {
		unknown := m.newUnknown()
		at := m.IntN(len(parts) + 1)
		parts = slices.Insert(parts, at, unknown)
	}
	for _, part := range parts {
		if strings.HasPrefix(part, `"u`) {
			v.unknown = append(v.unknown, part)
		}
	}
	return m.join("{", parts, "}")
}

// newMember appends a member, and returns the value that is decoded from it: the
// zero one from null.
func (m *model) newMember(parts []string, field modelField, zero *modelValue) ([]string, *modelValue) {
	name := field.name
	if m.chance(20) {
		name = strings.ToUpper(name)
	}
	if m.chance(10) && field.typ.kind == '0' {
		parts = append(parts, fmt.Sprintf(`%q:77`, name)) // the last one counts
	}
	text, value := m.newDoc(field.typ)
	if field.name == "id" {
		value.scalar = fmt.Sprint(m.next() + 1000)
		text = value.scalar
	} else if m.chance(10) {
		text, value = "null", zero
		// A null leaves what was decoded before as it is.
		parts = slices.DeleteFunc(parts, func(p string) bool {
			return strings.HasSuffix(p, ":77") && strings.EqualFold(p[:len(name)+3], fmt.Sprintf("%q:", name))
		})
	}
	return append(parts, fmt.Sprintf(`%q%s:%s%s`, name, m.space(), m.space(), text)), value
}

func (m *model) newUnknown() string {
	n := m.next()
	return fmt.Sprintf([]string{`"u%d":null`, `"u\u0061%d" : 9007199254740993e0`, `"u":{"x":[ 1,%d],"x":"\u00e9\/"}`, `"u%d":[{ "id":1 }]`}[m.IntN(4)], n)
}

// edit changes a value as a caller would.
func (m *model) edit(v *modelValue) {
	switch v.typ.kind {
	case '{':
		if n := len(v.fields); n > 0 {
			if i := m.IntN(n); v.typ.fields[i].name != "id" {
				m.edit(v.fields[i])
			}
		}
	case '[':
		if n := len(v.elems); n > 0 && (m.chance(50) || v.typ.elem.kind == '[') {
			m.edit(v.elems[m.IntN(n)])
			return
		} else if n > 0 && m.chance(30) {
			i := m.IntN(n)
			v.elems = slices.Delete(v.elems, i, i+1)
			return
		} else if n > 0 && m.chance(50) {
			i, j := m.IntN(n), m.IntN(n)
			v.elems[i], v.elems[j] = v.elems[j], v.elems[i]
			return
		} else if v.typ.elem.kind == '[' && n > 0 {
			return
		}
		_, added := m.newDoc(v.typ.elem)
		added.forget()
		v.elems = slices.Insert(v.elems, m.IntN(len(v.elems)+1), added)
	default:
		v.scalar = m.newScalar(v.typ.kind)
	}
}

// forget makes a value one that wasn't read.
func (v *modelValue) forget() {
	v.unknown, v.read = nil, nil
	for _, part := range slices.Concat(v.fields, v.elems) {
		part.forget()
	}
}

// field returns the field that a member is decoded into, or -1.
func (typ *modelType) field(name string) int {
	return slices.IndexFunc(typ.fields, func(f modelField) bool { return strings.EqualFold(f.name, name) })
}

func decodeModel(m *model, typ *modelType, text string) *modelValue {
	v := m.zero(typ)
	switch {
	case text == "null":
	case typ.kind == '{':
		for _, member := range membersOf(text) {
			if i := typ.field(member.name); i >= 0 {
				v.fields[i] = decodeModel(m, typ.fields[i].typ, member.value)
			}
		}
	case typ.kind == '[':
		v.elems = []*modelValue{}
		for _, element := range elementsOf(text) {
			v.elems = append(v.elems, decodeModel(m, typ.elem, string(element)))
		}
	default:
		v.scalar = text
	}
	return v
}

// compare says which unknown members aren't as they were. instead is the value
// that was at the index of a new one: then it may have been changed into that.
func (v *modelValue) compare(instead *modelValue, text string) string {
	switch {
	case text == "null":
	case v.typ.kind == '{':
		return v.compareMembers(instead, text)
	case v.typ.kind == '[':
		return v.compareElements(instead, text)
	}
	return ""
}

func (v *modelValue) compareMembers(instead *modelValue, text string) string {
	var unknown []string
	for _, member := range membersOf(text) {
		i := v.typ.field(member.name)
		if i < 0 {
			unknown = append(unknown, member.text)
			continue
		}
		var was *modelValue
		if instead != nil {
			was = instead.fields[i]
		}
		if strings.HasSuffix(member.value, "77") && v.typ.fields[i].typ.kind == '0' {
			continue
		}
		if why := v.fields[i].compare(was, member.value); why != "" {
			return why
		}
	}
	if !slices.Equal(unknown, v.unknown) && (instead == nil || !slices.Equal(unknown, instead.unknown)) {
		return fmt.Sprintf("unknown members are %q, want %q", unknown, v.unknown)
	}
	return ""
}

func (v *modelValue) compareElements(instead *modelValue, text string) string {
	read := v.read
	if read == nil && instead != nil {
		read = instead.read
	}
	for j, element := range elementsOf(text) {
		var was *modelValue
		if j < len(read) && !slices.Contains(v.elems, read[j]) && !slices.Contains(v.read, v.elems[j]) {
			was = read[j]
		}
		if why := v.elems[j].compare(was, string(element)); why != "" {
			return why
		}
	}
	return ""
}
