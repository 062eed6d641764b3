//go:build traceback

package main

import _ "sigprof/cgotraceback"
