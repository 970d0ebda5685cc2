/* main() for a fuzz target in a build without libFuzzer: runs the target once over every file of the directories given.
 * An empty corpus is a failure, so that a test that replays nothing cannot pass.
 *
 * Not for: finding new inputs; that is the fuzz preset's job. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An exact heap copy: a read past its end is caught by AddressSanitizer. */
static bool replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    bool read_all = size >= 0 && data != NULL && fread(data, 1, (size_t)size, file) == (size_t)size;
    fclose(file);
    if (read_all) {
        LLVMFuzzerTestOneInput(data, (size_t)size);
    } else {
        fprintf(stderr, "%s: cannot be read\n", path);
    }
    free(data);
    return read_all;
}

/* How many files ran, or -1. */
static int replay_directory(const char *directory)
{
    DIR *dir = opendir(directory);
    if (dir == NULL) {
        fprintf(stderr, "%s: %s\n", directory, strerror(errno));
        return -1;
    }
    int count = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL && count >= 0; entry = readdir(dir)) {
        char path[4096];
        if (entry->d_name[0] == '.') {
            continue;
        }
        int length = snprintf(path, sizeof path, "%s/%s", directory, entry->d_name);
        bool fits = length > 0 && (size_t)length < sizeof path;
        count = fits && replay_file(path) ? count + 1 : -1;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        int count = replay_directory(argv[i]);
        if (count <= 0) {
            fprintf(stderr, "%s: nothing was replayed\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs\n", argv[i], count);
    }
    return 0;
}
