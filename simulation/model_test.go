package simulation

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// content is the document of all objects, as far as clients know it: counters use N, a
// set and a list use Items, a register has no document. The document has more members,
// and each line has one that tells the lines apart.
type content struct {
	N     int64    `json:"n"`
	Items []string `json:"items"`
	Lines []line   `json:"lines,omitempty"`
}

// line is an element of the document's array. The server's also have a row.
type line struct {
	SKU string `json:"sku"`
	Qty int    `json:"qty"`
}

// object is what the document is used as.
type object string

const (
	counter  object = "counter"
	bounded  object = "bounded" // a counter that refuses to exceed bound
	set      object = "set"
	list     object = "list"
	register object = "register"
	mixed    object = "mixed" // a list under all kinds of clients; no porcupine
)

// bound is passed in most histories, by large numbers long before small ones.
const bound = 15_000

var errFull = errors.New("full")

// counts reports whether the operation adds a number.
func (o object) counts() bool { return o == counter || o == bounded }

// edit is the operation on the document itself.
func (o object) edit(c *content, in input) error {
	switch in.verb {
	case "qty":
		for i := range c.Lines {
			c.Lines[i].Qty++
		}
		return nil
	case "swap": // the last line for a new one
		if n := len(c.Lines); n > 0 {
			c.Lines = append(c.Lines[:n-1:n-1], line{in.item, 1})
		}
		return nil
	}
	switch o {
	case counter, bounded:
		if o == bounded && c.N+in.add > bound {
			c.N += in.add // it mustn't show
			return errFull
		}
		c.N += in.add
	case list, mixed:
		c.Items = append(c.Items, in.item)
	case set:
		if at, found := slices.BinarySearch(c.Items, in.item); !found {
			c.Items = slices.Insert(c.Items, at, in.item)
		}
	}
	return nil
}

// state is a document as a comparable value.
type state struct {
	n     int64
	items string
	rank  int64 // of the operation before, as long as an order is given: see way
	seen  int   // operations that have shown this state so far
}

func stateOf(c *content) state { return state{n: c.N, items: strings.Join(c.Items, " ")} }

func (s state) same(other state) bool { return s.n == other.n && s.items == other.items }

// step is the operation in the model. It is written anew on purpose: it doesn't
// share code with edit.
func (o object) step(s state, in input) state {
	switch o {
	case counter, bounded:
		s.n += in.add
	case list:
		s.items = strings.TrimSpace(s.items + " " + in.item)
	case set:
		all := strings.Fields(s.items)
		if !slices.Contains(all, in.item) {
			all = append(all, in.item)
			slices.Sort(all)
		}
		s.items = strings.Join(all, " ")
	case register:
		s.items = in.item
	}
	return s
}

type input struct {
	read bool
	verb string // of an edit that the model doesn't have; empty: add
	add  int64
	item string
	rank int64 // when the operation returned; of check only
}

type output struct {
	seen    bool // state is what the caller was shown, of right after the operation
	state   state
	unknown bool
	full    bool // it failed with errFull
}

// model is deterministic although operations may have an unknown end: those
// return after the final read, so that one which never happened happens there.
//
// Nothing ever takes an item or a number away, so each state that was shown must
// be passed through on the way to the next. A step that leaps over one, or leaves
// the way, is refused at once: the checker would otherwise find that out for each
// order of the steps before.
func model(o object, ops []porcupine.Operation, first state) porcupine.Model {
	way := newWay(o, ops)
	return porcupine.Model{
		Init: func() any { return first },
		Step: func(s, in, out any) (bool, any) {
			now, i, shown := s.(state), in.(input), out.(output)
			full := o == bounded && !i.read && now.n+i.add > bound
			if shown.full || full && shown.unknown {
				return full, now // nothing is done
			}
			if full {
				return false, now
			}
			if !i.read {
				next := o.step(now, i)
				if !way.allows(now, next, i) || !way.goesOn(now, &next, i, shown) {
					return false, next
				}
				now = next
			} else if o != register {
				if now.rank > i.rank {
					return false, now
				}
				now.rank = i.rank
			}
			if shown.seen && o != register {
				now.seen++
			}
			return !shown.seen || shown.state.same(now), now
		},
		DescribeOperation: func(in, out any) string {
			i, shown := in.(input), out.(output)
			var text string
			switch {
			case i.read:
				text = "read"
			case o.counts():
				text = fmt.Sprintf("add %d", i.add)
			case o == register:
				text = "write " + i.item
			default:
				text = "add " + i.item
			}
			switch {
			case shown.full:
				return text + " → full"
			case shown.unknown:
				return text + " → ?"
			case shown.seen:
				return text + " → " + shown.state.String()
			}
			return text
		},
		DescribeState: func(s any) string { return s.(state).String() },
	}
}

