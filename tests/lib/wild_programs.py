"""Programs of the distribution that keep a CPU busy until they are ended, for recordings of what real stacks are like.

    program = wild_programs.find("sqlite3", directory)     # or wild_programs.Missing, with the reason
    program.command                                        # words; runs on until a signal ends it
    with program.load(): ...                               # what it needs from outside meanwhile
"""

import contextlib
import os
import shlex
import shutil
import subprocess
import time

UP_SECONDS = 30


class Missing(Exception):
    """The program cannot be run here; the text is why."""


class Program:
    """`load`: a context manager that keeps a server busy. `is_jit`: it makes code at run time.

    `once`: the program itself, which may end by itself, where `command` runs it over and over.
    """

    def __init__(self, command, load=contextlib.nullcontext, is_jit=False, once=None):
        self.command = [str(word) for word in command]
        self.once = once or self.command
        self.load = load
        self.is_jit = is_jit


def need(name):
    """Debian's own: what a user has put in front of it in PATH may be built in another way."""
    path = shutil.which(name, path="/usr/bin:/bin:/usr/sbin") or shutil.which(name)
    if path is None:
        raise Missing(f"{name} is not installed")
    return path


def write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def again(directory, *command):
    """Runs a command over and over, until it fails."""
    script = write(directory, "again.sh", f"while {shlex.join(command)} >/dev/null; do :; done\n")
    return Program(["/bin/sh", script], once=list(command))


SQL = """
WITH RECURSIVE n(i, x) AS (SELECT 1, 1 UNION ALL
                           SELECT i + 1, (x * 1103515245 + 12345) % 2147483648 FROM n WHERE i < 1000000)
SELECT count(*), sum(x % 1000), (SELECT group_concat(x % 97) FROM (SELECT x FROM n ORDER BY x DESC LIMIT 20)) FROM n;
CREATE TABLE word(text TEXT, number INTEGER);
WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM c WHERE i < 300000)
INSERT INTO word SELECT hex((i * 2654435761) % 4294967296), i FROM c;
CREATE INDEX by_text ON word(text);
SELECT count(*), min(text) FROM (SELECT text FROM word ORDER BY text DESC, number LIMIT 200000);
SELECT count(*) FROM word WHERE text LIKE '%AB%' OR text GLOB '*9F*';
DROP TABLE word;
"""


def sqlite3(directory):
    return Program([need("sqlite3"), ":memory:", "-cmd", ".output /dev/null", 60 * SQL])


PYTHON = """
import hashlib, json, re, zlib, decimal
def fib(n):
    return n if n < 2 else fib(n - 1) + fib(n - 2)
while True:
    fib(20)
    data = [{"key": str(i), "value": [i * 1.5, None, {"deep": i}]} for i in range(2000)]
    text = json.dumps(data)
    json.loads(text)
    sorted(data, key=lambda item: item["key"][::-1])
    re.sub(r"(\\d+)\\.(\\d)", lambda m: m[2] + m[1], text)
    zlib.crc32(zlib.compress(text.encode()))
    hashlib.sha256(text.encode()).hexdigest()
    sum(decimal.Decimal(i) / 7 for i in range(1000))
"""


def python3(directory):
    return Program([need("python3"), "-S", write(directory, "busy.py", PYTHON)])


def openssl(directory):
    speed = [need("openssl"), "speed", "-seconds", "1", "-bytes", "16384"]
    return again(directory, *speed, "sha256", "aes-128-cbc", "rsa2048", "ecdsap256", "md5", "sha512", "ghash",
                 "ed25519", "camellia-128-cbc")


CXX = """
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <numeric>
#include <regex>
#include <string>
#include <tuple>
#include <variant>
#include <vector>
template <int N> struct fibonacci { static constexpr long value = fibonacci<N - 1>::value + fibonacci<N - 2>::value; };
template <> struct fibonacci<1> { static constexpr long value = 1; };
template <> struct fibonacci<0> { static constexpr long value = 0; };
template <typename... T> auto sum(T... t) { return (t + ... + fibonacci<sizeof...(T)>::value); }
int main(int argc, char **argv)
{
    std::vector<std::string> words(argv, argv + argc);
    std::map<std::string, std::variant<int, double, std::string>> table;
    const std::regex pattern("([a-z]+)_(\\\\d+)");
    std::sort(words.begin(), words.end(), [](auto &a, auto &b) { return a.size() < b.size(); });
    for (const auto &word : words)
        if (std::smatch match; std::regex_match(word, match, pattern))
            table[match[1]] = std::stoi(match[2]);
    for (const auto &[key, item] : table)
        std::visit([&](const auto &value) { std::cout << key << value << '\\n'; }, item);
    std::cout << sum(1, 2.0, 3L, 4.0f) << std::accumulate(words.begin(), words.end(), std::string()) << '\\n';
}
"""


