/* Linked statically: the dynamic linker, and with it LD_PRELOAD, has no part in it. */
#include <stdio.h>

int main(void)
{
    puts("the static program ran");
    return 0;
}
