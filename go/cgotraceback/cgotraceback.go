// Package cgotraceback, when it is imported, gives the Go runtime what it needs to see C code: tracebacks of it, and
// names, files, lines and inlined calls. Go's CPU profiler, its tracebacks and runtime.Callers then show C functions,
// on threads that Go has made and on threads that C has made.
//
//	import _ "sigprof/cgotraceback"
//
// It needs libsigprof-cgo, which pkg-config finds as sigprof-cgo.
package cgotraceback

/*
#cgo pkg-config: sigprof-cgo
#include <sigprof/cgo.h>
*/
import "C"

import (
	"runtime"
	"unsafe"
)

func init() {
	runtime.SetCgoTraceback(0, unsafe.Pointer(C.sigprof_cgo_traceback), unsafe.Pointer(C.sigprof_cgo_context),
		unsafe.Pointer(C.sigprof_cgo_symbolizer))
}
