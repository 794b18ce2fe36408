package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

const (
	headerTime   = 10 * time.Second // for the header of an answer
	mostHeader   = 1 << 20          // bytes of it
	mostRead     = 8 << 20          // bytes of a body
	bodyTime     = 3 * time.Second  // for a body
	mostTags     = 6                // tags that are tried
	mostAddress  = 8                // addresses of a host that are asked one by one
	defaultPause = time.Second
)

// connection says how the host is reached, as curl is told it.
type connection struct {
	insecure          bool
	cacert, cert, key string
	proxy             string
	resolve           []string            // host:port:address[,address]
	resolved          map[string][]string // addresses by host:port, of resolve
	dial              func(ctx context.Context, network, address string) (net.Conn, error)
	tls               *tls.Config
	proxyFor          func(*http.Request) (*url.URL, error)
	lookup            func(ctx context.Context, host string) ([]string, error)
}

// open reads the files and texts of the flags.
func (c *connection) open() error {
	c.dial, c.lookup = (&net.Dialer{Timeout: headerTime}).DialContext, net.DefaultResolver.LookupHost
	c.proxyFor = http.ProxyFromEnvironment
	if c.proxy != "" {
		u, err := url.Parse(c.proxy)
		if err != nil || u.Host == "" {
			return &failure{statusUsage, errors.New("--proxy is no URL such as http://proxy.example.com:3128")}
		}
		c.proxyFor = http.ProxyURL(u)
	}
	c.resolved = map[string][]string{}
	for _, line := range c.resolve {
		host, rest, _ := strings.Cut(line, ":")
		port, addresses, ok := strings.Cut(rest, ":")
		if !ok || host == "" || port == "" || addresses == "" {
			return &failure{statusUsage, fmt.Errorf("--resolve %q isn't host:port:address", line)}
		}
		for address := range strings.SplitSeq(addresses, ",") {
			at := net.JoinHostPort(strings.ToLower(host), port)
			c.resolved[at] = append(c.resolved[at], strings.Trim(address, "[]"))
		}
	}
	return c.openTLS()
}

func (c *connection) openTLS() error {
	c.tls = &tls.Config{InsecureSkipVerify: c.insecure} // the caller's own choice, as curl -k is
	if c.cacert != "" {
		pem, err := os.ReadFile(c.cacert)
		if err != nil {
			return &failure{statusInput, err}
		}
		c.tls.RootCAs = x509.NewCertPool()
		if !c.tls.RootCAs.AppendCertsFromPEM(pem) {
			return &failure{statusInput, fmt.Errorf("%s has no certificate in it", c.cacert)}
		}
	}
	if c.cert != "" {
		key := c.key
		if key == "" {
			key = c.cert
		}
		pair, err := tls.LoadX509KeyPair(c.cert, key)
		if err != nil {
			return &failure{statusInput, fmt.Errorf("--cert: %w", err)}
		}
		c.tls.Certificates = []tls.Certificate{pair}
	}
	return nil
}

// transport is a RoundTripper to one address; an empty one is any. It follows no redirect,
// so that no other origin gets a credential.
func (c *connection) transport(address string) *http.Transport {
	return &http.Transport{
		Proxy: c.proxyFor, TLSClientConfig: c.tls, ForceAttemptHTTP2: true, DisableCompression: true,
		TLSHandshakeTimeout: headerTime, ResponseHeaderTimeout: headerTime, MaxResponseHeaderBytes: mostHeader,
		DialContext: func(ctx context.Context, network, at string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(at)
			if err != nil {
				return nil, err
			}
			switch known := c.resolved[net.JoinHostPort(strings.ToLower(host), port)]; {
			case address != "":
				host = address
			case len(known) > 0:
				host = known[0]
			}
			return c.dial(ctx, network, net.JoinHostPort(host, port))
		},
	}
}

// addresses are those of a host, where there are several and each can be asked by itself.
func (c *connection) addresses(ctx context.Context, r *http.Request) []string {
	if through, err := c.proxyFor(r); err != nil || through != nil {
		return nil // the proxy looks the host up
	}
	port := r.URL.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[r.URL.Scheme]
	}
	all := c.resolved[net.JoinHostPort(strings.ToLower(r.URL.Hostname()), port)]
	if all == nil {
		all, _ = c.lookup(ctx, r.URL.Hostname()) // a host that isn't found has no address; the probes say so
	}
	if len(all) < 2 {
		return nil
	}
	return all[:min(len(all), mostAddress)]
}
