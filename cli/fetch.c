/*
 * Fetching by libcurl, by dlopen(3): it brings thirty libraries with it, which a command that reads a file does not
 * wait for. See fetch.h.
 *
 * Context: ordinary code of the command's only thread.
 */
#include "fetch.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"
#include "formats/bytes.h"
#include "formats/formats.h"
#include "sigprof/sigprof.h"

/* libcurl's interface (curl_easy_setopt(3)), without its header, which is not there when we are built. */
static const char *const library_names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};
typedef void *init_function(void);
typedef int set_function(void *, int option, ...);
typedef int perform_function(void *);
typedef int info_function(void *, int info, ...);
typedef const char *error_function(int);
typedef void cleanup_function(void *);
enum {
    OPTION_WRITE_DATA = 10001,
    OPTION_URL = 10002,
    OPTION_USER_AGENT = 10018,
    OPTION_FOLLOW = 52,
    OPTION_MOST_REDIRECTIONS = 68,
    OPTION_NO_SIGNAL = 99,
    OPTION_TIMEOUT_MS = 155,
    OPTION_PROTOCOLS = 181,
    OPTION_REDIRECT_PROTOCOLS = 182,
    OPTION_WRITE = 20011,
    INFO_STATUS = 0x200002,
    PROTOCOLS_HTTP_AND_HTTPS = 3,
};

enum {
    DEFAULT_SECONDS = 60,
    GRACE_SECONDS = 5,
    MOST_REDIRECTIONS = 10,
    STATUS_OK = 200,
    SHOWN_BODY_BYTES = 120,
    MS_PER_S = 1000,
};

struct curl {
    void *library, *handle;
    set_function *set;
    perform_function *perform;
    info_function *info;
    error_function *error_text;
    cleanup_function *cleanup;
};

/* What has come. */
struct body {
    struct sp_bytes bytes;
    int error;
};

static bool has_scheme(const char *file)
{
    return strncmp(file, "http://", 7) == 0 || strncmp(file, "https://", 8) == 0;
}

/* HOST:PORT or HOST:PORT/PATH, as pprof takes it. */
static bool is_host_and_port(const char *file)
{
    const size_t host = strcspn(file, ":/?#"), port = host + (file[host] == ':');
    const size_t digits = strspn(file + port, "0123456789");
    return host > 0 && port > host && digits > 0 && strchr("/?#", file[port + digits]) != NULL;
}

bool sp_is_address(const char *file)
{
    return has_scheme(file) || (is_host_and_port(file) && access(file, F_OK) != 0);
}

/* The library's call for bytes that came: how many were taken; another number ends it. */
static size_t on_bytes(const char *data, size_t size, size_t n, void *to)
{
    struct body *body = to;
    size *= n;
    if (size > SP_FORMAT_MEMORY_LIMIT - body->bytes.n) {
        body->error = -EFBIG;
        return 0;
    }
    sp_bytes_put(&body->bytes, data, size);
    body->error = body->bytes.error;
    return body->error ? 0 : size;
}

static void *function(const struct curl *curl, const char *name)
{
    return dlsym(curl->library, name);
}

static int open_curl(struct curl *curl, char *why, size_t why_size)
{
    for (size_t i = 0; !curl->library && i < sizeof library_names / sizeof library_names[0]; i++)
        curl->library = dlopen(library_names[i], RTLD_NOW | RTLD_LOCAL);
    init_function *init = NULL;
    if (curl->library) {
        init = (init_function *)function(curl, "curl_easy_init");
        curl->set = (set_function *)function(curl, "curl_easy_setopt");
        curl->perform = (perform_function *)function(curl, "curl_easy_perform");
        curl->info = (info_function *)function(curl, "curl_easy_getinfo");
        curl->error_text = (error_function *)function(curl, "curl_easy_strerror");
        curl->cleanup = (cleanup_function *)function(curl, "curl_easy_cleanup");
    }
    if (!init || !curl->set || !curl->perform || !curl->info || !curl->error_text || !curl->cleanup) {
        snprintf(why, why_size,
                 "fetching needs libcurl (libcurl.so.4), which is not there; install it, or fetch the file");
        return -ENOSYS;
    }
    curl->handle = init();
    if (!curl->handle)
        snprintf(why, why_size, "there is not enough memory to fetch it");
    return curl->handle ? 0 : -ENOMEM;
}

static void close_curl(struct curl *curl)
{
    if (curl->handle)
        curl->cleanup(curl->handle);
    /* The library stays: it has threads and state that do not like to be unloaded. */
}

/* The number behind seconds= in the address's query; 0: there is none. */
static size_t seconds_of(const char *address)
{
    for (const char *at = strchr(address, '?'); at; at = strchr(at + 1, '&')) {
        if (strncmp(at + 1, "seconds=", 8) == 0)
            return strtoul(at + 9, NULL, 10);
    }
    return 0;
}

