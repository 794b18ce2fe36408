package rounds

import (
	"testing"

	"github.com/ifmatch-go/ifmatch/internal/edit"
)

// TestSight: what a read shows about the writes before (rules 10 and 12).
func TestSight(t *testing.T) {
	for name, row := range map[string]struct {
		sight Sight
		want  Step
	}{
		"25: the first read":                                 {Sight{}, Edit},
		"25: the first read, of a T without marks":           {Sight{Mark: edit.Unknown}, Edit},
		"10: found after a lost answer":                      {Sight{Sent: true, InDoubt: true, Mark: edit.Found}, Applied},
		"10: found after a refusal":                          {Sight{Sent: true, Mark: edit.Found}, Applied},
		"10: found in a read with the refused validator":     {Sight{Sent: true, Mark: edit.Found, Stale: true}, Applied},
		"10: found under the tag of the write":               {Sight{Sent: true, InDoubt: true, Mark: edit.Found, Same: true}, Applied},
		"10: absent after a lost answer, and marks are kept": {Sight{Sent: true, InDoubt: true, Mark: edit.Absent, Keeps: true}, Edit},
		"10: absent after a lost answer":                     {Sight{Sent: true, InDoubt: true, Mark: edit.Absent}, Unknown},
		"10: absent in a read with the refused validator":    {Sight{Sent: true, InDoubt: true, Mark: edit.Absent, Keeps: true, Stale: true}, Unknown},
		"10: it can't be told after a lost answer":           {Sight{Sent: true, InDoubt: true, Mark: edit.Unknown, Keeps: true}, Unknown},
		"10: absent after a plain refusal":                   {Sight{Sent: true, Mark: edit.Absent}, Edit},
		"10: it can't be told after a plain refusal":         {Sight{Sent: true, Mark: edit.Unknown}, Edit},
		"13: the guard of the lost write still holds":        {Sight{Sent: true, InDoubt: true, Mark: edit.Absent, Same: true}, Edit},
		"13: … and there are no ids":                         {Sight{Sent: true, InDoubt: true, Mark: edit.Unknown, Same: true}, Edit},
		"6: the guard of the lost write was refused":         {Sight{Sent: true, InDoubt: true, Mark: edit.Absent, Same: true, Stale: true}, Unknown},
		"6: a plain refusal, and the same validator":         {Sight{Sent: true, Mark: edit.Absent, Stale: true}, Edit},
		"12: without marks, after a lost answer":             {Sight{Sent: true, InDoubt: true}, Unknown},
		"12: without marks, and the validator that refused":  {Sight{Sent: true, InDoubt: true, Stale: true}, Unknown},
	} {
		if got := row.sight.Next(); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// TestAfterEdit: whether there is something to write (rules 12 and 25).
func TestAfterEdit(t *testing.T) {
	for name, row := range map[string]struct {
		same, inDoubt bool
		want          Step
	}{
		"25: a change":                         {false, false, Write},
		"10: a change, and the mark is absent": {false, true, Write},
		"25: no change, so no write":           {true, false, Same},
		"12: no change after a lost answer":    {true, true, Unknown},
	} {
		if got := AfterEdit(row.same, row.inDoubt); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}

// TestFailure: what follows a write without success (rules 10, 12, 13 and 25).
func TestFailure(t *testing.T) {
	for name, row := range map[string]struct {
		failure Failure
		want    Step
	}{
		"12: lost, without marks":                              {Failure{Lost: true}, Fail},
		"10: lost, with marks":                                 {Failure{Lost: true, Marked: true}, Again},
		"10: lost, and nothing is left":                        {Failure{Lost: true, Marked: true, Spent: true}, Look},
		"10: refused for good, with marks":                     {Failure{Refused: true, Marked: true}, Look},
		"25: refused for good, without marks":                  {Failure{Refused: true}, Fail},
		"25: another final answer":                             {Failure{Marked: true}, Fail},
		"10: another final answer, and a write before is open": {Failure{Marked: true, InDoubt: true}, Look},
		"10: refused for good, and a write before is open":     {Failure{Refused: true, Marked: true, InDoubt: true}, Look},
		"25: created by somebody else":                         {Failure{Refused: true, Exists: true}, Again},
		"25: created by somebody else, with marks":             {Failure{Refused: true, Exists: true, Marked: true}, Again},
		"13: created by somebody else, and nothing is left":    {Failure{Refused: true, Exists: true, Spent: true}, Fail},
		"10: … with marks":                                     {Failure{Refused: true, Exists: true, Spent: true, Marked: true}, Look},
		"25: the edit failed on the new state":                 {Failure{Broken: true, Marked: true}, Fail},
		"25: … after a refusal":                                {Failure{Broken: true, Refused: true, Marked: true}, Fail},
		"10: … and a write before is open":                     {Failure{Broken: true, Marked: true, InDoubt: true}, Look},
		"10: refused where it was redirected to":               {Failure{Broken: true, Lost: true, Marked: true, InDoubt: true}, Look},
		"9: pending, with marks":                               {Failure{Lost: true, Pending: true, Marked: true}, Look},
		"9: pending, without marks":                            {Failure{Lost: true, Pending: true}, Fail},
		"22: cancelled":                                        {Failure{Cancelled: true, Lost: true, Marked: true}, Fail},
		"22: cancelled, and a write before is open":            {Failure{Cancelled: true, InDoubt: true, Marked: true}, Fail},
		"22: cancelled, and created by somebody else":          {Failure{Cancelled: true, Refused: true, Exists: true}, Fail},
	} {
		if got := row.failure.Next(); got != row.want {
			t.Errorf("%s: %v, want %v", name, got, row.want)
		}
	}
}
