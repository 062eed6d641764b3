module sigprof

go 1.19
