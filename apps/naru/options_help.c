/* The help of one command, laid out from its table.
 *
 * Source: none. */
#include <stdio.h>
#include <string.h>

#include "exit_status.h"
#include "options.h"

/* Where the second column begins; a longer first column puts it on the next line. */
enum { HELP_COLUMN = 30 };

static void print_option(const option *row)
{
    char left[64];
    int used = row->letter ? snprintf(left, sizeof left, "  -%c, --%s", row->letter, row->name)
                           : snprintf(left, sizeof left, "      --%s", row->name);
    if (row->value && used > 0 && (size_t)used < sizeof left) {
        used += snprintf(left + used, sizeof left - (size_t)used, " %s", row->value);
    }
    if (used > HELP_COLUMN - 2) {
        printf("%s\n%*s", left, HELP_COLUMN, "");
    } else {
        printf("%-*s", HELP_COLUMN, left);
    }
    for (const char *help = row->help; *help; help++) {
        putchar(*help);
        if (*help == '\n') {
            printf("%*s", HELP_COLUMN, "");
        }
    }
    putchar('\n');
}

static void print_lines(const char *lines, const char *indent)
{
    while (*lines) {
        size_t line_bytes = strcspn(lines, "\n");
        printf("%s%.*s\n", indent, (int)line_bytes, lines);
        lines += line_bytes + (lines[line_bytes] == '\n');
    }
}

void options_help(const cli_command *command)
{
    printf("naru %s: %s\n\nUsage:\n", command->name, command->summary);
    print_lines(command->synopsis, "  naru ");
    if (command->about) {
        printf("\n%s", command->about);
    }
    for (size_t i = 0; i < command->options_count; i++) {
        if (command->options[i].kind == OPTION_GROUP) {
            printf("\n%s\n", command->options[i].help);
        } else {
            print_option(&command->options[i]);
        }
    }
    if (command->examples) {
        printf("\nExamples:\n");
        print_lines(command->examples, "  ");
    }
    if (command->exit_statuses) {
        printf("\nExit status:\n");
        exit_status_print();
    }
}
