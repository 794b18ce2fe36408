package ifmatch

import (
	"bytes"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/ifmatch-go/ifmatch/ifmatchtest"
)

// publicCases are what servers and proxies in public do beside losing answers, alone and
// together with what links do.
func publicCases(method string) []faultCase {
	type faults = []ifmatchtest.Fault
	type known struct {
		N int `json:"n"`
	}
	around := []faultCase{
		{name: "own node", reads: 1, old: true, before: faults{ifmatchtest.NodeTags(2)}},
		{name: "other node", old: true, before: faults{ifmatchtest.NodeTags(2)}},
		{name: "tag by read", old: true, before: faults{ifmatchtest.NodeTags(0)}},
		{name: "marker", faults: faults{ifmatchtest.DeleteMarkers()}},
		{name: "unknown dropped", faults: faults{ifmatchtest.DropUnknown(known{})}},
	}
	var all []faultCase
	for _, a := range around {
		for _, b := range linkCases(method) {
			b.name, b.before, b.reads, b.old = a.name, a.before, a.reads, a.old || b.old
			b.faults = slices.Concat(a.faults, b.faults)
			all = append(all, b)
		}
	}
	return slices.Concat(all, resentCases(), committedCases(), replicaCases())
}

// linkCases are what a link or a rival does to one write.
func linkCases(method string) []faultCase {
	type faults = []ifmatchtest.Fault
	other := func([]byte) []byte { return []byte(cellOther) }
	twin := func([]byte) []byte { return []byte(cellMine) }
	if method == http.MethodDelete {
		twin = func([]byte) []byte { return nil }
	}
	lostRequest, lostAnswer := ifmatchtest.LostRequest(1), ifmatchtest.LostAnswer(1)
	return []faultCase{
		{},
		{second: "refused", faults: faults{ifmatchtest.Refuse(1)}},
		{second: "rival before", faults: faults{ifmatchtest.CompetingWriter(1, other)}},
		{second: "request lost", faults: faults{lostRequest}},
		{second: "answer lost", faults: faults{lostAnswer}},
		{second: "502 after", faults: faults{ifmatchtest.FailAfter(1, 502)}},
		{second: "request lost, rival", faults: faults{lostRequest, ifmatchtest.CompetingWriter(1, other).After(1)}},
		{second: "answer lost, rival behind", faults: faults{lostAnswer, ifmatchtest.CompetingAfter(1, other)}},
		{second: "request lost, twin", twin: true, faults: faults{lostRequest, ifmatchtest.CompetingWriter(1, twin).After(1)}},
		{second: "answer lost, stale read", old: true, faults: faults{lostAnswer, ifmatchtest.StaleReads(1)}},
	}
}

// resentCases are writes that a proxy sends again, and keeps the first answer to itself.
func resentCases() []faultCase {
	type faults = []ifmatchtest.Fault
	other := func([]byte) []byte { return []byte(cellOther) }
	all := []faultCase{
		{second: "502 before", faults: faults{ifmatchtest.FailBefore(1, 502)}},
		{second: "502 after", faults: faults{ifmatchtest.FailAfter(1, 502)}},
		{second: "502 after twice", faults: faults{ifmatchtest.FailAfter(2, 502)}},
		{second: "502 after, 502 before", faults: faults{ifmatchtest.FailAfter(1, 502), ifmatchtest.FailBefore(1, 502)}},
		{second: "502 after, 403", faults: faults{ifmatchtest.FailAfter(1, 502), ifmatchtest.FailBefore(1, 403)}},
		{second: "502 before, refused", faults: faults{ifmatchtest.FailBefore(1, 502), ifmatchtest.Refuse(1)}},
		{second: "500 after, rival behind", faults: faults{ifmatchtest.FailAfter(1, 500), ifmatchtest.CompetingAfter(1, other)}},
		{second: "request lost", faults: faults{ifmatchtest.LostRequest(1)}},
		{second: "answer lost", faults: faults{ifmatchtest.LostAnswer(1)}},
		{second: "answers lost", faults: faults{ifmatchtest.LostAnswer(2)}},
		{second: "502 after, answer lost", faults: faults{ifmatchtest.FailAfter(1, 502), ifmatchtest.LostAnswer(1)}},
	}
	for i := range all {
		all[i].name, all[i].faults = "resent", append(faults{ifmatchtest.ResendOn(1)}, all[i].faults...)
	}
	return all
}

