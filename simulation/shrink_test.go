package simulation

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// shrink returns the smallest plan found that still is bad: with as few operations and
// faults as possible, and clients and servers as plain as possible.
func shrink(t *testing.T, p *plan, bad func(*history) bool) *plan {
	s := &shrinking{t: t, bad: bad, best: p.listed(run(t, p).w.faults)}
	if !s.is(s.best) {
		return p // it hangs on something that isn't in the list
	}
	for before := -1; before != s.better; {
		before = s.better
		cut(s, func(p *plan) *[]op { return &p.Ops })
		cut(s, func(p *plan) *[]fault { return &p.Faults })
		s.plainer()
		s.cutActors()
	}
	return s.best
}

// shrinking is a plan that is made smaller.
type shrinking struct {
	t      *testing.T
	bad    func(*history) bool
	best   *plan
	better int // times that a smaller one was found
}

func (s *shrinking) is(p *plan) bool { return s.bad(run(s.t, p)) }

// try keeps a changed copy of the plan where it is still bad.
func (s *shrinking) try(change func(p *plan)) bool {
	next := s.best.clone()
	change(next)
	if reflect.DeepEqual(next, s.best) || !s.is(next) {
		return false
	}
	s.best = next
	s.better++
	return true
}

// listed is the plan with a list of what happens.
func (p *plan) listed(faults []fault) *plan {
	next := p.clone()
	next.Listed, next.Rates, next.Faults = true, nil, slices.Clone(faults)
	return next
}

func (p *plan) clone() *plan {
	next := *p
	next.Clients, next.Actors = slices.Clone(p.Clients), slices.Clone(p.Actors)
	next.Ops, next.Faults = slices.Clone(p.Ops), slices.Clone(p.Faults)
	return &next
}

// cut leaves out parts of a list: halves, quarters, and so on to single elements.
func cut[E any](s *shrinking, list func(*plan) *[]E) {
	for size := (len(*list(s.best)) + 1) / 2; size > 0; size /= 2 {
		for at := 0; at < len(*list(s.best)); {
			gone := s.try(func(p *plan) {
				l := list(p)
				*l = slices.Delete(*l, at, min(at+size, len(*l)))
			})
			if !gone {
				at += size
			}
		}
	}
}

// plainer makes everything that is unusual usual, one thing after another.
func (s *shrinking) plainer() {
	for i := range s.best.Ops {
		s.try(func(p *plan) { p.Ops[i].Patience = 0 })
		s.try(func(p *plan) { p.Ops[i].Pause = 0 })
		s.try(func(p *plan) { p.Ops[i].Pause /= 2 })
	}
	for i := range s.best.Clients {
		s.plain(func(p *plan) reflect.Value { return reflect.ValueOf(&p.Clients[i]).Elem() }, "API")
	}
	s.plain(func(p *plan) reflect.Value { return reflect.ValueOf(&p.Server).Elem() }, "")
}

// plain sets each field to its zero value, but the one that has a name.
func (s *shrinking) plain(of func(*plan) reflect.Value, but string) {
	for i := range of(s.best).NumField() {
		if of(s.best).Type().Field(i).Name != but {
			s.try(func(p *plan) { of(p).Field(i).SetZero() })
		}
	}
}

// cutActors leaves out the last ones, where they do nothing. Others keep their names.
func (s *shrinking) cutActors() {
	for len(s.best.Actors) > 1 && s.try(func(p *plan) {
		last := len(p.Actors) - 1
		p.Actors = p.Actors[:last]
		p.Ops = slices.DeleteFunc(p.Ops, func(o op) bool { return o.Actor == last })
	}) {
	}
	for i := range s.best.Clients {
		used := slices.ContainsFunc(s.best.Ops, func(o op) bool { return s.best.Actors[o.Actor] == i })
		if !used {
			s.try(func(p *plan) { p.Clients[i] = client{} })
		}
	}
}

// String is the plan as Go source. What is zero is left out.
func (p *plan) String() string { return "&" + source(reflect.ValueOf(*p), "\t") }

func source(v reflect.Value, indent string) string {
	switch v.Kind() {
	case reflect.Struct:
		var fields []string
		for i := range v.NumField() {
			if !v.Field(i).IsZero() {
				fields = append(fields, v.Type().Field(i).Name+": "+source(v.Field(i), indent+"\t"))
			}
		}
		switch v.Type() {
		case reflect.TypeFor[plan]():
			return "plan{\n" + indent + "\t" + strings.Join(fields, ",\n"+indent+"\t") + ",\n" + indent + "}"
		case reflect.TypeFor[traits]():
			return "traits{" + strings.Join(fields, ", ") + "}"
		}
		return "{" + strings.Join(fields, ", ") + "}" // of a slice
	case reflect.Slice:
		elements := make([]string, v.Len())
		for i := range elements {
			elements[i] = source(v.Index(i), indent)
		}
		return strings.ReplaceAll(v.Type().String(), "simulation.", "") + "{" + strings.Join(elements, ", ") + "}"
	case reflect.Map:
		return strings.ReplaceAll(fmt.Sprintf("%#v", v), "simulation.", "")
	case reflect.String:
		return fmt.Sprintf("%q", v.String())
	}
	return fmt.Sprint(v)
}

// asTest is a test of a history that must be good.
func (p *plan) asTest() string {
	return fmt.Sprintf("func TestFound%d(t *testing.T) {\n\tholds(t, %v)\n}", p.Seed, p)
}
