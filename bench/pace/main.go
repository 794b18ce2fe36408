// The command pace simulates writers that compete for one document under
// optimistic concurrency, prints what each retry scheme took as Markdown and draws
// it. Run it in bench:
//
//	go run ./pace
//
// It writes docs/pace-completion.svg, docs/pace-writes.svg and
// docs/pace-frontier.svg (-out names another directory, -out="" draws nothing).
// The same seeds give the same tables everywhere.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"time"
)

func main() {
	log.SetFlags(0)
	out := flag.String("out", "../docs", "`directory` of the plots; empty: none")
	writers := flag.Int("writers", 40_000, "simulated `writers` for each number in the tables, in all")
	flag.Parse()

	ns := []int{1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1000}
	cells := table(ns, all, *writers)
	printSchemes(os.Stdout, ns, cells)
	printShares(os.Stdout, ns, *writers)
	printFirst(os.Stdout, *writers)
	printLanes(os.Stdout, *writers/2)
	printDistances(os.Stdout, *writers/4)
	if *out == "" {
		return
	}
	if err := drawAll(*out, ns, cells); err != nil {
		log.Fatal(err)
	}
	fmt.Fprintln(os.Stderr, "plots are in", *out)
}

// shown are the rows of the printed tables; the plots have more points.
var shown = map[int]bool{1: true, 2: true, 3: true, 4: true, 8: true, 16: true, 32: true, 64: true, 128: true, 256: true, 512: true, 1000: true}

// minLease is the library's.
const minLease = time.Second
