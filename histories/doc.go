// Package histories has no code of its own. Its tests drive ifmatch over faulty
// links and check with porcupine that what the callers were told is what
// happened: see README.md.
package histories