/* Writes the scheme, the host and the path, which Go's CPU profile has where there is none. */
static void print_place(FILE *out, const char *address, size_t query)
{
    const char *host = has_scheme(address) ? strstr(address, "://") + 3 : address;
    const size_t place = (size_t)(host - address) + strcspn(host, "/?#");
    const bool has_path = place + 1 < query;
    fprintf(out, "%s%.*s%s", host == address ? "http://" : "", (int)(has_path ? query : place), address,
            has_path ? "" : "/debug/pprof/profile");
}

/* Writes the query, with seconds=N in the place of what it has; 0: as it is. */
static void print_query(FILE *out, const char *query, size_t seconds)
{
    const char *before = "?";
    while (query[0] == '?' || query[0] == '&') {
        const size_t length = strcspn(++query, "&#");
        if (length > 0 && (seconds == 0 || strncmp(query, "seconds=", 8) != 0)) {
            fprintf(out, "%s%.*s", before, (int)length, query);
            before = "&";
        }
        query += length;
    }
    if (seconds > 0)
        fprintf(out, "%sseconds=%zu", before, seconds);
}

/* The address as it is asked for, to be freed; NULL when there is no memory. */
static char *whole_address(const char *address, size_t seconds)
{
    char *made = NULL;
    size_t size;
    const size_t query = strcspn(address, "?#");
    FILE *out = open_memstream(&made, &size);
    if (!out)
        return NULL;
    print_place(out, address, query);
    print_query(out, address + query, seconds);
    return fclose(out) == 0 ? made : NULL;
}

static void prepare(const struct curl *curl, const char *address, size_t timeout, struct body *body)
{
    curl->set(curl->handle, OPTION_URL, address);
    curl->set(curl->handle, OPTION_PROTOCOLS, (long)PROTOCOLS_HTTP_AND_HTTPS);
    curl->set(curl->handle, OPTION_REDIRECT_PROTOCOLS, (long)PROTOCOLS_HTTP_AND_HTTPS);
    curl->set(curl->handle, OPTION_FOLLOW, 1L);
    curl->set(curl->handle, OPTION_MOST_REDIRECTIONS, (long)MOST_REDIRECTIONS);
    curl->set(curl->handle, OPTION_NO_SIGNAL, 1L);
    curl->set(curl->handle, OPTION_USER_AGENT, "sigprof/" LIBSIGPROF_VERSION);
    curl->set(curl->handle, OPTION_TIMEOUT_MS, (long)(timeout * MS_PER_S));
    curl->set(curl->handle, OPTION_WRITE, on_bytes);
    curl->set(curl->handle, OPTION_WRITE_DATA, body);
}

/* The first line of an answer that is no profile, as far as it can be printed. */
static int first_line(const struct body *body, char text[SHOWN_BODY_BYTES])
{
    size_t n = 0;
    while (n < body->bytes.n && n + 1 < SHOWN_BODY_BYTES && body->bytes.at[n] >= ' ' && body->bytes.at[n] < 0x7f) {
        text[n] = (char)body->bytes.at[n];
        n++;
    }
    text[n] = '\0';
    return (int)n;
}

static int result_of(const struct curl *curl, int result, const struct body *body, char *why, size_t why_size)
{
    long status = 0;
    char said[SHOWN_BODY_BYTES];
    if (body->error == -EFBIG)
        snprintf(why, why_size, "it is more than %zu bytes, which is the limit", SP_FORMAT_MEMORY_LIMIT);
    else if (body->error)
        snprintf(why, why_size, "there is not enough memory to fetch it");
    if (body->error)
        return body->error;
    if (result != 0) {
        snprintf(why, why_size, "it cannot be fetched: %s", curl->error_text(result));
        return -EIO;
    }
    curl->info(curl->handle, INFO_STATUS, &status);
    if (status == STATUS_OK)
        return 0;
    const int n = first_line(body, said);
    snprintf(why, why_size, "the server answers %ld%s%s", status, n ? ": " : "", said);
    return -EIO;
}

static int fetch(const char *address, size_t timeout, struct body *body, char *why, size_t why_size)
{
    struct curl curl = {0};
    int error = open_curl(&curl, why, why_size);
    if (!error) {
        prepare(&curl, address, timeout, body);
        error = result_of(&curl, curl.perform(curl.handle), body, why, why_size);
    }
    close_curl(&curl);
    return error;
}

int sp_fetch_profile(const char *address, size_t seconds, size_t timeout, struct sp_profile **profile, char *why,
                     size_t why_size)
{
    struct body body = {0};
    char *whole = whole_address(address, seconds);
    const size_t expected = seconds ? seconds : seconds_of(address);
    if (!whole) {
        snprintf(why, why_size, "there is not enough memory to fetch it");
        return -ENOMEM;
    }
    if (timeout == 0)
        timeout = (expected ? expected + expected / 2 : DEFAULT_SECONDS) + GRACE_SECONDS;
    if (expected)
        sp_complain("fetching %s, which takes %zu s", whole, expected);
    else
        sp_complain("fetching %s", whole);
    int error = fetch(whole, timeout, &body, why, why_size);
    if (!error)
        error = sp_profile_read_bytes(&body.bytes, SP_FORMAT_MEMORY_LIMIT, profile, why, why_size);
    sp_bytes_done(&body.bytes);
    free(whole);
    return error;
}
