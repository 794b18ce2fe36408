package simulation

import "testing"

// holds runs a history in which a fault was found, and mended since.
func holds(t *testing.T, p *plan) {
	t.Helper()
	h := run(t, p)
	for _, v := range h.wrong {
		t.Error(v)
	}
	if t.Failed() {
		t.Log(h.log())
	}
}

// TestFoundResend: a base that sends a write twice, and hands on the second answer, a
// plain 412, made the edit be applied twice.
func TestFoundResend(t *testing.T) {
	for _, api := range []string{"rebuild", "update", "resource", "stop", "merge"} {
		holds(t, &plan{
			Seed: 10, Object: mixed, Listed: true,
			Clients: []client{{API: api}},
			Actors:  []int{0},
			Ops:     []op{{ID: 11, Verb: "add"}},
			Faults:  []fault{{Who: "a.11", Nth: 2, Kind: resentBelow}, {Who: "R0.0", Nth: 2, Kind: resentBelow}},
		})
	}
}

// TestFoundStamp: a Resource whose write was found again by its mark took the server for
// one that stores what it is sent, and wrote the stamp of an older state.
func TestFoundStamp(t *testing.T) {
	holds(t, &plan{
		Object: list, Listed: true,
		Server:  traits{Stamps: true},
		Clients: []client{{API: "resource", Marks: true}},
		Actors:  []int{0},
		Ops:     []op{{Verb: "add"}, {ID: 1, Verb: "add"}, {ID: 2, Verb: "add"}},
		Faults:  []fault{{Who: "R0.0", Nth: 2, Kind: after412}},
	})
}

// TestFoundValidator: the caller of Rebuild and MergeJSON got the tag of a body that it
// had never sent.
func TestFoundValidator(t *testing.T) {
	for _, api := range []string{"rebuild", "merge"} {
		holds(t, &plan{
			Object: mixed, Listed: true,
			Clients: []client{{API: api}, {API: "update"}},
			Actors:  []int{0, 1},
			Ops:     []op{{Verb: "add"}, {Actor: 1, ID: 1, Verb: "add"}, {ID: 2, Verb: "add"}, {Actor: 1, ID: 3, Verb: "add"}},
			Faults:  []fault{{Who: "a.0", Nth: 2, Kind: slow}, {Who: "a.2", Nth: 2, Kind: slow}},
		})
	}
}

// TestFoundNoErr: a write that failed with a 5xx at once, or was answered with an error,
// had no Err in its Outcome.
func TestFoundNoErr(t *testing.T) {
	holds(t, &plan{
		Seed: 41, Object: mixed, Listed: true,
		Clients: []client{{API: "unconditional"}},
		Actors:  []int{0},
		Ops:     []op{{ID: 4, Verb: "add"}},
		Faults:  []fault{{Who: "a.4", Nth: 2, Kind: before5xx}},
	})
}

// TestFoundUnexamined: a refusal that nobody looked into was told to be another's change,
// and one that a second node had caused to be a cache's.
func TestFoundUnexamined(t *testing.T) {
	holds(t, &plan{
		Seed: 116, Object: mixed, Listed: true,
		Server:  traits{Tags: "node", Nodes: 2},
		Clients: []client{{API: "unconditional"}},
		Actors:  []int{0},
		Ops:     []op{{ID: 5, Verb: "add"}},
	})
	holds(t, &plan{
		Seed: 65, Object: register, Listed: true,
		Server:  traits{Tags: "node", Nodes: 2},
		Clients: []client{{API: "resend"}},
		Actors:  []int{0, 0, 0},
		Ops:     []op{{Actor: 2, ID: 6, Verb: "add", Pause: 10}, {Actor: 1, ID: 7, Verb: "add"}},
	})
	// The second refusal is younger than the read before it: that shows no cache.
	holds(t, &plan{
		Seed: 2705, Object: mixed, Listed: true,
		Server:  traits{Tags: "node", Nodes: 2},
		Clients: []client{{API: "merge"}, {API: "remember"}},
		Actors:  []int{0, 1, 0},
		Ops: []op{
			{ID: 2, Verb: "add"}, {Actor: 1, ID: 6, Verb: "read", Pause: 6}, {Actor: 2, ID: 7, Verb: "add", Pause: 11}, {Actor: 1, ID: 8, Verb: "read"},
			{Actor: 2, ID: 9, Verb: "add"}, {Actor: 1, ID: 10, Verb: "read"}, {Actor: 2, ID: 11, Verb: "add"},
		},
		Faults: []fault{
			{Who: "a.2", Nth: 3, Kind: cutBody}, {Who: "a.2", Nth: 6, Kind: cutBody}, {Who: "c.7", Nth: 2, Kind: dialError}, {Who: "c.9", Nth: 2, Kind: dialError},
			{Who: "c.11", Nth: 4, Kind: cutBody}, {Who: "c.11", Nth: 6, Kind: dialError},
		},
	})
}

