/* <naru/version.h>: which naru this is. */
#ifndef NARU_VERSION_H
#define NARU_VERSION_H

#include <naru/base.h>

#ifdef __cplusplus
extern "C" {
#endif

#define NARU_VERSION_MAJOR 0
#define NARU_VERSION_MINOR 1
#define NARU_VERSION_PATCH 0
#define NARU_VERSION "0.1.0"

/* The version of the library that runs, which may be newer than the header that was compiled: "0.1.0". Static, any
 * thread. */
NARU_API const char *naru_version(void);

#ifdef __cplusplus
}
#endif
#endif
