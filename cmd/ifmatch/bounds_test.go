package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pipes are a listener whose connections are made in the process, for a bubble.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	conn, ok := <-p
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p pipes) dial(context.Context, string, string) (net.Conn, error) {
	here, there := net.Pipe()
	p <- there
	return here, nil
}

// deaf is a connection that nobody reads.
func deaf(context.Context, string, string) (net.Conn, error) {
	here, _ := net.Pipe()
	return here, nil
}

func TestDiagnosisIsBounded(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	drip := func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"v2"`)
		for r.Method == http.MethodGet && r.Context().Err() == nil {
			io.WriteString(w, "x")
			http.NewResponseController(w).Flush()
			time.Sleep(100 * time.Millisecond)
		}
	}
	for _, test := range []struct {
		name     string
		handler  http.HandlerFunc
		most     time.Duration // --max-time
		took     time.Duration // at most
		answered bool
	}{
		{"a server that never answers", hang, time.Minute, 2 * headerTime, false},
		{"the same, within less", hang, 5 * time.Second, 5 * time.Second, false},
		{"a server that doesn't even read", nil, time.Minute, 2 * headerTime, false},
		{"content that never ends", drip, time.Minute, bodyTime + defaultPause, true},
		{"the same, within less", drip, 2 * time.Second, 2 * time.Second, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { bounded(t, test.handler, test.most, test.took, test.answered) })
		})
	}
}

func bounded(t *testing.T, handler http.HandlerFunc, most, took time.Duration, answered bool) {
	listener := make(pipes)
	server := &http.Server{Handler: handler}
	go server.Serve(listener)
	defer func() {
		server.Close()
		time.Sleep(time.Second) // until the handlers have seen it
	}()
	c, err := newCaller("PUT", "http://192.0.2.1/doc", nil)
	if err != nil {
		t.Fatal(err)
	}
	var to connection
	if err := to.open(); err != nil {
		t.Fatal(err)
	}
	dial := listener.dial
	if handler == nil {
		dial = deaf
	}
	to.dial, to.lookup = dial, func(context.Context, string) ([]string, error) { return nil, nil }
	flags := diagnosing{most: seconds(most)}
	begun := time.Now()
	all := &diagnosis{caller: c, to: &to, pause: defaultPause, say: func(string, ...any) {}}
	err = flags.ask(t.Context(), &world{err: io.Discard}, all)
	if (err == nil) != answered || all.facts.answered != answered || time.Since(begun) > took {
		t.Errorf("took %v, answered %v, %v; want at most %v and %v", time.Since(begun), all.facts.answered, err, took, answered)
	}
	if answered != all.endless {
		t.Errorf("endless: %v", all.endless)
	}
}

func TestLogin(t *testing.T) {
	const file = "machine a login one password p1 default login two password p2"
	for _, test := range []struct{ words, host, user, password string }{
		{file, "a", "one", "p1"},
		{file, "A", "one", "p1"},
		{file, "b", "two", "p2"},
		{"machine a login login password macdef machine b login x", "a", "login", "macdef"},
		{"machine a password p1 account q login one", "a", "one", "p1"},
		{"macdef init machine a login one", "a", "", ""},
		{"machine", "a", "", ""},
		{"machine b login one password p1", "a", "", ""},
	} {
		user, password, found := login(strings.Fields(test.words), test.host)
		if user != test.user || password != test.password || found != (user != "") {
			t.Errorf("%s in %q: %q, %q, %v", test.host, test.words, user, password, found)
		}
	}
}
