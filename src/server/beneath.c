/* Opening files below a directory and nowhere else. The kernel does it in one call (openat2); where it cannot, every
 * part is opened on its own and symbolic links are refused. Source: openat2(2), RESOLVE_BENEATH. */
#include "server/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* O_NONBLOCK: opening a pipe must not wait for its writer. */
enum { FILE_FLAGS = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, FOLDER_FLAGS = O_PATH | O_DIRECTORY | O_CLOEXEC };

static int open_by_kernel(int directory, const char *relative)
{
    struct open_how how = {.flags = FILE_FLAGS, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    return (int)syscall(SYS_openat2, directory, relative, &how, sizeof how);
}

int naru__files_open_by_steps(int directory, const char *relative)
{
    char part[NAME_MAX + 1];
    for (;;) {
        size_t size = strcspn(relative, "/");
        bool last = relative[size] == 0;
        int next = -1;
        errno = size == 0 ? ENOENT : ENAMETOOLONG;
        if (size > 0 && size < sizeof part) {
            memcpy(part, relative, size);
            part[size] = 0;
            errno = ENOENT;
            next =
                strcmp(part, "..") == 0 ? -1 : openat(directory, part, (last ? FILE_FLAGS : FOLDER_FLAGS) | O_NOFOLLOW);
        }
        int error = errno;
        close(directory);
        errno = error;
        if (next < 0 || last) {
            return next;
        }
        directory = next;
        relative += size + 1;
    }
}

int naru__files_open_beneath(const char *directory, const char *relative)
{
    int folder = open(directory, FOLDER_FLAGS);
    if (folder < 0) {
        return -1;
    }
    int fd = open_by_kernel(folder, relative);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) {
        return naru__files_open_by_steps(folder, relative);
    }
    int error = errno;
    close(folder);
    errno = error;
    return fd;
}
