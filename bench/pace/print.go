package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

func head(w io.Writer, title string, columns ...string) {
	fmt.Fprintf(w, "\n### %s\n\n| %s |\n|%s\n", title, strings.Join(columns, " | "), strings.Repeat(" ---: |", len(columns)))
}

// printSchemes is the study's table.
func printSchemes(w io.Writer, ns []int, cells [][]cell) {
	columns := []string{"N"}
	for _, s := range all {
		columns = append(columns, s.name)
	}
	head(w, "Completion in floors / writes per success", columns...)
	for i, n := range ns {
		if !shown[n] {
			continue
		}
		fmt.Fprintf(w, "| %d", n)
		for _, c := range cells[i] {
			fmt.Fprintf(w, " | %.2f / %.1f", c.overFloor, c.writes)
		}
		fmt.Fprintln(w, " |")
	}
}

// printShares is who would have given up.
func printShares(w io.Writer, ns []int, writers int) {
	head(w, "Writers that need more than 4, and more than 16 attempts", "N", "full jitter, 4", "ifmatch, 4", "full jitter, 16", "ifmatch, 16")
	cells := table(ns, []scheme{fullJitter, ours}, writers)
	for i, n := range ns {
		if !shown[n] || n < 4 {
			continue
		}
		full, own := cells[i][0], cells[i][1]
		fmt.Fprintf(w, "| %d | %.1f %% | %.1f %% | %.1f %% | %.1f %% |\n", n, 100*full.over4, 100*own.over4, 100*full.over16, 100*own.over16)
	}
}

// printFirst is what the immediate first retry costs.
func printFirst(w io.Writer, writers int) {
	head(w, "The first retry at once, and jittered over two round trips", "N", "at once", "jittered")
	ns := []int{2, 3, 4, 8, 16, 64, 256, 1000}
	for i, c := range table(ns, []scheme{ours, patient}, writers) {
		fmt.Fprintf(w, "| %d | %.2f / %.1f | %.2f / %.1f |\n", ns[i], c[0].overFloor, c[0].writes, c[1].overFloor, c[1].writes)
	}
}

// lanes are the kinds of lane that are compared.
var lanes = []struct {
	name string
	scenario
}{
	{"no lane", scenario{}},
	{"lane", scenario{lease: minLease}},
	{"lane, waits in the lease", scenario{lease: minLease, keepWaits: true}},
	{"lane, tag handed over", scenario{lease: minLease, handOver: true}},
	{"both", scenario{lease: minLease, handOver: true, keepWaits: true}},
}

// printLanes compares processes whose writers line up with as many single writers.
func printLanes(w io.Writer, writers int) {
	columns := []string{"processes", "N", "as many single writers"}
	for _, l := range lanes {
		columns = append(columns, l.name)
	}
	head(w, "N writers in some processes: completion in floors / writes per success", columns...)
	ps := []int{1, 2, 4, 8, 16, 32, 64}
	ns := []int{64, 256, 1000}
	rows := make([][]cell, len(ps)*len(ns))
	inParallel(len(rows), func(i int) {
		p, n := ps[i/len(ns)], ns[i%len(ns)]
		rows[i] = append(rows[i], mean(scenario{writers: p}, ours, runsFor(p, writers)))
		for _, l := range lanes {
			s := l.scenario
			s.writers = n
			if l.name != "no lane" {
				s.processes = p
			}
			rows[i] = append(rows[i], mean(s, ours, runsFor(n, writers)))
		}
	})
	for i, row := range rows {
		p, n := ps[i/len(ns)], ns[i%len(ns)]
		if p >= n {
			continue
		}
		fmt.Fprintf(w, "| %d | %d", p, n)
		for _, c := range row {
			fmt.Fprintf(w, " | %.2f / %.2f", c.overFloor, c.writes)
		}
		fmt.Fprintln(w, " |")
	}
}

// printDistances is how the cap of the interval does over longer distances.
func printDistances(w io.Writer, writers int) {
	head(w, "Other round trips: completion in floors / writes per success (share of writers still refused after 30 s)", "round trip", "N", "full jitter", "before", "ifmatch")
	for _, hop := range []time.Duration{ms / 2, 5 * ms, 50 * ms, 125 * ms} {
		for _, n := range []int{4, 16, 64, 256} {
			fmt.Fprintf(w, "| %v | %d", 2*hop, n)
			for _, with := range []scheme{fullJitter, before, ours} {
				c := mean(scenario{writers: n, hop: hop}, with, runsFor(n, writers))
				fmt.Fprintf(w, " | %.2f / %.1f (%.0f %%)", c.overFloor, c.writes, 100*c.late)
			}
			fmt.Fprintln(w, " |")
		}
	}
}
