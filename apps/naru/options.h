/* Command lines by table: each command lists its options once, and parsing, checks and --help all come from
 * that list.
 *
 * Not for: what the options mean. Source: POSIX Utility Syntax Guidelines, and the long options of GNU. */
#ifndef NARU_APP_OPTIONS_H
#define NARU_APP_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { OPTION_LIST_MAX = 64 };

/* What was given for a repeatable option, or the operands; the texts are argv's. */
typedef struct option_list {
    const char *items[OPTION_LIST_MAX];
    size_t count;
} option_list;

typedef enum option_kind {
    OPTION_GROUP = 0, /* no option: `help` is the heading of those that follow */
    OPTION_ON,        /* bool: true */
    OPTION_OFF,       /* bool: false */
    OPTION_TEXT,      /* const char * */
    OPTION_LIST,      /* option_list */
    OPTION_NUMBER,    /* uint64_t, decimal */
    OPTION_BYTES,     /* uint64_t, decimal with an optional K, M or G (of 1024) */
    OPTION_SECONDS,   /* uint32_t milliseconds, from seconds with an optional fraction */
    OPTION_FACTOR     /* uint32_t thousandths, from a number with an optional fraction */
} option_kind;

/* One line of a table.
 * shapes    letter: 0 for none. offset: where in the command's settings the value goes, of the kind's type.
 * value: its name in the help, NULL for ON and OFF. min, max: of the number as it is stored. */
typedef struct option {
    option_kind kind;
    char letter;
    const char *name;
    const char *value;
    const char *help;
    size_t offset;
    uint64_t min, max;
} option;

typedef struct cli_command {
    const char *name;
    const char *summary;  /* one line, for the list of commands */
    const char *synopsis; /* each line begins with the command's name and ends with a newline */
    const char *about;    /* a paragraph, or NULL */
    const option *options;
    size_t options_count;
    size_t operands_max;
    const char *examples; /* lines, or NULL */
    bool exit_statuses;   /* the help ends with the table of them */
    int (*run)(const struct cli_command *command, int argc, char **argv);
} cli_command;

/* What options_parse answers when the command is to go on; anything else is the exit status. */
enum { OPTIONS_RUN = -1 };

/* Read argv (argv[0] is the command's name) into settings, which hold the defaults.
 * errors    EXIT_USAGE after one line on stderr; EXIT_CLEAN after --help. operands->count is at most
 * operands_max. */
int options_parse(const cli_command *command, int argc, char **argv, void *settings, option_list *operands);

void options_help(const cli_command *command);

/* Say what is wrong with the command line, and where the help is. Answers EXIT_USAGE. */
int options_complain(const cli_command *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
