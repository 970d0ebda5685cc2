/* naru: which command is it?
 *
 * Not for: what a command does; each has a file of its own. Source: none. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <naru/version.h>

#include "commands.h"
#include "exit_status.h"
#include "nearest.h"

static const cli_command *const commands[] = {&connect_command, &serve_command, &echo_command, &probe_command,
                                              &bench_command};

enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const cli_command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static void print_overview(FILE *out)
{
    fprintf(out, "naru: WebSocket on the command line\n\nUsage:\n");
    fprintf(out, "  naru COMMAND [OPTION]... [ARGUMENT]...\n\nCommands:\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        fprintf(out, "  %-9s %s\n", commands[i]->name, commands[i]->summary);
    }
    fprintf(out, "  %-9s %s\n", "help", "what a command does and takes: naru help COMMAND");
    fprintf(out, "\nExamples:\n");
    fprintf(out, "  naru serve                                a chat in the browser, and endpoints to try\n");
    fprintf(out, "  naru connect ws://127.0.0.1:8080/echo     type lines, see the answers\n");
    fprintf(out, "  naru --version\n");
}

static int complain_unknown(const char *name)
{
    nearest_search search = nearest_start(name, strlen(name));
    for (size_t i = 0; i < COMMANDS; i++) {
        nearest_offer(&search, commands[i]->name);
    }
    nearest_offer(&search, "help");
    const char *kind = name[0] == '-' ? "option" : "command";
    if (search.best && name[0] != '-') {
        fprintf(stderr, "naru: unknown command '%s'; did you mean '%s'?\nTry: naru help\n", name, search.best);
    } else {
        fprintf(stderr, "naru: unknown %s '%s'\nTry: naru help\n", kind, name);
    }
    return EXIT_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stdout);
        return EXIT_CLEAN;
    }
    const cli_command *command = find_command(argv[1]);
    if (!command) {
        return complain_unknown(argv[1]);
    }
    options_help(command);
    return EXIT_CLEAN;
}

static int run(int argc, char **argv)
{
    if (argc < 2) {
        print_overview(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        return help(argc - 1, argv + 1);
    }
    if (strcmp(name, "version") == 0 || strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        printf("naru %s\n", naru_version());
        return EXIT_CLEAN;
    }
    const cli_command *command = find_command(name);
    return command ? command->run(command, argc - 1, argv + 1) : complain_unknown(name);
}

int main(int argc, char **argv)
{
    /* A reader that went away is an error of write(), not the end of the process. */
    signal(SIGPIPE, SIG_IGN);
    int status = run(argc, argv);
    if (fflush(stdout) != 0 && status == EXIT_CLEAN) {
        fprintf(stderr, "naru: cannot write to stdout: %s\n", strerror(errno));
        status = EXIT_OWN;
    }
    return status;
}
