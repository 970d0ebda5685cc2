/* A request head read whole and in pieces: the same answer, the same fault at the same byte, the same fields.
 */
#include "head.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_head(NARU_HTTP_REQUEST, (naru_span){data, size});
    return 0;
}
