/* Static files: types, validators, ranges, folders, and every way out of the folder that we know. */
#include "wire/server_rig.h"

#include "server/files.h"
#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { BIG_BYTES = 3 * 1024 * 1024 + 17 };

typedef struct tree {
    rig at;
    char root[64];   /* holds the secret and */
    char public[80]; /* the folder that is served */
} tree;

static void write_file(const char *folder, const char *name, const void *bytes, size_t size)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (!file || fwrite(bytes, 1, size, file) != size || fclose(file) != 0) {
        rig_die("cannot write a file");
    }
}

static void make(const char *folder, const char *name, const char *target)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if ((target ? symlink(target, path) : mkdir(path, 0700)) != 0) {
        rig_die("cannot make a folder or a link");
    }
}

static char big_at(size_t i)
{
    return (char)(i * 7 + (i >> 13));
}

static void tree_open(tree *self)
{
    rig_open(&self->at, NULL);
    snprintf(self->root, sizeof self->root, "/tmp/naru-files-XXXXXX");
    if (!mkdtemp(self->root)) {
        rig_die("cannot make a folder");
    }
    snprintf(self->public, sizeof self->public, "%s/public", self->root);
    make(self->root, "public", NULL);
    make(self->root, "beside", NULL);
    make(self->public, "sub", NULL);
    make(self->public, "bare", NULL);
    make(self->public, ".git", NULL);
    write_file(self->root, "secret", "SECRET", 6);
    write_file(self->root, "beside/secret", "SECRET", 6);
    write_file(self->public, ".hidden", "SECRET", 6);
    write_file(self->public, ".git/config", "SECRET", 6);
    write_file(self->public, "index.html", "<p>home", 7);
    write_file(self->public, "sub/index.html", "<p>sub", 6);
    write_file(self->public, "a b\xc3\xa9.txt", "named", 5);
    write_file(self->public, "app.JS", "js", 2);
    write_file(self->public, "empty.css", "", 0);
    write_file(self->public, "noend", "0123456789", 10);
    make(self->public, "out", "../secret");
    make(self->public, "out-folder", "../beside");
    make(self->public, "absolute", "/etc/passwd");
    make(self->public, "inside.txt", "noend");
    char fifo[128];
    snprintf(fifo, sizeof fifo, "%s/fifo", self->public);
    if (mkfifo(fifo, 0600) != 0) {
        rig_die("cannot make a pipe");
    }
    char *big = malloc(BIG_BYTES);
    for (size_t i = 0; big && i < BIG_BYTES; i++) {
        big[i] = big_at(i);
    }
    write_file(self->public, "big.bin", big, BIG_BYTES);
    free(big);
    CHECK_EQ(naru_server_route_files(self->at.server, "/f/*", self->public), NARU_OK);
}