func (s state) String() string {
	if s.items == "" {
		return fmt.Sprint(s.n)
	}
	return s.items
}

// way is what was shown, in the order in which it must have been passed through.
type way struct {
	object object
	shown  []state
	times  map[state]int
	last   string           // the longest list
	order  map[string]int64 // of a set's items between two states that were shown
}

func newWay(o object, ops []porcupine.Operation) *way {
	w := &way{object: o, times: make(map[state]int), order: make(map[string]int64)}
	for _, op := range ops {
		in, out := op.Input.(input), op.Output.(output)
		if out.seen {
			w.shown = append(w.shown, out.state)
			w.times[out.state]++
		}
		if !in.read {
			w.order[in.item] = in.rank
			if out.seen {
				w.order[in.item] = math.MaxInt64
			}
		}
	}
	slices.SortFunc(w.shown, func(a, b state) int {
		return cmp.Or(cmp.Compare(a.n, b.n), cmp.Compare(len(strings.Fields(a.items)), len(strings.Fields(b.items))))
	})
	w.shown = slices.Compact(w.shown)
	if len(w.shown) > 0 {
		w.last = w.shown[len(w.shown)-1].items
	}
	return w
}

// goesOn reports whether an addition may follow on now here, and sets what next
// has for the ones after it. No state comes twice, so whoever was shown one must
// have been before it is left.
//
// What commutes is taken in the order in which it returned: additions between two
// states that were shown, and readers of one state. Nobody saw another order, and
// what returned before something else began comes before it that way, too. Only
// the last addition may have shown the state. Otherwise the checker tries each
// order. Of a set the states tell which additions those are, see allows; of a
// counter they don't.
func (w *way) goesOn(now state, next *state, in input, shown output) bool {
	if w.object == register {
		return true
	}
	if next.same(now) {
		return true
	}
	at := w.shows(now)
	if now.seen < at {
		return false
	}
	next.rank, next.seen = 0, 0
	if w.object == list || w.object == set || w.object == bounded || w.shows(*next) > 0 && shown.seen {
		return true
	}
	if at == 0 && now.rank > in.rank {
		return false
	}
	if w.shows(*next) == 0 {
		next.rank = in.rank
	}
	return true
}

// shows is how many operations showed the state.
func (w *way) shows(s state) int { return w.times[state{n: s.n, items: s.items}] }

func (w *way) allows(now, next state, in input) bool {
	switch w.object {
	case counter, bounded:
		at, _ := slices.BinarySearchFunc(w.shown, now.n+1, func(s state, n int64) int { return cmp.Compare(s.n, n) })
		return at == len(w.shown) || w.shown[at].n >= next.n
	case list:
		return len(next.items) > len(w.last) || strings.HasPrefix(w.last+" ", next.items+" ")
	case set:
		before := strings.Fields(now.items)
		for _, s := range w.shown {
			if len(s.items) <= len(now.items) {
				continue
			}
			after := strings.Fields(s.items)
			return slices.Contains(after, in.item) && (next.same(now) || !slices.ContainsFunc(after, func(item string) bool {
				return w.order[item] < w.order[in.item] && !slices.Contains(before, item)
			}))
		}
	}
	return true
}

// decode is a document as a state.
func decode(body []byte) state {
	var d content
	if err := json.Unmarshal(body, &d); body != nil && err != nil {
		return state{items: err.Error()}
	}
	return stateOf(&d)
}