// TestFoundOverwrote: a Resend whose answers were lost, the last one of a write over a state
// that its caller hadn't seen, was found again, and Overwrote was false.
func TestFoundOverwrote(t *testing.T) {
	holds(t, &plan{
		Object: mixed, Listed: true,
		Clients: []client{{API: "resend"}, {API: "update"}},
		Actors:  []int{0, 1},
		Ops:     []op{{Verb: "add"}, {Actor: 1, ID: 1, Verb: "add"}},
		Faults: []fault{
			{Who: "a.0", Nth: 2, Kind: slow}, {Who: "a.0", Nth: 2, Kind: lostRequest},
			{Who: "a.0", Nth: 5, Kind: lostAnswer},
		},
	})
}

// TestFoundUnguarded: a flow of Remember whose read had a weak tag wrote without a guard.
func TestFoundUnguarded(t *testing.T) {
	holds(t, &plan{
		Seed: 66, Object: mixed, Listed: true,
		Server:  traits{Tags: "weak"},
		Clients: []client{{API: "remember"}},
		Actors:  []int{0},
		Ops:     []op{{Verb: "add"}},
	})
}

// TestFoundForgotten: a flow of Remember whose write was refused wrote the next one without a
// guard, over what its flow hadn't read.
func TestFoundForgotten(t *testing.T) {
	holds(t, &plan{
		Seed: 85, Object: mixed, Listed: true,
		Clients: []client{{API: "merge"}, {}, {API: "remember"}, {}},
		Actors:  []int{0, 1, 2},
		Ops:     []op{{Actor: 2, ID: 2, Verb: "delete", Pause: 21}, {ID: 4, Verb: "add", Pause: 20}, {Actor: 2, ID: 6, Verb: "add"}},
	})
}

// TestFoundPruned: on a server that drops the mark, a lost answer made the edit be applied
// twice.
func TestFoundPruned(t *testing.T) {
	for _, server := range []traits{{Prunes: true}, {PrunesNew: true}, {PrunesNew: true, Marked: 3}, {Frozen: true, Marked: 3}} {
		for _, api := range []string{"update", "resource"} {
			holds(t, &plan{
				Seed: 19, Object: counter, Listed: true,
				Server:  server,
				Clients: []client{{API: api, Marks: true}},
				Actors:  []int{0},
				Ops:     []op{{ID: 2, Verb: "add"}},
				Faults:  []fault{{Who: "R0.0", Nth: 2, Kind: after5xx}, {Who: "a.2", Nth: 2, Kind: after5xx}},
			})
		}
	}
}

// TestFoundDeleteMarker: an Update that creates met the marker of a deleted document again and
// again, and told that the document exists, which no read had found.
func TestFoundDeleteMarker(t *testing.T) {
	holds(t, &plan{
		Seed: 14538, Object: mixed, Listed: true,
		Server:  traits{Markers: true, Absent: true},
		Clients: []client{{}, {API: "rebuild"}, {API: "resource"}, {API: "update"}},
		Actors:  []int{0, 1, 2, 3},
		Ops:     []op{{Actor: 1, ID: 1, Verb: "delete", Pause: 6}, {Actor: 3, ID: 8, Verb: "add", Pause: 19}, {Actor: 2, ID: 10, Verb: "add"}},
	})
}

// TestFoundRow: a new element in the place of another one got the member of that one which
// the client doesn't know.
func TestFoundRow(t *testing.T) {
	holds(t, &plan{
		Seed: 110, Object: mixed, Listed: true,
		Clients: []client{{API: "update"}},
		Actors:  []int{0},
		Ops:     []op{{Verb: "swap"}},
	})
}