static int remove_one(const char *path, const struct stat *stat, int type, struct FTW *ftw)
{
    (void)stat;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void tree_close(tree *self)
{
    nftw(self->root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
    rig_close(&self->at);
}

static answer ask(tree *self, const char *method, const char *path, const char *fields)
{
    char request[1024];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: h\r\n%s\r\n", method, path, fields);
    peer p;
    answer a = peer_ask(&p, &self->at, request);
    peer_close(&p);
    return a;
}

/* Without openat2 (kernels before 5.6, some sandboxes) no link is followed. Asked for nothing, it says EINVAL. */
static bool kernel_opens_beneath(void)
{
    return syscall(SYS_openat2, -1, NULL, NULL, 0) < 0 && errno != ENOSYS && errno != EPERM;
}

static void check_given(tree *self, const char *path, const char *body, const char *type)
{
    answer a = ask(self, "GET", path, "");
    if (a.status != 200) {
        fprintf(stderr, "%s\n", path);
    }
    CHECK_EQ(a.status, 200);
    CHECK_STR((char *)a.body, body);
    CHECK_STR(answer_field(&a, "Content-Type"), type);
    CHECK_STR(answer_field(&a, "X-Content-Type-Options"), "nosniff");
    answer_free(&a);
}

static void check_refused(tree *self, const char *path, int status)
{
    answer a = ask(self, "GET", path, "");
    if (a.status != status || strstr((char *)a.body, "SECRET")) {
        fprintf(stderr, "%s: %d %s\n", path, a.status, (char *)a.body);
        CHECK(false);
    }
    answer_free(&a);
}

TEST(types_and_folders)
{
    tree self;
    tree_open(&self);
    check_given(&self, "/f/", "<p>home", "text/html; charset=utf-8");
    check_given(&self, "/f/index.html", "<p>home", "text/html; charset=utf-8");
    check_given(&self, "/f/sub/", "<p>sub", "text/html; charset=utf-8");
    check_given(&self, "/f/app.JS", "js", "text/javascript; charset=utf-8");
    check_given(&self, "/f/empty.css", "", "text/css; charset=utf-8");
    check_given(&self, "/f/noend", "0123456789", "application/octet-stream");
    if (kernel_opens_beneath()) {
        check_given(&self, "/f/inside.txt", "0123456789", "text/plain; charset=utf-8");
    } else {
        check_refused(&self, "/f/inside.txt", 404);
    }
    check_given(&self, "/f/a%20b%C3%A9.txt?x=1", "named", "text/plain; charset=utf-8");
    check_given(&self, "/f/sub/../noend", "0123456789", "application/octet-stream");
    check_refused(&self, "/f/none", 404);
    check_refused(&self, "/f/noend/", 404);
    check_refused(&self, "/f/bare/", 404);
    tree_close(&self);
}

TEST(nothing_outside_is_given)
{
    static const char *const paths[] = {
        "/f/../secret",
        "/f/%2e%2e/secret",
        "/f/%2e%2e%2fsecret",
        "/f/..%2fsecret",
        "/f/sub/../../secret",
        "/f/.%2e/secret",
        "/f//etc/passwd",
        "/f/%2fetc/passwd",
        "/f/out",
        "/f/out-folder/secret",
        "/f/absolute",
        "/f/.hidden",
        "/f/.git/config",
        "/f/%2egit/config",
        "/f/sub/%2e%2e/.hidden",
        "/f/sub//index.html",
        "/f/%252e%252e/secret",
        "/f/fifo",
        "/f/..\\secret",
        "/f/%5c..%5csecret",
        "/f/.../secret",
        "/../../../../etc/passwd",
    };
    tree self;
    tree_open(&self);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        check_refused(&self, paths[i], 404);
    }
    check_refused(&self, "/f/noend%00.html", 400);
    check_refused(&self, "/f/%ff", 400);
    tree_close(&self);
}

static bool opens(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
    return fd >= 0;
}

/* Both ways of opening: the kernel's, and the one for kernels without it, which follows no link at all. */
TEST(opening_beneath)
{
    static const char *const refused[] = {"../secret", "sub/../../secret", "out", "out-folder/secret",
                                          "absolute",  "/etc/passwd",      "",    "sub//index.html/",
                                          "none",      "noend/x"};
    tree self;
    tree_open(&self);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        CHECK(!opens(naru__files_open_beneath(self.public, refused[i])));
        CHECK(!opens(naru__files_open_by_steps(open(self.public, O_PATH | O_DIRECTORY | O_CLOEXEC), refused[i])));
    }
    CHECK(opens(naru__files_open_beneath(self.public, "sub/index.html")));
    CHECK_EQ(opens(naru__files_open_beneath(self.public, "inside.txt")), kernel_opens_beneath());
    CHECK(opens(naru__files_open_by_steps(open(self.public, O_PATH | O_DIRECTORY | O_CLOEXEC), "sub/index.html")));
    CHECK(!opens(naru__files_open_by_steps(open(self.public, O_PATH | O_DIRECTORY | O_CLOEXEC), "inside.txt")));
    tree_close(&self);
}

