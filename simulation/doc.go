// Package simulation has no code of its own. Its tests run clients of ifmatch against
// servers, links and things between, all made up from a seed, and check what the callers
// were told against what happened: see README.md.
package simulation