// TestFoundCheckOfCauses: the check of causes was wrong where a create met a delete marker after
// an attempt that was never sent, where a read that was no state contradicted the server, where
// a state was handed on, and where a create was refused after an update was.
func TestFoundCheckOfCauses(t *testing.T) {
	holds(t, &plan{
		Seed: 2204587, Object: mixed, Listed: true,
		Server:  traits{Markers: true, Absent: true},
		Clients: []client{{API: "resend"}, {API: "update", Attempts: 2}, {}},
		Actors:  []int{0, 1, 2, 0, 1},
		Ops:     []op{{ID: 5, Verb: "add", Pause: 1}, {Actor: 4, ID: 6, Verb: "qty"}, {Actor: 4, ID: 10, Verb: "add", Pause: 3}, {ID: 15, Verb: "delete"}},
		Faults:  []fault{{Who: "e.10", Nth: 2, Kind: "dial error"}},
	})
	holds(t, &plan{
		Seed: 2273878, Object: mixed, Listed: true,
		Server:  traits{Absent: true},
		Clients: []client{{API: "resource"}, {API: "update"}, {}},
		Actors:  []int{0, 1, 2, 0, 1},
		Ops:     []op{{Actor: 4, ID: 1, Verb: "swap"}, {Actor: 3, ID: 6, Verb: "qty", Pause: 1}},
		Faults:  []fault{{Who: "R0.0", Nth: 3, Kind: "read odd"}},
	})
	holds(t, &plan{
		Seed: 30897467, Object: mixed, Listed: true,
		Server:  traits{Markers: true, Absent: true},
		Clients: []client{{API: "resource"}, {API: "stop"}, {}, {}},
		Actors:  []int{0, 1, 2, 3, 0, 1},
		Ops:     []op{{ID: 4, Verb: "add"}, {ID: 6, Verb: "add", Pause: 4}, {Actor: 5, ID: 7, Verb: "delete", Pause: 7}},
		Faults:  []fault{{Who: "R0.0", Nth: 7, Kind: "very slow"}},
	})
	// A state that was handed on was replaced by the answer's own process before the call began.
	holds(t, &plan{
		Seed: 20032298, Object: mixed, Listed: true,
		Clients: []client{{API: "update", Marks: true, Direct: true}, {}},
		Actors:  []int{0, 1, 0, 1, 0, 1, 0, 1, 0},
		Ops: []op{{ID: 1, Verb: "add"}, {Actor: 8, ID: 3, Verb: "delete", Pause: 27}, {Actor: 2, ID: 4, Verb: "add"},
			{Actor: 2, ID: 6, Verb: "delete", Pause: 1}, {Actor: 2, ID: 7, Verb: "add"}, {Actor: 8, ID: 8, Verb: "add"}, {ID: 10, Verb: "add"}, {Actor: 6, ID: 16, Verb: "delete"}},
		Faults: []fault{{Who: "g.16", Nth: 2, Kind: slow}, {Who: "a.1", Nth: 1, Kind: "read fails"}, {Who: "i.3", Nth: 2, Kind: slow},
			{Who: "c.6", Nth: 1, Kind: slow}, {Who: "c.6", Nth: 2, Kind: late}, {Who: "i.3", Nth: 4, Kind: late}, {Who: "i.8", Nth: 2, Kind: slow}},
	})
}

// TestFoundPutBack: on a server that drops new marks, a last writer put back a list from before
// the client's own write had pushed an id out of it. That id was taken for a new one.
func TestFoundPutBack(t *testing.T) {
	holds(t, &plan{
		Seed: 30335367, Object: mixed, Listed: true,
		Server:  traits{PrunesNew: true, Marked: 64},
		Clients: []client{{API: "update", Marks: true}, {API: "unconditional"}},
		Actors:  []int{0, 1, 0},
		Ops:     []op{{Actor: 2, ID: 5, Verb: "add", Pause: 1}, {Actor: 2, ID: 6, Verb: "read"}, {Actor: 1, ID: 9, Verb: "add"}, {Actor: 2, ID: 21, Verb: "add"}},
		Faults:  []fault{{Who: "b.9", Nth: 1, Kind: slow}, {Who: "c.21", Nth: 1, Kind: slow}, {Who: "c.21", Nth: 2, Kind: "answer lost"}},
	})
}
