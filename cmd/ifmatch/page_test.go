package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// browser is the program that opens pages; empty: there is none.
func browser() string {
	for _, name := range []string{os.Getenv("IFMATCH_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil && name != "" {
			return path
		}
	}
	return ""
}

// opened is what a page has become in a browser, and what the browser's console says of it.
func opened(t *testing.T, page string, flags ...string) (dom, console string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(name, []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var said strings.Builder
	cmd := exec.CommandContext(ctx, browser(), slices.Concat([]string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--user-data-dir=" + t.TempDir(),
		"--enable-logging=stderr", "--v=0", "--virtual-time-budget=5000",
	}, flags, []string{"--dump-dom", "file://" + name})...)
	cmd.Stderr, cmd.WaitDelay = &said, time.Second
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	var lines []string
	for line := range strings.Lines(said.String()) {
		if strings.Contains(line, ":CONSOLE") {
			lines = append(lines, line)
		}
	}
	return string(out), strings.Join(lines, "")
}

// measure has pages in frames, and writes into its title what of them can't be read there: what
// scrolls or stands out to the side, is cut off, or is smaller than 12 pixels.
const measure = `<!DOCTYPE html><title>none</title><body>%s<script>
addEventListener("load", () => {
  const found = {};
  for (const frame of document.querySelectorAll("iframe")) {
    const bad = [], doc = frame.contentDocument, width = doc.documentElement.clientWidth;
    if (doc.documentElement.scrollWidth > width) bad.push("scrolls to " + doc.documentElement.scrollWidth);
    for (const e of doc.body.querySelectorAll("*")) {
      const box = e.getBoundingClientRect(), what = e.tagName + " " + e.textContent.trim().slice(0, 40);
      if (box.right > width + 0.5 || box.left < -0.5) bad.push("out: " + what);
      if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0) bad.push("cut: " + what);
      const style = doc.defaultView.getComputedStyle(e);
      if (e.textContent.trim() && parseFloat(style.fontSize) < 12) bad.push("small: " + what);
      if (style.visibility != "visible" || style.opacity != "1") bad.push("unseen: " + what);
    }
    found[frame.title] = {letters: doc.body.innerText.length, height: doc.documentElement.scrollHeight, bad};
  }
  document.title = JSON.stringify(found);
});
</script>`

var titled = regexp.MustCompile(`(?s)<title>(.*?)</title>`)

type measured struct {
	Letters, Height int
	Bad             []string
}

// measures opens pages at each width, and returns what was found by name and width, and what
// the console says.
func measures(t *testing.T, pages map[string]string, widths ...int) (map[string]measured, string) {
	t.Helper()
	var frames string
	for name, page := range pages {
		for _, width := range widths {
			frames += fmt.Sprintf(`<iframe title="%s %d" width="%d" height="2000" style="border:0" srcdoc="%s"></iframe>`, name, width, width, html.EscapeString(page))
		}
	}
	dom, console := opened(t, fmt.Sprintf(measure, frames))
	found := map[string]measured{}
	if m := titled.FindStringSubmatch(dom); m == nil {
		t.Fatalf("no title: %.300s", dom)
	} else if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &found); err != nil {
		t.Fatalf("%q: %v", m[1], err)
	}
	return found, console
}

// hardToShow is a recording with long words everywhere, and many requests.
func hardToShow() string {
	long := strings.Repeat("abcdefghij", 30)
	var b strings.Builder
	for i := range 12 {
		fmt.Fprintf(&b, "> %s /%s?rev=%s HTTP/1.1\n> Host: %s.example.com\n> If-Match: \"%s-gzip\"\n> X-Request-Id: %s\n> \n< HTTP/1.1 412 %s\n< ETag: \"%s\"\n< X-Request-Id: %s%d\n< Content-Type: text/plain\n< \n<script>alert(1)</script> %s\n",
			[]string{"PUT", "PROPPATCH"}[i%2], long, long, long[:60], long, long, long, long, long, i, long)
	}
	return b.String()
}

// TestPageInABrowser: a browser opens the page without a word on its console, and all of it
// can be read on a telephone and on a wide screen. IFMATCH_SHOTS names a directory for
// pictures.
func TestPageInABrowser(t *testing.T) {
	if browser() == "" {
		t.Skip("no chromium")
	}
	recorded := map[string]string{"hard": hardToShow(), "nothing": "> GET /doc HTTP/1.1\n> Host: h.test\n> \n< HTTP/1.1 200 OK\n< \n"}
	for _, name := range []string{"IFM010-cloudflare.har", "IFM012-three-reads.har", "IFM015-azure-lease.txt"} {
		recorded[name] = content(t, recordings+name)
	}
	pages := map[string]string{}
	for name, recording := range recorded {
		pages[name] = try(recording, "explain", "--format", "html", "--bodies").out
		shoot(t, name, pages[name])
	}
	if _, console := opened(t, pages["hard"]); console != "" {
		t.Errorf("the console says %s", console)
	}
	found, console := measures(t, pages, 400, 1400)
	if len(found) != 2*len(pages) || console != "" {
		t.Errorf("measured %v; the console says %s", found, console)
	}
	for name, m := range found {
		if len(m.Bad) > 0 || m.Letters < 60 || m.Height < 100 {
			t.Errorf("%s: %d letters, %d high, %q", name, m.Letters, m.Height, m.Bad)
		}
	}
}

// shoot takes pictures of a page where they are asked for.
func shoot(t *testing.T, name, page string) {
	directory := os.Getenv("IFMATCH_SHOTS")
	for _, width := range []string{"400", "1400"} {
		if directory != "" {
			opened(t, page, "--hide-scrollbars", "--window-size="+width+",1800", "--screenshot="+filepath.Join(directory, name+"-"+width+".png"))
		}
	}
}

// TestBrowserSeesFaults: what TestPageInABrowser looks for is found where it is.
func TestBrowserSeesFaults(t *testing.T) {
	if browser() == "" {
		t.Skip("no chromium")
	}
	pages := map[string]string{
		"scrolls": "<p style='width:900px'>x", "out": "<p style='margin-left:-9px'>x", "small": "<p style='font-size:9px'>x", "unseen": "<p style='visibility:hidden'>x",
		"cut": "<p style='width:50px;overflow:hidden;white-space:nowrap'>" + strings.Repeat("x", 50), "fault": "<script>x.y()</script>", "error": "<script>console.error('oh')</script>",
	}
	found, console := measures(t, pages, 400)
	for want := range pages {
		if bad := strings.Join(found[want+" 400"].Bad, "; "); want != "fault" && want != "error" && !strings.Contains(bad, want) {
			t.Errorf("%s: found %q", want, bad)
		}
	}
	if !strings.Contains(console, "x is not defined") || !strings.Contains(console, "oh") {
		t.Errorf("the console says %q", console)
	}
}
