package recording

import (
	"cmp"
	"net/http"
	"strings"
)

// command is what a curl command says of its request.
type command struct {
	given, method, url string // given: by -X
	header             http.Header
	body               string
}

// describe says of an exchange what its command does, as far as that is known.
func (c *command) describe(e *Exchange) {
	e.Method, e.URL = c.method, c.url
	e.RequestHeader = c.header.Clone()
	e.RequestBody = []byte(c.body)
}

// withValue are the options of curl that have a value.
const withValue = " -X --request -H --header -d --data --data-raw --data-binary --data-ascii --json --data-urlencode -A --user-agent -u --user --url -o --output -b --cookie -c --cookie-jar --cacert --cert --key -m --max-time --connect-timeout --resolve --connect-to -x --proxy -w --write-out -D --dump-header --retry -e --referer --interface -E -K --config -C -r --range -T --upload-file -F --form --trace --trace-ascii --limit-rate --ciphers -y -Y -z --url-query --aws-sigv4 "

// parseCommand reads the arguments of a curl command.
func parseCommand(text string) *command {
	c := &command{header: http.Header{"Accept": {"*/*"}, "User-Agent": {"curl"}}}
	args := words(text)
	for len(args) > 0 {
		name, value := option(args[0])
		args = args[1:]
		if value == "" && takesValue(name) && len(args) > 0 {
			value, args = args[0], args[1:]
		}
		c.option(name, value)
	}
	if c.method = cmp.Or(c.given, c.method, http.MethodGet); c.url != "" && !strings.Contains(c.url, "://") {
		c.url = "http://" + c.url
	}
	return c
}

// option reads one option; without a name it is the URL.
func (c *command) option(name, value string) {
	switch name {
	case "", "--url":
		c.url = value
	case "-X", "--request":
		c.given = value
	case "-H", "--header":
		c.field(value)
	case "-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--json", "--data-urlencode":
		c.data(name, value)
	case "-I", "--head":
		c.method = http.MethodHead
	case "-T", "--upload-file":
		c.method = http.MethodPut
	case "-A", "--user-agent":
		c.header.Set("User-Agent", value)
	case "-u", "--user":
		c.header.Set("Authorization", "Basic")
	}
}

// takesValue reports whether an option has a value.
func takesValue(name string) bool {
	return name != "" && strings.Contains(withValue, " "+name+" ")
}

// option is the name of an option, and the value that is attached to it. An argument that is
// no option is a value without a name. Of short options that stand together the last one counts, as in -siX.
func option(arg string) (name, attached string) {
	switch {
	case strings.HasPrefix(arg, "--"):
		return arg, ""
	case len(arg) < 2 || arg[0] != '-':
		return "", arg
	}
	for i := 1; i < len(arg); i++ {
		if strings.IndexByte("XHdAuobcmxwDeEKCrTFyYz", arg[i]) >= 0 {
			return "-" + arg[i:i+1], arg[i+1:]
		}
		if arg[i] == 'I' {
			name = "-I"
		}
	}
	if name == "" {
		name = "-" + arg[len(arg)-1:]
	}
	return name, ""
}

// field adds a field. One without a value is left out, as curl does.
func (c *command) field(text string) {
	name, value, found := strings.Cut(text, ":")
	switch {
	case found && strings.TrimSpace(value) == "":
		c.header.Del(strings.TrimSpace(name))
	case found:
		c.header.Del(defaulted(name))
		addField(&c.header, name, value)
	}
}

// defaulted is the name of a field that curl sends by itself, which a given one replaces.
func defaulted(name string) string {
	switch name = http.CanonicalHeaderKey(strings.TrimSpace(name)); name {
	case "Accept", "User-Agent", "Content-Type":
		return name
	}
	return ""
}

// data adds data, which makes the request a POST.
func (c *command) data(name, value string) {
	if c.method == "" {
		c.method = http.MethodPost
	}
	if !strings.HasPrefix(value, "@") {
		c.body += value
	}
	if name == "--json" {
		c.header.Set("Content-Type", "application/json")
		c.header.Set("Accept", "application/json")
	}
}

// words splits a command as a shell does, without expansions.
func words(text string) []string {
	var s shell
	for i := 0; i < len(text) && len(s.all) < 1000; i++ {
		if text[i] == '\\' && s.quote != '\'' && i+1 < len(text) {
			i++
			s.escaped(text[i])
			continue
		}
		s.take(text[i])
	}
	s.end()
	return s.all
}

// shell is a command that is being split.
type shell struct {
	all   []string
	word  []byte // nil: none has begun
	quote byte   // that the word is in; 0: none
}

func (s *shell) take(c byte) {
	switch {
	case s.quote != 0 && c == s.quote:
		s.quote = 0
	case s.quote == 0 && (c == '\'' || c == '"'):
		s.quote = c
		s.begin()
	case s.quote == 0 && (c == ' ' || c == '\t'):
		s.end()
	default:
		s.begin()
		s.word = append(s.word, c)
	}
}

// escaped takes a character after a backslash, which stays in quotes before most of them.
func (s *shell) escaped(c byte) {
	s.begin()
	if s.quote == '"' && strings.IndexByte("\"\\$`", c) < 0 {
		s.word = append(s.word, '\\')
	}
	s.word = append(s.word, c)
}

func (s *shell) begin() {
	if s.word == nil {
		s.word = []byte{}
	}
}

func (s *shell) end() {
	if s.word != nil {
		s.all = append(s.all, string(s.word))
	}
	s.word = nil
}
