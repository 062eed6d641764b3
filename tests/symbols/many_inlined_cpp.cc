/* A program for the comparison of names: templates, lambdas, calls inlined in inlined ones, parts that are never run.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <string>
#include <vector>

namespace shapes
{
template <typename T> struct Square {
    T side;
    explicit Square(T s) : side(s) {}
    T area() const
    {
        return multiply(side, side);
    }
    template <typename U> static U multiply(U a, U b)
    {
        return a * b + helper(a);
    }
    template <typename U> static U helper(U a)
    {
        return a > U(3) ? a / U(3) : a;
    }
};

namespace
{
__attribute__((cold, noinline)) void complain(const std::string &what)
{
    std::fprintf(stderr, "%s\n", what.c_str());
    std::abort();
}

int checked(int value)
{
    if (__builtin_expect(value < 0, 0))
        complain("negative: " + std::to_string(value));
    return value;
}
} // namespace

__attribute__((noinline)) double total(const std::vector<double> &sides)
{
    return std::accumulate(sides.begin(), sides.end(), 0.0,
                           [](double sum, double side) { return sum + Square<double>(side).area(); });
}
} // namespace shapes

struct Base {
    virtual ~Base() = default;
    virtual int value(int seed) const = 0;
};

struct Derived final : Base {
    int value(int seed) const override
    {
        struct Local {
            static int twice(int x)
            {
                return 2 * shapes::checked(x);
            }
        };
        return Local::twice(seed) + static_cast<int>(shapes::Square<int>(seed).area());
    }
};

__attribute__((noinline)) static int count_words(const std::string &text)
{
    std::map<std::string, int> counts;
    std::string word;
    auto finish = [&] {
        if (!word.empty())
            counts[word]++;
        word.clear();
    };
    for (char c : text)
        if (c == ' ')
            finish();
        else
            word += c;
    finish();
    return static_cast<int>(counts.size());
}

int main(int argc, char **argv)
{
    std::vector<double> sides(16, argc);
    std::string text = "a b a c";
    for (int i = 0; i < argc; i++)
        text += argv[i];
    std::sort(sides.begin(), sides.end(), [](double a, double b) { return a > b; });
    Derived derived;
    const Base &base = derived;
    std::printf("%f %d %d\n", shapes::total(sides), count_words(text), base.value(argc));
    return 0;
}
