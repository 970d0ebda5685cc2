/* The version of the library that runs. Source: none. */
#include <naru/version.h>

const char *naru_version(void)
{
    return NARU_VERSION;
}
