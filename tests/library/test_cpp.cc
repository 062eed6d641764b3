// The header and the library from C++.
#include "sigprof/frames.h"
#include "sigprof/sigprof.h"

#include <cmath>
#include <cstdio>
#include <string>
#include <thread>

static int append(void *user, const void *data, size_t bytes)
{
    static_cast<std::string *>(user)->append(static_cast<const char *>(data), bytes);
    return 0;
}

int main()
{
    sigprof_options options;
    sigprof_options_init(&options);
    options.rate_hz = 1000;
    options.trigger = LIBSIGPROF_TRIGGER_TIMER;
    if (sigprof_start(&options) != 0)
        return 1;
    double sum = 0;
    std::thread worker([&] {
        for (int i = 1; i < 20000000; i++)
            sum += std::sqrt(static_cast<double>(i));
    });
    worker.join();
    if (sigprof_stop() != 0 || !(sum > 0))
        return 2;
    std::string profile;
    if (sigprof_write_callback(append, &profile, 0) != 0 || profile.size() < 20)
        return 3;
    struct sigprof_statistics statistics {
    }; // a function has the same name
    statistics.struct_bytes = sizeof statistics;
    if (sigprof_statistics(&statistics) != 0)
        return 4;
    std::printf("%llu samples\n", static_cast<unsigned long long>(statistics.recorded));
    return statistics.recorded > 0 ? 0 : 5;
}
