package main

import (
	"math"
	"math/rand/v2"
	"time"
)

// A scenario is who writes, over what network.
type scenario struct {
	writers   int
	processes int           // the writers of one process share a lane; 0: there are no lanes
	handOver  bool          // the next in a lane tries the tag that the one before it got
	lease     time.Duration // of a lane's holder, without its waits
	keepWaits bool          // a wait of the pace lengthens the lease
	hop       time.Duration // the mean; 0: 10 ms. The standard deviation is a fifth of it
}

// A result is what a run, or the mean of several, took.
type result struct {
	completion time.Duration // from the first read's start to the last answer
	writes     float64       // for each success
	requests   float64       // for each success: writes, reads before them and refreshes
	over4      float64       // the share of writers that needed more than 4 attempts
	over16     float64       // and than 16
	late       float64       // and of those still refused 30 s after their first refusal
}

// floor is the least time in which the writes of s can be accepted: one for each
// window of one round trip, after the first read's way there and before the last
// answer's way back.
func (s scenario) floor() time.Duration {
	return time.Duration(s.writers+1) * 2 * s.meanHop()
}

func (s scenario) meanHop() time.Duration {
	if s.hop == 0 {
		return 10 * time.Millisecond
	}
	return s.hop
}

// kind is what happens to a writer.
type kind int8

const (
	readArrives kind = iota
	readAnswered
	writeArrives
	writeAnswered
	leaseEnds // of the holder before this writer
)

type event struct {
	at     time.Duration
	serial int32 // ties are broken by age, so that a run depends on its seed only
	writer int32
	kind   kind
}

func (e event) before(f event) bool { return e.at < f.at || e.at == f.at && e.serial < f.serial }

// place is where a writer is with respect to its lane.
type place int8

const (
	outside place = iota
	queued
	holding
	overtaken
)

type writer struct {
	wait      func(roundTrip time.Duration) time.Duration
	started   time.Duration // of the refresh under way
	roundTrip time.Duration // of the last refresh
	refused   time.Duration // when it was first; 0: never
	tag       int32         // the version it read
	accepted  bool
	trying    bool // a tag that was handed over, which is no attempt
	place     place
	attempts  int
}

type lane struct {
	holder int32 // -1: nobody
	until  time.Duration
	queue  []int32
}

// simulation is one run in a synthetic clock.
type simulation struct {
	scenario
	now     time.Duration
	heap    []event // a heap with four children a node
	serial  int32
	random  *rand.Rand
	version int32 // of the document
	writers []writer
	lanes   []lane
	result  result
}

// simulate runs s once: all writers read at the same time, then each writes until
// it has succeeded once. It is the model of the AWS Architecture Blog's study: the
// server accepts a write if the version that its writer read is still the current
// one, and each hop takes |N(10 ms, 2 ms)|.
func simulate(s scenario, with scheme, seed uint64) result {
	sim := &simulation{
		scenario: s,
		random:   rand.New(rand.NewPCG(seed, 412)),
		writers:  make([]writer, s.writers),
		lanes:    make([]lane, s.processes),
	}
	for i := range sim.lanes {
		sim.lanes[i].holder = -1
	}
	for i := range sim.writers {
		sim.writers[i].wait = with.new(sim.random)
		sim.schedule(sim.delay(), int32(i), readArrives)
	}
	for len(sim.heap) > 0 {
		e := sim.pop()
		sim.now = e.at
		sim.handle(e.writer, e.kind)
	}
	n := float64(s.writers)
	sim.result.writes /= n
	sim.result.requests /= n
	sim.result.over4 /= n
	sim.result.over16 /= n
	sim.result.late /= n
	return sim.result
}

// delay is one hop's.
func (s *simulation) delay() time.Duration {
	mean := float64(s.meanHop())
	return time.Duration(math.Abs(mean + mean/5*s.random.NormFloat64()))
}

