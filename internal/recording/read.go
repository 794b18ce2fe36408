package recording

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrUnknown says that the input has no exchange in a format that is known.
var ErrUnknown = errors.New("no HTTP exchange in it: want a HAR file, the output of curl -v, -i or --trace-ascii, HTTP messages, or ifmatch's log in JSON")

// ErrCut says that an archive ends in the middle, or goes on with what can't be read.
var ErrCut = errors.New("the archive is cut off")

// Read reads exchanges in the format that the input looks like. It reads to the end, and
// returns what it found also where the input is cut off or malformed. An error that matches
// ErrCut comes with the exchanges before the cut; another one says that nothing was found, or
// that r failed.
func Read(r io.Reader) ([]Exchange, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	head, err := in.Peek(16 << 10)
	if err != nil && err != io.EOF {
		return nil, fmt.Errorf("read: %w", err)
	}
	all, err := formatOf(head)(in)
	switch {
	case err != nil && len(all) == 0:
		return nil, err
	case len(all) == 0:
		return nil, ErrUnknown
	case err != nil:
		return all, fmt.Errorf("%w after %d requests: %w", ErrCut, len(all), err)
	}
	return all, nil
}

// formatOf chooses by the beginning of the input what reads it.
func formatOf(head []byte) func(*bufio.Reader) ([]Exchange, error) {
	text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte("\xef\xbb\xbf")), " \t\r\n")
	switch {
	case bytes.HasPrefix(text, []byte("{")):
		log, message := bytes.Index(text, []byte(`"log"`)), firstIndex(text, `"msg"`, `"message"`)
		if log >= 0 && (message < 0 || log < message) {
			return readHAR
		}
		return readLog
	case bytes.Contains(head, []byte("=> Send header, ")), bytes.Contains(head, []byte("<= Recv header, ")), bytes.Contains(head, []byte("== Info: ")):
		return readTrace
	case bytes.Contains(head, []byte(`"ifmatch: `)):
		return readLog
	}
	return readText
}

// firstIndex is the lowest index of one of the texts; -1: none is there.
func firstIndex(in []byte, texts ...string) int {
	first := -1
	for _, text := range texts {
		if at := bytes.Index(in, []byte(text)); at >= 0 && (first < 0 || at < first) {
			first = at
		}
	}
	return first
}

// line is the next line without its end, cut at mostLine. It returns io.EOF after the last
// one.
func line(in *bufio.Reader) (string, error) {
	var text []byte
	for {
		part, err := in.ReadSlice('\n')
		if room := mostLine - len(text); room > 0 {
			text = append(text, part[:min(room, len(part))]...)
		}
		switch {
		case err == bufio.ErrBufferFull:
			continue
		case err == io.EOF && len(text) > 0, err == nil:
			return string(bytes.TrimRight(text, "\r\n")), nil
		}
		return "", err
	}
}
