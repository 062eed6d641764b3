// Stepped through C++ exceptions: the search for a handler, destructors on the way, and the landing.
#include "stepped_cases.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace
{

int destroyed;

struct Counted {
    int value;
    explicit Counted(int v) : value(v) {}
    ~Counted()
    {
        destroyed += value;
    }
};

stepped_never_inlined int go_down(int depth, bool is_string)
{
    Counted counted(1);
    if (depth == 0) {
        if (is_string)
            throw std::runtime_error("the end of the way");
        throw 42;
    }
    return go_down(depth - 1, is_string) + counted.value;
}

stepped_never_inlined int catch_and_throw_again(int depth)
{
    try {
        return go_down(depth, true);
    } catch (const std::exception &) {
        destroyed++;
        throw;
    }
}

struct Member {
    Counted first{10};
    std::string text = "a text that is too long to be kept in place";
    Member()
    {
        go_down(1, false);
    }
};

void throw_and_catch()
{
    destroyed = 0;
    int caught = 0;
    try {
        go_down(6, false);
    } catch (const std::string &) {
        caught = -1000;
    } catch (int value) {
        caught += value;
    }
    try {
        catch_and_throw_again(3);
    } catch (const std::runtime_error &error) {
        caught += static_cast<int>(std::char_traits<char>::length(error.what()));
    }
    try {
        Member member;
    } catch (...) {
        caught++;
    }
    stepped_require(caught == 42 + 18 + 1 && destroyed == 7 + 4 + 1 + 2 + 10);
}

extern "C" int compare_or_throw(const void *left, const void *right)
{
    const int a = *static_cast<const int *>(left), b = *static_cast<const int *>(right);
    if (a == 6)
        throw std::out_of_range("compared");
    return (a > b) - (a < b);
}

/* Through frames of the C library. */
void throw_through_libc()
{
    int numbers[8] = {8, 3, 5, 1, 7, 2, 6, 4};
    bool is_caught = false;
    try {
        qsort(numbers, 8, sizeof *numbers, compare_or_throw);
    } catch (const std::out_of_range &) {
        is_caught = true;
    }
    stepped_require(is_caught);
}

void use_containers()
{
    std::map<std::string, std::vector<int>> map;
    for (int i = 0; i < 20; i++)
        map["key " + std::to_string(i % 5)].push_back(i * 7 % 20);
    for (auto &[key, values] : map)
        std::sort(values.begin(), values.end(), [](int a, int b) { return a > b; });
    bool is_caught = false;
    try {
        map.at("no such key").push_back(1);
    } catch (const std::out_of_range &) {
        is_caught = true;
    }
    stepped_require(map.size() == 5 && is_caught);
}

const stepped_case cases[] = {
    {"throw", nullptr, throw_and_catch},
    {"throw_libc", nullptr, throw_through_libc},
    {"containers", nullptr, use_containers},
};

} // namespace

int main(int argc, char **argv)
{
    return stepped_main(cases, sizeof cases / sizeof *cases, argc, argv);
}
