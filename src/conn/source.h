/* A message that is being pulled from its source. */
#ifndef NARU_CONN_SOURCE_H
#define NARU_CONN_SOURCE_H

#include "conn/inside.h"

struct naru__conn_source {
    naru_source calls;
    void *user;
    uint64_t left; /* NARU_UNLIMITED: nobody has said */
    naru_ws_kind kind;
    unsigned flags;
    bool pulling; /* pull runs now */
    bool gone;    /* and has ended the connection */
    uint8_t block[];
};

#endif
