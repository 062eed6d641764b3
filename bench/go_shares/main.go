// The Go program of the benchmark `shares`: the four threads of four_shares.h, made in C, under Go's own profiler.
//
// usage: go_shares CPU_SECONDS PROFILE
//
// C threads have no Go stack; the runtime asks a traceback function in C for theirs, from its signal handler. The one
// here follows frame pointers, which the burners are built with.
package main

/*
#include <handler/arch/arch.h>
#include <four_shares.h>

// What runtime.SetCgoTraceback hands over.
struct traceback {
	uintptr_t context, signal_context;
	uintptr_t *pcs;
	uintptr_t n;
};

enum { NEAR = 1024 }; // the burners' frames are small, and so is what lies above them: no load leaves the stack

static void follow_frames(void *argument)
{
	struct traceback *traceback = argument;
	struct sp_registers registers = {0};
	uintptr_t n = 0;
	if (traceback->signal_context != 0) {
		sp_arch_capture((const void *)traceback->signal_context, &registers);
		traceback->pcs[n++] = registers.pc;
	}
	uintptr_t at = registers.sp;
	for (uintptr_t fp = registers.fp; n + 1 < traceback->n; fp = *(const uintptr_t *)fp) {
		if (fp < at || fp - registers.sp > NEAR || fp % SP_ARCH_FRAME_ALIGN != 0)
			break;
		traceback->pcs[n++] = sp_arch_return_address(((const uintptr_t *)fp)[1]);
		at = fp + 1;
	}
	if (n < traceback->n)
		traceback->pcs[n] = 0;
}

static void *traceback_function(void)
{
	return (void *)follow_frames;
}
*/
import "C"

import (
	"log"
	"os"
	"runtime"
	"runtime/pprof"
	"strconv"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: go_shares CPU_SECONDS PROFILE")
	}
	seconds, err := strconv.ParseFloat(os.Args[1], 64)
	if err != nil {
		log.Fatal(err)
	}
	file, err := os.Create(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	runtime.SetCgoTraceback(0, C.traceback_function(), nil, nil)
	if err := pprof.StartCPUProfile(file); err != nil {
		log.Fatal(err)
	}
	failed := C.burn_four_shares(C.int64_t(seconds*1e9), nil)
	pprof.StopCPUProfile()
	if err := file.Close(); err != nil || failed != 0 {
		log.Fatal(failed, err)
	}
}
