/* One JSON object at a time, written as one line. */
#ifndef NARU_APP_JSON_WRITER_H
#define NARU_APP_JSON_WRITER_H

#include <naru/base.h>

/* A line being written. The first failure stays in status; what follows it is harmless. */
typedef struct json_writer {
    naru_buf bytes;
    naru_status status;
    bool comma; /* the next member needs one before it */
} json_writer;

void json_writer_open(json_writer *writer);
/* Ends the object and the line. errors NARU_ERR_MEMORY: it is not whole, and must not be shown. */
NARU_MUST_USE naru_status json_writer_close(json_writer *writer);
void json_writer_free(json_writer *writer);

/* text: UTF-8; of other bytes each stands for the character of its number, as in ISO 8859-1. */
void json_writer_text(json_writer *writer, const char *key, naru_span text);
void json_writer_base64(json_writer *writer, const char *key, naru_span bytes);
void json_writer_number(json_writer *writer, const char *key, int64_t number);
void json_writer_flag(json_writer *writer, const char *key, bool flag);
/* A list of pairs, for what may come twice: "key":[["a","b"],...]. pair only between the two. */
void json_writer_pairs_open(json_writer *writer, const char *key);
void json_writer_pair(json_writer *writer, naru_span first, naru_span second);
void json_writer_pairs_close(json_writer *writer);

#endif
