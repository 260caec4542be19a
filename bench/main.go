// Bench takes the figures that aliiot is held to: each one beside the limit of this
// machine, in the same slices, and beside what its peers reached. See README.md.
package main

import (
	"errors"
	"flag"
	"log"
	"os"
	"runtime/pprof"

	"github.com/aliiot/aliiot/bench/contest"
	"github.com/aliiot/aliiot/bench/measure"
)

func main() {
	if err := start(); err != nil {
		log.Fatal("bench: ", err)
	}
}

func start() error {
	if child, err := contest.Jobs(ours).Run(); child {
		return err
	}
	var f contest.Flags
	f.Define()
	peers := flag.String("peers", "bin/peers", "the `FOLDER` with what the peers reached (make peers)")
	profile := flag.String("cpuprofile", "", "a `FILE` for a profile of this process")
	flag.Parse()
	return profiled(*profile, func() error {
		return contest.InFolder(f.Dir, func(dir string) error { return run(dir, f, *peers) })
	})
}

// profiled runs f under the profiler, where a file is named.
func profiled(name string, f func() error) error {
	if name == "" {
		return f()
	}
	to, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := pprof.StartCPUProfile(to); err != nil {
		return err
	}
	err = f()
	pprof.StopCPUProfile()
	return errors.Join(err, to.Close())
}

func run(dir string, f contest.Flags, peers string) error {
	rivals, err := readPeers(peers, f.Fast)
	if err != nil {
		return err
	}
	got := contest.Measure(ours, dir, f, trials())
	r := newReport(got, rivals, f)
	r.table(os.Stdout)
	if f.Out != "" {
		if err := r.write(f.Out); err != nil {
			return err
		}
	}
	return got.Problem()
}

// trials are what is measured of more than the store.
func trials() []measure.Trial {
	var all []measure.Trial
	for _, some := range [][]measure.Trial{faceTrials(), drainTrials(), insideTrials(), footprintTrials()} {
		all = append(all, some...)
	}
	return all
}
