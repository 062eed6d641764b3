// Writes a profile of each kind that Go has into the folder that it is given: CPU with labels, heap, allocs, mutex,
// block, goroutine and threadcreate. The work has recursion, generics, inlined calls, closures and methods in it.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"
	"sync"
	"time"
)

var (
	sink int
	kept [][]byte
	tree *node[string]
)

type node[T any] struct {
	value       T
	left, right *node[T]
}

type list[T any] struct{ items []T }

func small(i int) int { return i*i ^ i>>3 }

func inlinedLoop(n int) int {
	s := 0
	for i := 0; i < n; i++ {
		s += small(i)
	}
	return s
}

func recurse(n int) int {
	if n == 0 {
		return inlinedLoop(2000)
	}
	return recurse(n-1) + recurse(n-1)/2
}

func (l *list[T]) sorted(less func(a, b T) bool) []T {
	sort.Slice(l.items, func(i, j int) bool { return less(l.items[i], l.items[j]) })
	return l.items
}

func insert[T any](n *node[T], v T, less func(a, b T) bool) *node[T] {
	if n == nil {
		return &node[T]{value: v}
	}
	if less(v, n.value) {
		n.left = insert(n.left, v, less)
	} else {
		n.right = insert(n.right, v, less)
	}
	return n
}

func hold(n int) { kept = append(kept, make([]byte, n)) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func work(until time.Time) {
	for time.Now().Before(until) {
		sink += recurse(6)
		l := &list[string]{strings.Split(strings.Repeat("b a d c ", 500), " ")}
		sink += len(l.sorted(func(a, b string) bool { return a < b }))
		sink += len(fmt.Sprint(sink, l.items[:20]))
	}
}

func cpu(path string) {
	file, err := os.Create(path)
	must(err)
	must(pprof.StartCPUProfile(file))
	for i, user := range []string{"alice", "bob", ""} {
		labels := pprof.Labels("user", user, "step", fmt.Sprint(i))
		if user == "" {
			labels = pprof.Labels()
		}
		pprof.Do(context.Background(), labels, func(context.Context) {
			work(time.Now().Add(250 * time.Millisecond))
		})
	}
	pprof.StopCPUProfile()
	must(file.Close())
}

func contend() {
	var mutex sync.Mutex
	var group sync.WaitGroup
	for i := 0; i < 4; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < 20; j++ {
				mutex.Lock()
				time.Sleep(100 * time.Microsecond)
				mutex.Unlock()
			}
		}()
	}
	group.Wait()
	channel := make(chan int)
	go func() {
		time.Sleep(20 * time.Millisecond)
		channel <- 1
	}()
	sink += <-channel
}

func wait(labels pprof.LabelSet, block <-chan int) {
	pprof.Do(context.Background(), labels, func(context.Context) { sink += <-block })
}

func write(folder, kind string) {
	file, err := os.Create(filepath.Join(folder, "go_"+kind+".pb.gz"))
	must(err)
	must(pprof.Lookup(kind).WriteTo(file, 0))
	must(file.Close())
}

func main() {
	folder := os.Args[1]
	cpu(filepath.Join(folder, "go_cpu.pb.gz"))
	runtime.MemProfileRate = 512
	for i := 0; i < 3000; i++ {
		hold(i * 7)
		tree = insert(tree, fmt.Sprint(i*7919%3000), func(a, b string) bool { return a < b })
	}
	kept = kept[:1000]
	runtime.GC()
	runtime.SetBlockProfileRate(1)
	runtime.SetMutexProfileFraction(1)
	contend()
	block := make(chan int)
	for i := 0; i < 10; i++ {
		go wait(pprof.Labels("waiter", fmt.Sprint(i%3)), block)
	}
	time.Sleep(10 * time.Millisecond)
	for _, kind := range []string{"heap", "allocs", "mutex", "block", "goroutine", "threadcreate"} {
		write(folder, kind)
	}
}
