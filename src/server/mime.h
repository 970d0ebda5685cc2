/* A file's media type by its name's ending. */
#ifndef NARU_SERVER_MIME_H
#define NARU_SERVER_MIME_H

#include <naru/base.h>

/* "application/octet-stream" for what is not known. Static. */
const char *naru__mime_of(naru_span path);

#endif
