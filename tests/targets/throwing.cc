// throwing [SECONDS]: eight threads throw C++ exceptions all the time, through several frames with things to destroy,
// and catch them, some only to throw them again.

#include "hostile.h"

#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{

constexpr unsigned THREADS = 8, DEPTH = 6;

struct Counted {
    explicit Counted(long &count) : count(count)
    {
        ++count;
    }
    Counted(const Counted &) = delete;
    Counted &operator=(const Counted &) = delete;
    ~Counted()
    {
        --count;
    }
    long &count;
};

struct Small {
    int value;
};

[[gnu::noinline]] void throw_deep(unsigned depth, int value, long &alive)
{
    const Counted here(alive);
    if (depth > 0)
        throw_deep(depth - 1, value, alive);
    else if (value % 3 == 0)
        throw std::runtime_error(std::to_string(value));
    else
        throw Small{value};
    asm volatile("" : : : "memory"); // a frame of its own: no tail call
}

[[gnu::noinline]] void throw_again(int value, long &alive)
{
    try {
        throw_deep(DEPTH, value, alive);
    } catch (const Small &small) {
        if (small.value % 3 == 1)
            throw;
        throw std::invalid_argument(std::to_string(small.value));
    }
}

// What was caught, which is `value` when nothing went wrong.
[[gnu::noinline]] int catch_one(int value, long &alive)
{
    try {
        throw_again(value, alive);
    } catch (const std::exception &error) {
        return std::stoi(error.what());
    } catch (const Small &small) {
        return small.value;
    }
    return -1;
}

void work(double until, unsigned long long &rounds, unsigned long long &wrong)
{
    long alive = 0;
    for (int value = 0; hostile_now() < until; value = (value + 1) % 1000, rounds++)
        wrong += catch_one(value, alive) != value || alive != 0;
}

} // namespace

int main(int argc, char **argv)
{
    const double until = hostile_until(argc, argv);
    unsigned long long rounds[THREADS] = {}, wrong[THREADS] = {}, all_rounds = 0, all_wrong = 0;
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < THREADS; i++)
        threads.emplace_back([&, i] { work(until, rounds[i], wrong[i]); });
    for (unsigned i = 0; i < THREADS; i++) {
        threads[i].join();
        all_rounds += rounds[i];
        all_wrong += wrong[i];
    }
    return hostile_end(all_rounds, all_wrong);
}
