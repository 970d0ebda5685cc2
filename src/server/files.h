/* Opening files that may be given away. */
#ifndef NARU_SERVER_FILES_H
#define NARU_SERVER_FILES_H

#include <naru/base.h>

/* Open what is at `relative` below `directory`, without ever leaving it: not by `..`, not through symbolic links.
 * errors    -1 with errno. */
int naru__files_open_beneath(const char *directory, const char *relative);
/* The way for kernels without openat2: part by part, following no link. Takes over the descriptor of the directory. */
int naru__files_open_by_steps(int directory, const char *relative);

#endif
