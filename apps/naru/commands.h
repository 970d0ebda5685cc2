/* The commands of naru; main.c chooses one. */
#ifndef NARU_APP_COMMANDS_H
#define NARU_APP_COMMANDS_H

#include "options.h"

extern const cli_command connect_command;
extern const cli_command serve_command;
extern const cli_command echo_command;
extern const cli_command probe_command;
extern const cli_command bench_command;

#endif
