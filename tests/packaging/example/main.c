/* A stranger's program: it knows nothing of naru but what is installed. Prints the version that it runs with. */
#include <naru/naru.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    if (strcmp(naru_version(), NARU_VERSION) != 0) {
        fprintf(stderr, "the header says %s, the library %s\n", NARU_VERSION, naru_version());
        return 1;
    }
    if (!naru_utf8_valid(naru_span_of("나루")) || naru_utf8_valid(naru_span_of("\xed\xa0\x80"))) {
        fprintf(stderr, "the library does not know UTF-8\n");
        return 1;
    }
    printf("naru %s\n", naru_version());
    return 0;
}
