/*
 * A library to be loaded and unloaded, built in two kinds: WIDE has frames of other sizes at the same addresses, and
 * one function more, so that its unwind tables are others.
 */
unsigned listed_function(unsigned x);

#if WIDE
unsigned one_more_function(unsigned x);
enum { FRAME_BYTES = 1040 };
#else
enum { FRAME_BYTES = 528 };
#endif

__attribute__((noinline, visibility("default"))) unsigned listed_function(unsigned x)
{
    volatile unsigned char frame[FRAME_BYTES];
    frame[x % FRAME_BYTES] = 1;
    return frame[x % FRAME_BYTES] + x;
}

#if WIDE
__attribute__((visibility("default"))) unsigned one_more_function(unsigned x)
{
    return x + 1; /* and no call: a PLT would move the other one */
}
#endif