func (s *simulation) handle(i int32, k kind) {
	w := &s.writers[i]
	switch k {
	case readArrives:
		s.result.requests++
		w.tag = s.version
		s.schedule(s.delay(), i, readAnswered)
	case readAnswered:
		w.roundTrip = s.now - w.started
		s.schedule(s.delay(), i, writeArrives)
	case writeArrives:
		s.result.requests++
		s.result.writes++
		w.attempts++
		if w.accepted = w.tag == s.version; w.accepted {
			s.version++
		}
		s.schedule(s.delay(), i, writeAnswered)
	case writeAnswered:
		if w.accepted {
			s.succeed(i)
		} else {
			s.lose(i)
		}
	case leaseEnds:
		l := s.laneOf(i)
		if w.place == queued && l.queue[0] == i && s.now >= l.until {
			s.writers[l.holder].place = overtaken
			s.admitNext(l, -1)
		}
	}
}

func (s *simulation) laneOf(i int32) *lane { return &s.lanes[int(i)%len(s.lanes)] }

// succeed ends writer i.
func (s *simulation) succeed(i int32) {
	w := &s.writers[i]
	s.result.completion = s.now
	if w.attempts > 4 {
		s.result.over4++
	}
	if w.attempts > 16 {
		s.result.over16++
	}
	if w.refused > 0 && s.now-w.refused > 30*time.Second {
		s.result.late++
	}
	if w.place == holding {
		l := s.laneOf(i)
		l.holder = -1
		if len(l.queue) > 0 {
			s.admitNext(l, s.version) // of the answer: another write may be there by now
			next := &s.writers[l.holder]
			if s.handOver {
				next.tag = w.tag + 1
			}
		}
	}
	w.place = outside
}

// lose sends writer i to its lane, or to wait and look again.
func (s *simulation) lose(i int32) {
	w := &s.writers[i]
	if w.refused == 0 {
		w.refused = s.now
	}
	if w.trying {
		w.trying = false
		w.attempts--
	}
	if len(s.lanes) == 0 || w.place != outside {
		s.refresh(i)
		return
	}
	l := s.laneOf(i)
	w.place = queued
	l.queue = append(l.queue, i)
	switch {
	case l.holder < 0:
		s.admitNext(l, -1)
	case len(l.queue) == 1:
		s.watch(l)
	}
}

// admitNext makes the first in the queue the holder. A tag that is negative isn't
// handed over.
func (s *simulation) admitNext(l *lane, tag int32) {
	i := l.queue[0]
	l.queue = l.queue[1:]
	l.holder, l.until = i, s.now+s.lease
	w := &s.writers[i]
	w.place = holding
	s.watch(l)
	if s.handOver && tag >= 0 {
		w.trying = true
		s.schedule(s.delay(), i, writeArrives)
		return
	}
	s.refresh(i)
}

// watch lets the first in the queue look when the lease ends.
func (s *simulation) watch(l *lane) {
	if s.lease > 0 && len(l.queue) > 0 {
		s.schedule(max(l.until-s.now, 0), l.queue[0], leaseEnds)
	}
}

// refresh waits as the scheme says and reads again.
func (s *simulation) refresh(i int32) {
	w := &s.writers[i]
	d := w.wait(w.roundTrip)
	if s.keepWaits && w.place == holding {
		l := s.laneOf(i)
		l.until += d
		s.watch(l)
	}
	w.started = s.now + d
	s.schedule(d+s.delay(), i, readArrives)
}

func (s *simulation) schedule(in time.Duration, i int32, k kind) {
	s.serial++
	e := event{s.now + in, s.serial, i, k}
	h := append(s.heap, e)
	at := len(h) - 1
	for at > 0 {
		parent := (at - 1) / 4
		if !e.before(h[parent]) {
			break
		}
		h[at] = h[parent]
		at = parent
	}
	h[at] = e
	s.heap = h
}

func (s *simulation) pop() event {
	h := s.heap
	top, e := h[0], h[len(h)-1]
	h = h[:len(h)-1]
	at := 0
	for {
		least := 4*at + 1
		if least >= len(h) {
			break
		}
		for child := least + 1; child < min(4*at+5, len(h)); child++ {
			if h[child].before(h[least]) {
				least = child
			}
		}
		if !h[least].before(e) {
			break
		}
		h[at] = h[least]
		at = least
	}
	if len(h) > 0 {
		h[at] = e
	}
	s.heap = h
	return top
}
