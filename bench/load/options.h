/* The command line of the load generator. */
#ifndef NARU_BENCH_OPTIONS_H
#define NARU_BENCH_OPTIONS_H

#include "load.h"

/* Ends the process with 2 where the line makes no sense. */
load_settings options_read(int argc, char **argv);

#endif