// committedCases are writes that are refused although they were applied.
func committedCases() []faultCase {
	type faults = []ifmatchtest.Fault
	other := func([]byte) []byte { return []byte(cellOther) }
	after := ifmatchtest.FailAfter(1, http.StatusPreconditionFailed)
	all := []faultCase{
		{faults: faults{after}},
		{second: "twice", faults: faults{ifmatchtest.FailAfter(2, http.StatusPreconditionFailed)}},
		{second: "rival behind", faults: faults{after, ifmatchtest.CompetingAfter(1, other)}},
		{second: "stale reads", old: true, faults: faults{after, ifmatchtest.StaleReads(0)}},
		{second: "answer lost", faults: faults{after, ifmatchtest.LostAnswer(1)}},
		{second: "request lost before", faults: faults{ifmatchtest.LostRequest(1), after}},
		{second: "502 before it", faults: faults{ifmatchtest.FailBefore(1, 502), after}},
	}
	for i := range all {
		all[i].name = "412 after"
	}
	return all
}

// replicaCases are refreshes by a replica that is older than the state that was refused.
func replicaCases() []faultCase {
	type faults = []ifmatchtest.Fault
	other := func([]byte) []byte { return []byte(cellOther) }
	rival := ifmatchtest.CompetingWriter(1, other)
	var all []faultCase
	for _, back := range []int{2, 4} {
		lags := ifmatchtest.LaggingReads(0, back)
		for _, wasMine := range []bool{false, true} {
			for _, c := range []faultCase{
				{},
				{second: "rival before", faults: faults{rival}},
				{second: "request lost, rival", faults: faults{ifmatchtest.LostRequest(1), rival.After(1)}},
				{second: "answer lost", faults: faults{ifmatchtest.LostAnswer(1)}},
				{second: "answer lost, rival behind", faults: faults{ifmatchtest.LostAnswer(1), ifmatchtest.CompetingAfter(1, other)}},
			} {
				c.name, c.old, c.replica, c.wasMine, c.twin = "old replica", true, true, wasMine, wasMine
				c.faults = append(c.faults, lags)
				all = append(all, c)
			}
		}
	}
	return all
}

// mostUnknownsInPublic are more columns of mostUnknowns.
const mostUnknownsInPublic = `
policy                method  own-node  other-node  tag-by-read  marker  unknown-dropped  resent  412-after  old-replica
Stop                  PUT          102          82          102     100               98      60         32          180
Stop+unique           PUT           68          60           80      70               83      32         16           90
Resend                PUT           78          70           90      56               54      32         18          174
Resend+unique         PUT           66          58           78      48               46      24         14           90
Rebuild               PUT          102          82          102     100               98      60         42          180
Rebuild+unique        PUT           68          60           80      70               83      32         18           90
Unconditional         PUT          102          82          102     100               98      60         37          180
Unconditional+unique  PUT           68          60           80      70               83      32         21           90
own                   PUT           78          70           90      56               54      32         20          174
own+unique            PUT           66          58           78      48               46      24         14           90
Stop                  DELETE       108          88          108     104              104      64         32          184
Stop+unique           DELETE        64          56           76      60               60      32         16           40
Resend                DELETE        68          60           80      64               64      32         20          104
Resend+unique         DELETE        64          56           76      60               60      32         16           40
Rebuild               DELETE       108          88          108     104              104      64         34          184
Rebuild+unique        DELETE        64          56           76      60               60      32         16           40
Unconditional         DELETE       108          88          108     104              104      64         42          184
Unconditional+unique  DELETE        64          56           76      60               60      32         21           40
own                   DELETE       108          88          108     104              104      64         24          144
own+unique            DELETE        64          56           76      60               60      32         16           40
Stop                  PATCH         56          56           56      56               56      32         16           96
Stop+unique           PATCH         48          48           48      48               48      32         16           48
Resend                PATCH         56          56           56      56               56      32         21           96
Resend+unique         PATCH         48          48           48      48               48      32         21           48
Rebuild               PATCH         56          56           56      56               56      32         21           96
Rebuild+unique        PATCH         48          48           48      48               48      32         21           48
Unconditional         PATCH         56          56           56      56               56      32         21           96
Unconditional+unique  PATCH         48          48           48      48               48      32         21           48
own                   PATCH         56          56           56      56               56      32         21           96
own+unique            PATCH         48          48           48      48               48      32         21           48
Stop                  POST          56          56           56      56               56      32         16           96
Stop+unique           POST          48          48           48      48               48      32         16           48
Resend                POST          56          56           56      56               56      32         21           96
Resend+unique         POST          48          48           48      48               48      32         21           48
Rebuild               POST          56          56           56      56               56      32         21           96
Rebuild+unique        POST          48          48           48      48               48      32         21           48
Unconditional         POST          56          56           56      56               56      32         21           96
Unconditional+unique  POST          48          48           48      48               48      32         21           48
own                   POST          56          56           56      56               56      32         21           96
own+unique            POST          48          48           48      48               48      32         21           48
`