TEST(a_folder_without_its_slash)
{
    tree self;
    tree_open(&self);
    answer a = ask(&self, "GET", "/f/sub?a=b&c", "");
    CHECK_EQ(a.status, 301);
    CHECK_STR(answer_field(&a, "Location"), "/f/sub/?a=b&c");
    answer_free(&a);
    a = ask(&self, "GET", "/f", "");
    CHECK_EQ(a.status, 301);
    CHECK_STR(answer_field(&a, "Location"), "/f/");
    answer_free(&a);
    a = ask(&self, "GET", "/x/../f/%73ub", "");
    CHECK_EQ(a.status, 301);
    CHECK_STR(answer_field(&a, "Location"), "/f/sub/");
    answer_free(&a);
    /* No path can be made into another host's name. */
    CHECK_EQ(naru_server_route_files(self.at.server, "*", self.public), NARU_OK);
    a = ask(&self, "GET", "//sub", "");
    CHECK_EQ(a.status, 404);
    answer_free(&a);
    a = ask(&self, "GET", "/sub", "");
    CHECK_STR(answer_field(&a, "Location"), "/sub/");
    answer_free(&a);
    tree_close(&self);
}

TEST(only_get_and_head)
{
    tree self;
    tree_open(&self);
    answer a = ask(&self, "POST", "/f/noend", "");
    CHECK_EQ(a.status, 405);
    CHECK_STR(answer_field(&a, "Allow"), "GET, HEAD");
    answer_free(&a);
    a = ask(&self, "HEAD", "/f/noend", "");
    CHECK_EQ(a.status, 200);
    CHECK_STR(answer_field(&a, "Content-Length"), "10");
    CHECK_EQ(a.body_bytes, 0u);
    answer_free(&a);
    CHECK_EQ(naru_server_route_files(self.at.server, "/g/*", "/nowhere at all"), NARU_ERR_SYSTEM);
    CHECK_EQ(naru_server_route_files(self.at.server, "/g", self.public), NARU_ERR_ARGUMENT);
    tree_close(&self);
}

static void check_condition(tree *self, const char *field, const char *value, int status)
{
    char fields[256];
    snprintf(fields, sizeof fields, "%s: %s\r\n", field, value);
    answer a = ask(self, "GET", "/f/noend", fields);
    if (a.status != status) {
        fprintf(stderr, "%s", fields);
    }
    CHECK_EQ(a.status, status);
    CHECK(status != 304 || (a.body_bytes == 0 && answer_field(&a, "ETag")[0] == '"'));
    answer_free(&a);
}

