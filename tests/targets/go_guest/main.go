// A Go program with C in it, to be recorded. It prints what it has used as cpu_ns=N, of the whole process.
//
//	go_guest work MS        C called from Go, on the main thread
//	go_guest go MS          Go alone
//	go_guest shares MS      four C threads, 40, 30, 20 and 10 percent
//	go_guest calls MS       64 goroutines that call C, which calls Go, and 8 C threads that call Go, for MS of time
//	go_guest callers MS     the 8 C threads alone
//	go_guest signals MS     a C thread that sends itself SIGPROF
//
// With GUEST_PROFILE set, Go's profiler writes to PATH.1, PATH.2, ... meanwhile: it is started and stopped
// GUEST_PROFILES times (1), and then an equal part of the work is done without.
//
// With the tag `traceback` the package cgotraceback is in it.
package main

/*
#cgo CFLAGS: -D_GNU_SOURCE -g -O2 -fomit-frame-pointer
#include "guest.h"
*/
import "C"

import (
	"fmt"
	"log"
	"os"
	"runtime/pprof"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const goroutines, callers = 64, 8

//export guestGo
func guestGo(depth C.int) {
	goLeaf(2000)
	if depth > 0 {
		C.guest_call_back(depth - 1)
	}
}

//go:noinline
func goLeaf(n int) uint64 {
	state := uint64(n)
	for i := 0; i < n; i++ {
		state = state*6364136223846793005 + 1442695040888963407
	}
	return state
}

//go:noinline
func goWork(end int64) uint64 {
	sum := uint64(0)
	for cpuTime() < end {
		sum += goLeaf(20000)
	}
	return sum
}

//go:noinline
func cWork(ns int64) uint64 { return uint64(C.guest_work(C.int64_t(ns))) + 1 }

func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		log.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func calls(ns int64) {
	end := time.Now().Add(time.Duration(ns))
	var wait sync.WaitGroup
	for i := 0; i < goroutines; i++ {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for time.Now().Before(end) {
				C.guest_call_back(3)
			}
		}()
	}
	callGo(ns)
	wait.Wait()
}

func callGo(ns int64) {
	if C.guest_callers(callers, C.int64_t(ns)) != 0 {
		log.Fatal("no threads")
	}
}

func work(mode string, ns int64) {
	switch mode {
	case "work":
		cWork(ns)
	case "go":
		goWork(cpuTime() + ns)
	case "shares":
		if C.guest_shares(C.int64_t(ns)) != 0 {
			log.Fatal("no threads")
		}
	case "callers":
		callGo(ns)
	case "signals":
		if C.guest_signals(C.int64_t(ns)) != 0 {
			log.Fatal("no threads")
		}
	case "calls":
		calls(ns)
	default:
		log.Fatal("unknown mode ", mode)
	}
}

func workProfiled(path, mode string, ns int64) {
	profiles, err := strconv.Atoi(os.Getenv("GUEST_PROFILES"))
	if err != nil {
		profiles = 1
	}
	for i := 1; i <= profiles; i++ {
		file, err := os.Create(fmt.Sprintf("%s.%d", path, i))
		if err != nil {
			log.Fatal(err)
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			log.Fatal(err)
		}
		before := cpuTime()
		work(mode, ns/int64(2*profiles))
		fmt.Printf("profiled_%d_ns=%d\n", i, cpuTime()-before)
		pprof.StopCPUProfile()
		file.Close()
		work(mode, ns/int64(2*profiles))
	}
}

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: go_guest MODE MS")
	}
	ms, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err != nil {
		log.Fatal(err)
	}
	if path := os.Getenv("GUEST_PROFILE"); path != "" {
		workProfiled(path, os.Args[1], ms*1e6)
	} else {
		work(os.Args[1], ms*1e6)
	}
	fmt.Printf("cpu_ns=%d\n", cpuTime())
}
