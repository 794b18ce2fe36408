package explain

import (
	"html/template"
	"io"
	"strings"
	"sync"
)

// WriteHTML writes the report as one page that needs nothing else: no script, no font, no
// picture from elsewhere. It has what WriteMarkdown has, and a time line. The error is w's.
func (r Report) WriteHTML(w io.Writer, how Writing) error {
	return page().Execute(w, r.handout(how))
}

// page is the template of the page. What is put into it is escaped by html/template.
var page = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{
		"before": func(e Evidence) string { before, _, _ := e.split(); return before },
		"marked": func(e Evidence) string { _, marked, _ := e.split(); return marked },
		"rest":   func(e Evidence) string { _, _, rest := e.split(); return rest },
		"number": Evidence.number,
		"arrow":  Evidence.arrow,
		"one":    func(i int) int { return i + 1 },
	}).Parse(pageText))
})

// split is a line of evidence before its mark, the mark, and after it.
func (e Evidence) split() (before, marked, rest string) {
	at := strings.LastIndex(e.Line, e.Mark)
	if e.Mark == "" || at < 0 {
		return "", e.Line, ""
	}
	return e.Line[:at], e.Mark, e.Line[at+len(e.Mark):]
}

// arrow says whether a line was sent or received.
func (e Evidence) arrow() string {
	switch e.Part {
	case PartRequest:
		return " >"
	case PartResponse:
		return " <"
	}
	return ""
}

const pageText = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>Why was it refused?</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; color: #1b1b1b; background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.verdict { border-left: 4px solid #b3261e; padding: .5rem .8rem; background: #fbeceb; }
.verdict.nothing { border-color: #1b7f3b; background: #e9f6ed; }
.certainty { font-weight: normal; color: #555; }
.evidence { list-style: none; margin: .5rem 0; padding: .5rem .8rem; background: #f4f4f4; font: .85rem/1.5 ui-monospace, monospace; }
.evidence .n { color: #666; } mark { background: #ffd7a8; color: inherit; }
table { border-collapse: collapse; width: 100%; font-size: .85rem; } th, td { text-align: left; padding: .2rem .4rem; border-bottom: 1px solid #ddd; vertical-align: top; } th, .whole { white-space: nowrap; }
pre { background: #f4f4f4; padding: .6rem .8rem; white-space: pre-wrap; font: .85rem/1.5 ui-monospace, monospace; }
pre code { display: block; font: inherit; padding: .2rem 0 .2rem 1.5rem; text-indent: -1.5rem; }
.kind { color: #555; } .wide { overflow-x: auto; }
svg { display: block; width: 100%; } svg text { font: 13px system-ui, sans-serif; fill: #1b1b1b; } .track { fill: #e3e3e3; }
.ok { fill: #1b7f3b; } .refused { fill: #b3261e; } .failed { fill: #8a6d00; }
</style>
</head>
<body>
<h1>Why was it refused?</h1>
<p class="verdict{{if not .Findings}} nothing{{end}}">{{.Verdict}}</p>
{{if .Dialect}}<p>API: {{.Dialect}}</p>{{end}}
{{if .Line.Rows}}<h2>Time line</h2>
<svg height="{{.Line.Height}}" role="img" aria-label="time line of the requests">
{{range .Line.Rows}}<text x="0" y="{{.TextY}}">{{.Label}}<title>{{.Full}}</title></text><rect class="track" x="0" y="{{.TrackY}}" width="100%" height="2"></rect><rect class="{{.Kind}}" x="{{.X}}%" y="{{.BarY}}" width="{{.W}}%" height="8" rx="2"></rect>
{{end}}</svg>
<p class="kind">{{if .Line.Timed}}{{.Line.Span}} in all.{{else}}The times weren't recorded; each request has a step of the same length.{{end}}</p>{{end}}
{{$all := .}}{{range $i, $f := .Findings}}<h2>{{one $i}}. {{$f.Code}}: {{$f.Name}} <span class="certainty">({{$f.Certainty}})</span></h2>
<p>{{$f.What}}</p>
<ul class="evidence">{{range $f.Evidence}}<li><span class="n">{{number .}}{{arrow .}}</span> {{before .}}<mark>{{marked .}}</mark>{{rest .}}</li>{{end}}</ul>
<p>Why: {{$f.Why}}{{if $f.RFC}} ({{$f.RFC}}){{end}}</p>
<ul>{{range $f.Fixes}}<li>{{.Text}} <span class="kind">({{.Kind.Words}})</span></li>{{end}}</ul>
{{end}}{{if .Asks}}<h2>What to ask the provider</h2>
<ul>{{range .Asks}}<li>{{.}}</li>{{end}}</ul>{{end}}
{{if .IDs}}<h2>Request ids</h2>
<ul>{{range .IDs}}<li>#{{.Exchange}} <code>{{.Name}}: {{.Value}}</code></li>{{end}}</ul>{{end}}
{{if .Times}}<h2>What was sent</h2>
<div class="wide"><table><tr><th>#</th><th>request</th><th>sent</th><th>took</th></tr>
{{range .Times}}<tr><td>{{.Exchange}}</td><td>{{.What}}</td><td>{{.Sent}}</td><td class="whole">{{.Took}}</td></tr>
{{end}}</table></div>{{end}}
{{if .Curl}}<h2>The requests, for curl</h2>
<pre>{{range .Curl}}<code>{{.}}
</code>{{end}}</pre>{{end}}
</body>
</html>
`
