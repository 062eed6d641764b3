/* early_threads: waits for threads that were there before main. */
#include "cpu_work.h"
#include "early_library.h"

int main(void)
{
    early_wait();
    print_rusage();
    return 0;
}
