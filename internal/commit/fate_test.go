package commit

import "testing"

// TestJudge: which edits are in what was written, or share its error (rule 27:
// an edit that fails changes nothing for the others).
func TestJudge(t *testing.T) {
	var (
		in     = try{}
		failed = try{err: errFull}
		after  = try{err: errFull, after: true}
		own    = Failure{Err: errFull}
		either = Failure{errDiffering, true}
		putOff = try{err: errPutOff}
		late   = Failure{errPutOffLate, true}
	)
	type tries []try
	for name, row := range map[string]struct {
		written Written
		tries   tries
		want    Failure // none: the edit shares the result of the write
	}{
		"27: nothing was drafted, and none written":                   {WrittenNone, nil, Failure{}},
		"27: nothing was drafted, and a write before is open":         {WrittenUnknown, nil, Failure{}},
		"27: the last draft holds it":                                 {WrittenLast, tries{in}, Failure{}},
		"27: the last draft holds it, the one before didn't":          {WrittenLast, tries{failed, in}, Failure{}},
		"27: the last draft lacks it":                                 {WrittenLast, tries{failed}, own},
		"27: the last draft lacks it, the one before didn't":          {WrittenLast, tries{in, failed}, own},
		"27: it failed on what others made, and that was written":     {WrittenLast, tries{after}, own},
		"10: the mark was found, and all drafts hold it":              {WrittenSome, tries{in, in}, Failure{}},
		"10: the mark was found, and no draft holds it":               {WrittenSome, tries{failed, failed}, own},
		"10: the mark was found, and only the first draft holds it":   {WrittenSome, tries{in, failed}, either},
		"10: the mark was found, and only the last draft holds it":    {WrittenSome, tries{failed, in}, either},
		"27: none was written, and the draft holds it":                {WrittenNone, tries{in}, Failure{}},
		"27: none was written, and the draft lacks it":                {WrittenNone, tries{failed}, own},
		"27: none was written, and only the last draft lacks it":      {WrittenNone, tries{in, failed}, own},
		"27: it failed on what others made, and that wasn't written":  {WrittenNone, tries{after}, Failure{}},
		"27: it failed so in one draft, and by itself in the next":    {WrittenNone, tries{after, failed}, Failure{}},
		"12: it isn't known what was written, and the drafts hold it": {WrittenUnknown, tries{in, in}, Failure{}},
		"12: it isn't known what was written, and no draft holds it":  {WrittenUnknown, tries{failed, failed}, own},
		"12: it isn't known what was written, and one holds it":       {WrittenUnknown, tries{in, failed}, Failure{}},
		"12: … and it failed on what others made":                     {WrittenUnknown, tries{failed, after}, Failure{}},
		"27: it was put off, and a later draft written":               {WrittenLast, tries{in, putOff}, Failure{}},
		"27: it was put off, and none written":                        {WrittenNone, tries{in, putOff}, Failure{}},
		"10: it was put off, and the mark found":                      {WrittenSome, tries{in, putOff}, late},
		"12: it was put off, and it isn't known what was written":     {WrittenUnknown, tries{in, putOff}, late},
	} {
		t.Run(name, func(t *testing.T) {
			got, leftOut := judge(row.written, row.tries)
			if got != row.want || leftOut != (row.want != Failure{}) {
				t.Errorf("%+v, left out %v, want %+v", got, leftOut, row.want)
			}
		})
	}
}