TEST(conditions)
{
    tree self;
    tree_open(&self);
    char path[256], etag[128], weak[140], list[300], modified[64];
    snprintf(path, sizeof path, "%s/noend", self.public);
    const struct timespec times[2] = {{.tv_sec = 784111777}, {.tv_sec = 784111777}};
    CHECK_EQ(utimensat(AT_FDCWD, path, times, 0), 0);
    answer a = ask(&self, "GET", "/f/noend", "");
    snprintf(etag, sizeof etag, "%.100s", answer_field(&a, "ETag"));
    snprintf(modified, sizeof modified, "%.60s", answer_field(&a, "Last-Modified"));
    CHECK_STR(modified, "Sun, 06 Nov 1994 08:49:37 GMT");
    CHECK(etag[0] == '"');
    answer_free(&a);
    snprintf(weak, sizeof weak, "W/%s", etag);
    snprintf(list, sizeof list, "\"a\", \"b,c\", %s", weak);
    check_condition(&self, "If-None-Match", etag, 304);
    check_condition(&self, "If-None-Match", weak, 304);
    check_condition(&self, "If-None-Match", list, 304);
    check_condition(&self, "If-None-Match", "*", 304);
    check_condition(&self, "If-None-Match", "\"other\"", 200);
    check_condition(&self, "If-Modified-Since", modified, 304);
    check_condition(&self, "If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 200);
    check_condition(&self, "If-Modified-Since", "yesterday", 200);
    check_condition(&self, "If-Match", etag, 200);
    check_condition(&self, "If-Match", weak, 412);
    check_condition(&self, "If-Match", "\"other\"", 412);
    check_condition(&self, "If-Unmodified-Since", modified, 200);
    check_condition(&self, "If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT", 412);
    /* 9110 13.1.3: the date does not count beside a tag. */
    snprintf(list, sizeof list, "%s\r\nIf-None-Match: \"other\"", modified);
    check_condition(&self, "If-Modified-Since", list, 200);
    write_file(self.public, "noend", "9876543210", 10);
    check_condition(&self, "If-None-Match", etag, 200);
    tree_close(&self);
}

static void check_range(tree *self, const char *range, int status, const char *body, const char *content_range)
{
    char fields[256];
    snprintf(fields, sizeof fields, "Range: %s\r\n", range);
    answer a = ask(self, "GET", "/f/noend", fields);
    if (a.status != status) {
        fprintf(stderr, "%s", fields);
    }
    CHECK_EQ(a.status, status);
    CHECK_STR((char *)a.body, body);
    CHECK_STR(answer_field(&a, "Content-Range"), content_range);
    answer_free(&a);
}

TEST(ranges)
{
    tree self;
    tree_open(&self);
    check_range(&self, "bytes=0-0", 206, "0", "bytes 0-0/10");
    check_range(&self, "bytes=2-4", 206, "234", "bytes 2-4/10");
    check_range(&self, "bytes=7-", 206, "789", "bytes 7-9/10");
    check_range(&self, "bytes=7-99", 206, "789", "bytes 7-9/10");
    check_range(&self, "bytes=-3", 206, "789", "bytes 7-9/10");
    check_range(&self, "bytes=-99", 206, "0123456789", "bytes 0-9/10");
    check_range(&self, "bytes=9-99999999999999999999999999", 206, "9", "bytes 9-9/10");
    check_range(&self, "bytes=10-", 416, "no such part\n", "bytes */10");
    check_range(&self, "bytes=-0", 416, "no such part\n", "bytes */10");
    check_range(&self, "bytes=99999999999999999999999999-", 416, "no such part\n", "bytes */10");
    check_range(&self, "bytes=4-2", 200, "0123456789", "");
    check_range(&self, "bytes=-", 200, "0123456789", "");
    check_range(&self, "bytes=1-2,4-5", 200, "0123456789", "");
    check_range(&self, "bytes=a-b", 200, "0123456789", "");
    check_range(&self, "lines=1-2", 200, "0123456789", "");
    check_range(&self, "bytes=1-2\r\nRange: bytes=1-2", 200, "0123456789", "");
    check_range(&self, "bytes=1-2\r\nIf-Range: \"other\"", 200, "0123456789", "");
    answer a = ask(&self, "GET", "/f/noend", "");
    char field[256];
    snprintf(field, sizeof field, "bytes=1-2\r\nIf-Range: %.100s", answer_field(&a, "ETag"));
    check_range(&self, field, 206, "12", "bytes 1-2/10");
    snprintf(field, sizeof field, "bytes=1-2\r\nIf-Range: %.100s", answer_field(&a, "Last-Modified"));
    check_range(&self, field, 206, "12", "bytes 1-2/10");
    answer_free(&a);
    a = ask(&self, "GET", "/f/empty.css", "Range: bytes=0-0\r\n");
    CHECK_EQ(a.status, 416);
    answer_free(&a);
    tree_close(&self);
}

static void check_big(const answer *a, size_t from, size_t size)
{
    size_t wrong = a->body_bytes != size;
    for (size_t i = 0; i < a->body_bytes && i < size; i++) {
        wrong += (char)a->body[i] != big_at(from + i);
    }
    CHECK_EQ(a->body_bytes, size);
    CHECK_EQ(wrong, 0u);
}

TEST(a_big_file_and_its_parts)
{
    tree self;
    tree_open(&self);
    answer a = ask(&self, "GET", "/f/big.bin", "");
    CHECK_EQ(a.status, 200);
    check_big(&a, 0, BIG_BYTES);
    answer_free(&a);
    a = ask(&self, "GET", "/f/big.bin", "Range: bytes=1000000-2999999\r\n");
    CHECK_EQ(a.status, 206);
    check_big(&a, 1000000, 2000000);
    answer_free(&a);
    tree_close(&self);
}

/* Descriptors and connections come back when peers leave in the middle of a big file. */
TEST(left_in_the_middle)
{
    tree self;
    tree_open(&self);
    int before = dup(0);
    close(before);
    for (int i = 0; i < 20; i++) {
        peer p;
        peer_open(&p, &self.at);
        peer_send(&p, "GET /f/big.bin HTTP/1.1\r\nHost: h\r\n\r\n");
        peer_wait_bytes(&p, 100000);
        peer_close(&p);
    }
    RIG_UNTIL(&self.at, naru_server_connections(self.at.server) == 0);
    int after = dup(0);
    close(after);
    CHECK_EQ(after, before);
    tree_close(&self);
}

static void on_file(naru_request *request, void *user)
{
    CHECK_EQ(naru_request_add_field(request, "Cache-Control", naru_span_of("no-store")), NARU_OK);
    CHECK_EQ(naru_request_respond_file(request, user), NARU_OK);
}

TEST(a_file_given_by_the_application)
{
    tree self;
    tree_open(&self);
    char path[256];
    snprintf(path, sizeof path, "%s/noend", self.public);
    CHECK_EQ(naru_server_route_http(self.at.server, "/one", on_file, path), NARU_OK);
    answer a = ask(&self, "GET", "/one", "Range: bytes=1-2\r\n");
    CHECK_EQ(a.status, 206);
    CHECK_STR((char *)a.body, "12");
    CHECK_STR(answer_field(&a, "Cache-Control"), "no-store");
    answer_free(&a);
    snprintf(path, sizeof path, "%s/sub", self.public);
    a = ask(&self, "GET", "/one", "");
    CHECK_EQ(a.status, 404);
    answer_free(&a);
    tree_close(&self);
}

TEST(something_from_memory)
{
    tree self;
    tree_open(&self);
    CHECK_EQ(naru_server_route_memory(self.at.server, "/m", "text/css", naru_span_of("body{}")), NARU_OK);
    CHECK_EQ(naru_server_route_memory(self.at.server, "/m", "text/css\r\n", naru_span_of("")), NARU_ERR_ARGUMENT);
    answer a = ask(&self, "GET", "/m", "");
    CHECK_EQ(a.status, 200);
    CHECK_STR((char *)a.body, "body{}");
    CHECK_STR(answer_field(&a, "Content-Type"), "text/css");
    char fields[128];
    snprintf(fields, sizeof fields, "If-None-Match: %.100s\r\n", answer_field(&a, "ETag"));
    answer_free(&a);
    a = ask(&self, "GET", "/m", fields);
    CHECK_EQ(a.status, 304);
    answer_free(&a);
    a = ask(&self, "GET", "/m", "Range: bytes=-1\r\n");
    CHECK_EQ(a.status, 206);
    CHECK_STR((char *)a.body, "}");
    answer_free(&a);
    a = ask(&self, "PUT", "/m", "");
    CHECK_EQ(a.status, 405);
    answer_free(&a);
    tree_close(&self);
}

TEST_MAIN({"types and folders", types_and_folders}, {"nothing outside is given", nothing_outside_is_given},
          {"opening beneath", opening_beneath}, {"a folder without its slash", a_folder_without_its_slash},
          {"only GET and HEAD", only_get_and_head}, {"conditions", conditions}, {"ranges", ranges},
          {"a big file and its parts", a_big_file_and_its_parts}, {"left in the middle", left_in_the_middle},
          {"a file given by the application", a_file_given_by_the_application},
          {"something from memory", something_from_memory})