// mostUnknowables counts the calls whose claim is wrong, and nobody could know: a write
// was applied and refused all the same, a proxy sent it again and kept the first answer to
// itself, or a replica showed a state that is older than the one that was refused. With
// columns that aren't here, each claim is right.
const mostUnknowables = `
policy                method  replay  resent  412-after  old-replica
Stop                  PUT         10      42         60            0
Stop+unique           PUT         10      42         60            0
Resend                PUT          2      18         30            3
Resend+unique         PUT          2      18         30            0
Rebuild               PUT          2      18         30            0
Rebuild+unique        PUT          2      18         30            0
Unconditional         PUT          2      18         30            0
Unconditional+unique  PUT          2      18         30            0
own                   PUT          2      18         30            3
own+unique            PUT          2      18         30            0
Stop                  DELETE      10      38         50            0
Stop+unique           DELETE      10      38         50           27
Resend                DELETE      10      30         44           30
Resend+unique         DELETE      10      30         44           27
Rebuild               DELETE      10      30         44            0
Rebuild+unique        DELETE      10      30         44           27
Unconditional         DELETE      10      30         36            0
Unconditional+unique  DELETE      10      30         36           27
own                   DELETE      10      30         44           30
own+unique            DELETE      10      30         44           27
Stop                  PATCH        4      17         25            0
Stop+unique           PATCH        4      17         25            0
Resend                PATCH        0       5         10            0
Resend+unique         PATCH        0       5         10            0
Rebuild               PATCH        0       5         10            0
Rebuild+unique        PATCH        0       5         10            0
Unconditional         PATCH        0       5         10            0
Unconditional+unique  PATCH        0       5         10            0
own                   PATCH        0       5         10            0
own+unique            PATCH        0       5         10            0
Stop                  POST         5      21         30            0
Stop+unique           POST         5      21         30            0
Resend                POST         1       9         15            0
Resend+unique         POST         1       9         15            0
Rebuild               POST         1       9         15            0
Rebuild+unique        POST         1       9         15            0
Unconditional         POST         1       9         15            0
Unconditional+unique  POST         1       9         15            0
own                   POST         1       9         15            0
own+unique            POST         1       9         15            0
`

// TestMarksShowHiddenWrites: a write that was applied and refused all the same, or sent
// again by a proxy, is found by its mark, and the edit isn't applied twice.
func TestMarksShowHiddenWrites(t *testing.T) {
	type faults = []ifmatchtest.Fault
	rival := ifmatchtest.CompetingAfter(1, func(doc []byte) []byte {
		return bytes.Replace(doc, []byte(`"n":8`), []byte(`"n":108`), 1)
	})
	for _, tt := range []struct {
		name   string
		faults faults
		want   int
	}{
		{"412 after", faults{ifmatchtest.FailAfter(1, 412)}, 8},
		{"412 after, then a rival", faults{ifmatchtest.FailAfter(1, 412), rival}, 108},
		{"resent", faults{ifmatchtest.ResendOn(1), ifmatchtest.FailAfter(1, 502)}, 8},
		{"resent, and a rival between", faults{ifmatchtest.ResendOn(1), ifmatchtest.FailAfter(1, 502), rival}, 108},
	} {
		synctest.Test(t, func(t *testing.T) {
			origin := ifmatchtest.NewMemoryServer()
			defer origin.Close()
			origin.Put("/doc", "application/json", []byte(`{"n":7}`))
			origin.Inject(tt.faults...)
			var o Outcome
			snapshot, err := Update(WithOutcome(t.Context(), &o), origin.Client(), origin.URL+"/doc", addMarked)
			if err != nil || o.Effect != EffectApplied || o.Cause != CauseOwnEarlierWrite || snapshot.Value.N != tt.want {
				t.Errorf("%s: n %d, want %d; %v, %v, %v", tt.name, snapshot.Value.N, tt.want, o.Effect, o.Cause, err)
			}
		})
	}
}
