package ifmatchtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
)

// memoryHost is the host of a memory server's URL. The TLD is reserved for
// testing (RFC 2606), so no resolver knows it.
const memoryHost = "memory.test"

// A memoryListener accepts what its dial has made with net.Pipe.
type memoryListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once // guards the closing of done
}

func newMemoryListener() *memoryListener {
	return &memoryListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

// dial connects to the listener. Any other host than memoryHost is an error.
func (l *memoryListener) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	fail := func(err error) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: memoryAddr(addr), Err: err}
	}
	if addr != memoryHost+":80" {
		return fail(errors.New("ifmatchtest: a memory server's client reaches only " + memoryHost))
	}
	client, server := net.Pipe()
	var err error
	select {
	case l.conns <- server:
		return client, nil
	case <-l.done:
		err = fmt.Errorf("ifmatchtest: the server is closed: %w", net.ErrClosed)
	case <-ctx.Done():
		err = ctx.Err()
	}
	client.Close()
	server.Close()
	return fail(err)
}

// Accept implements [net.Listener].
func (l *memoryListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

// Close implements [net.Listener].
func (l *memoryListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

// Addr implements [net.Listener].
func (l *memoryListener) Addr() net.Addr { return memoryAddr(memoryHost) }

type memoryAddr string

func (memoryAddr) Network() string  { return "memory" }
func (a memoryAddr) String() string { return string(a) }