def cc1plus(directory):
    """The compiler proper, with the arguments that its driver would give it."""
    words = [need("g++"), "-###", "-std=c++17", "-O2", "-g", "-S", write(directory, "busy.cc", CXX), "-o",
             os.path.join(directory, "busy.s")]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stderr
    for line in said.splitlines():
        command = shlex.split(line) if line.startswith(" ") else []
        if command and os.path.basename(command[0]) == "cc1plus":
            return again(directory, *command)
    raise Missing("g++ runs no cc1plus")


def redis(directory):
    """A busy thread, and some for the background. On a Unix socket."""
    socket = os.path.join(directory, "socket")
    server, client, bench = need("redis-server"), need("redis-cli"), need("redis-benchmark")

    @contextlib.contextmanager
    def load():
        for _ in range(UP_SECONDS * 10):
            if subprocess.run([client, "-s", socket, "ping"], capture_output=True, check=False).stdout == b"PONG\n":
                break
            time.sleep(0.1)
        else:
            raise Missing("redis-server does not answer")
        with subprocess.Popen([bench, "-s", socket, "-q", "-c", "20", "-P", "8", "-l", "-t",
                               "set,get,incr,lpush,sadd,zadd,lrange_100"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                yield
            finally:
                process.kill()

    return Program([server, "--port", "0", "--unixsocket", socket, "--dir", directory, "--save", "", "--appendonly",
                    "no"], load)


def xz(directory):
    path = os.path.join(directory, "data")
    with open(path, "wb") as file:
        for i in range(200_000):
            file.write(b"%d %x\n" % (i, i * 2654435761 % (1 << 32)))
    return again(directory, need("xz"), "-T2", "-4", "--block-size=1MiB", "-k", "-c", path)


PERL = r"""
my %count; my $seed = 1;
sub deep { my ($n) = @_; return $n <= 0 ? 0 : 1 + deep($n - 1) }
while (1) {
    my @words = map { $seed = ($seed * 1103515245 + 12345) % 2147483648; sprintf "%x", $seed } 1 .. 20000;
    $count{substr $_, 0, 3}++ for @words;
    my $text = join ' ', sort { $b cmp $a } @words;
    my $found = () = $text =~ /([0-9a-f])\1+(?=[a-f]*\d)/g;
    $text =~ s/(\w+) (\w+)/$2 $1/g;
    $text =~ tr/a-f/A-F/;
    deep(60) for 1 .. 200;
    my $packed = pack 'N*', map { length } @words; unpack '%32C*', $packed;
}
"""


def perl(directory):
    return Program([need("perl"), write(directory, "busy.pl", PERL)])


JAVASCRIPT = """
class Node { constructor(k) { this.k = k; this.left = this.right = null; } }
function insert(node, k) {
    if (node === null) return new Node(k);
    if (k < node.k) node.left = insert(node.left, k); else node.right = insert(node.right, k);
    return node;
}
function height(node) { return node === null ? 0 : 1 + Math.max(height(node.left), height(node.right)); }
let seed = 1;
const next = () => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff);
for (;;) {
    let root = null;
    for (let i = 0; i < 20000; i++) root = insert(root, next());
    const data = Array.from({length: 5000}, (_, i) => ({key: String(next()), value: [i, {deep: next() / 7}]}));
    data.sort((a, b) => a.key < b.key ? -1 : 1);
    const text = JSON.stringify(data);
    JSON.parse(text).map(item => item.value[1].deep + height(root)).reduce((a, b) => a + b);
    text.replace(/(\\d+)\\.(\\d+)/g, (_, a, b) => b + a);
    new Function('x', `return x + ${next()}`)(1);
    require('crypto').createHash('sha256').update(text).digest('hex');
    require('zlib').deflateSync(text);
}
"""


def node(directory):
    return Program([need("node"), write(directory, "busy.js", JAVASCRIPT)], is_jit=True)


def ripgrep(directory):
    return again(directory, need("rg"), "-c", r"(struct|union)\s+[a-z]+_t\b.*[;{]", "/usr/include")


JAVA = """
import java.util.*;
import java.util.stream.*;
import java.util.zip.*;
public class Busy {
    interface Shape { double area(); }
    record Square(double side) implements Shape { public double area() { return side * side; } }
    record Circle(double radius) implements Shape { public double area() { return 3.14 * radius * radius; } }
    static int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
    public static void main(String[] args) throws Exception {
        Random random = new Random(1);
        for (long sum = 0;; ) {
            sum += fib(20);
            List<Shape> shapes = new ArrayList<>();
            for (int i = 0; i < 20000; i++)
                shapes.add(random.nextBoolean() ? new Square(random.nextDouble()) : new Circle(random.nextDouble()));
            shapes.sort(Comparator.comparingDouble(Shape::area));
            Map<String, Double> by = shapes.stream().collect(Collectors.groupingBy(s -> s.getClass().getName(),
                Collectors.summingDouble(Shape::area)));
            StringBuilder text = new StringBuilder();
            for (int i = 0; i < 20000; i++)
                text.append(Integer.toHexString(random.nextInt())).append(' ');
            TreeMap<String, Integer> counts = new TreeMap<>();
            for (String word : text.toString().split(" "))
                counts.merge(word.substring(0, Math.min(3, word.length())), 1, Integer::sum);
            CRC32 crc = new CRC32();
            crc.update(text.toString().getBytes());
            sum += crc.getValue() + by.size() + text.toString().replaceAll("[a-f]+", "-").length() + counts.size();
            if (sum == 42)
                System.out.println(sum);
        }
    }
}
"""


def java_with(*options):
    def java(directory):
        program, compiler = need("java"), need("javac")
        source = write(directory, "Busy.java", JAVA)
        done = subprocess.run([compiler, "-d", directory, source], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Missing(f"javac: {done.stderr.strip()}")
        return Program([program, "-Xmx512m", *options, "-cp", directory, "Busy"], is_jit=True)

    return java


GO = """
package main

// A program with C in it is linked dynamically, so that a library can be preloaded.

import "C"

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"regexp"
	"sort"
	"strconv"
)

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func work(seed uint32, sums chan<- int) {
	pattern := regexp.MustCompile(`([0-9]+)7([0-9]*)`)
	for {
		words := make([]string, 5000)
		for i := range words {
			seed = seed*1103515245 + 12345
			words[i] = strconv.Itoa(int(seed))
		}
		sort.Strings(words)
		text, _ := json.Marshal(words)
		counts := map[string]int{}
		for _, word := range words {
			counts[word[:2]]++
		}
		hash := sha256.Sum256(pattern.ReplaceAll(text, []byte("$2-$1")))
		var out bytes.Buffer
		zip := gzip.NewWriter(&out)
		zip.Write(text)
		zip.Close()
		sums <- fib(18) + int(hash[0]) + out.Len() + len(counts)
	}
}

func main() {
	sums := make(chan int)
	for i := 0; i < 3; i++ {
		go work(uint32(i), sums)
	}
	for range sums {
	}
}
"""


def go(directory):
    compiler = need("go")
    write(directory, "busy.go", GO)
    write(directory, "go.mod", "module busy\n")
    path = os.path.join(directory, "busy")
    env = {**os.environ, "GOCACHE": os.path.join(directory, "cache"), "GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local",
           "CGO_ENABLED": "1", "GOPATH": os.path.join(directory, "gopath"), "HOME": directory}
    done = subprocess.run([compiler, "build", "-o", path, "."], cwd=directory, env=env, capture_output=True, text=True,
                          check=False)
    if done.returncode != 0:
        raise Missing(f"go build: {done.stderr.strip()[-500:]}")
    return Program([path])


PROGRAMS = {
    "sqlite3": sqlite3,
    "python3": python3,
    "openssl speed": openssl,
    "cc1plus": cc1plus,
    "redis-server": redis,
    "xz": xz,
    "perl": perl,
    "ripgrep (Rust)": ripgrep,
    "Go": go,
    "node": node,
    "java": java_with(),
    "java -XX:+PreserveFramePointer": java_with("-XX:+PreserveFramePointer"),
    "java -Xint": java_with("-Xint"),
}


def find(name, directory):
    return PROGRAMS[name](directory)
