/* Starting a shell command with pipes, in a process group of its own. */
#ifndef NARU_APP_EXEC_SPAWN_H
#define NARU_APP_EXEC_SPAWN_H

#include <sys/types.h>

#include <naru/server.h>

enum { EXEC_VARIABLES = 7 };

/* What the command is told of its connection: "NAME=value" each. All zero is none. */
typedef struct exec_environment {
    char *variables[EXEC_VARIABLES];
} exec_environment;

/* errors NARU_ERR_ARGUMENT: a value that no variable can hold. NARU_ERR_MEMORY. Free it in either case. */
NARU_MUST_USE naru_status exec_environment_fill(exec_environment *environment, const naru_request *request,
                                                naru_span protocol);
void exec_environment_free(exec_environment *environment);

typedef struct exec_child {
    pid_t pid;
    int pidfd;  /* readable once it has ended */
    int input;  /* its stdin, for us to write to without waiting */
    int output; /* its stdout */
} exec_child;

/* false: errno says why, and nothing is left behind. */
bool exec_spawn(const char *command, const exec_environment *environment, exec_child *child_out);

#endif
