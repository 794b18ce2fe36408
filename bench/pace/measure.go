package main

import (
	"runtime"
	"sync"
	"time"
)

// A cell is the mean of some runs.
type cell struct {
	result
	overFloor float64 // completion in floors
}

// mean runs s with seeds from 1 on.
func mean(s scenario, with scheme, runs int) cell {
	var sum result
	for seed := range runs {
		r := simulate(s, with, uint64(seed+1))
		sum.completion += r.completion
		sum.writes += r.writes
		sum.requests += r.requests
		sum.over4 += r.over4
		sum.over16 += r.over16
		sum.late += r.late
	}
	n := float64(runs)
	sum.completion /= time.Duration(runs)
	sum.writes /= n
	sum.requests /= n
	sum.over4 /= n
	sum.over16 /= n
	sum.late /= n
	return cell{sum, sum.completion.Seconds() / s.floor().Seconds()}
}

// runsFor is how often n writers are simulated: about as many writers in all for
// each n, so that small crowds, which differ most from run to run, run most.
func runsFor(n, writers int) int { return max(12, writers/n) }

// inParallel calls f with 0 … n-1 on all processors. The result depends on none of
// that: each run has its own seed.
func inParallel(n int, f func(i int)) {
	next := make(chan int)
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- n - 1 - i // the large ones first
	}
	close(next)
	wg.Wait()
}

// table simulates each of ns with each scheme.
func table(ns []int, schemes []scheme, writers int) [][]cell {
	cells := make([][]cell, len(ns))
	for i := range cells {
		cells[i] = make([]cell, len(schemes))
	}
	inParallel(len(ns)*len(schemes), func(i int) {
		n, s := i/len(schemes), i%len(schemes)
		cells[n][s] = mean(scenario{writers: ns[n]}, schemes[s], runsFor(ns[n], writers))
	})
	return cells
}
