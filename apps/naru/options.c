/* Reading a command line by its table.
 *
 * Not for: the help's layout (options_help.c). Source: POSIX Utility Syntax Guidelines, GNU long options. */
#include "options.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "exit_status.h"
#include "nearest.h"

typedef struct option_parser {
    const cli_command *command;
    int argc;
    char **argv;
    int next; /* the argument to be read next */
    char *settings;
    option_list *operands;
} option_parser;

int options_complain(const cli_command *command, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "naru %s: ", command->name);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nTry: naru help %s\n", command->name);
    va_end(arguments);
    return EXIT_USAGE;
}

static const option *find_letter(const cli_command *command, char letter)
{
    for (size_t i = 0; i < command->options_count; i++) {
        if (command->options[i].letter == letter) {
            return &command->options[i];
        }
    }
    return NULL;
}

static const option *find_name(const cli_command *command, const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < command->options_count; i++) {
        const char *known = command->options[i].name;
        if (known && strlen(known) == name_bytes && memcmp(known, name, name_bytes) == 0) {
            return &command->options[i];
        }
    }
    return NULL;
}

static int complain_unknown(const cli_command *command, const char *name, size_t name_bytes)
{
    nearest_search search = nearest_start(name, name_bytes);
    for (size_t i = 0; i < command->options_count; i++) {
        if (command->options[i].name) {
            nearest_offer(&search, command->options[i].name);
        }
    }
    nearest_offer(&search, "help");
    if (search.best) {
        return options_complain(command, "unknown option --%.*s; did you mean --%s?", (int)name_bytes, name,
                                search.best);
    }
    return options_complain(command, "unknown option --%.*s", (int)name_bytes, name);
}

/* Digits up to the first other character. false: no digit, or too large. */
static bool read_digits(const char **text, uint64_t *number_out)
{
    uint64_t number = 0;
    const char *at = *text;
    assert(at);
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (UINT64_MAX - digit) / 10) {
            return false;
        }
        number = number * 10 + digit;
    }
    bool any = at != *text;
    *text = at;
    *number_out = number;
    return any;
}

static bool read_bytes(const char *text, uint64_t *bytes_out)
{
    if (!read_digits(&text, bytes_out)) {
        return false;
    }
    unsigned shift = *text == 'K' ? 10 : *text == 'M' ? 20 : *text == 'G' ? 30 : 0;
    text += shift != 0;
    if (*text != '\0' || *bytes_out > UINT64_MAX >> shift) {
        return false;
    }
    *bytes_out <<= shift;
    return true;
}

static bool read_seconds(const char *text, uint64_t *ms_out)
{
    uint64_t seconds;
    if (!read_digits(&text, &seconds) || seconds > UINT32_MAX) {
        return false;
    }
    uint64_t ms = seconds * 1000;
    if (*text == '.') {
        uint64_t weight = 100;
        for (text++; *text >= '0' && *text <= '9'; text++, weight /= 10) {
            ms += (uint64_t)(*text - '0') * weight;
        }
    }
    *ms_out = ms;
    return *text == '\0';
}

static bool read_number(const option *row, const char *text, uint64_t *number_out)
{
    switch (row->kind) {
    case OPTION_BYTES:
        return read_bytes(text, number_out);
    case OPTION_SECONDS:
    case OPTION_FACTOR:
        return read_seconds(text, number_out);
    default:
        return read_digits(&text, number_out) && *text == '\0';
    }
}

static int complain_range(const option_parser *parser, const option *row, const char *text)
{
    unsigned long long min = row->min;
    unsigned long long max = row->max;
    if (row->kind == OPTION_SECONDS) {
        return options_complain(parser->command, "--%s wants seconds from %g to %g, not '%s'", row->name,
                                (double)min / 1000, (double)max / 1000, text);
    }
    if (row->kind == OPTION_FACTOR) {
        return options_complain(parser->command, "--%s wants a number from %g to %g, not '%s'", row->name,
                                (double)min / 1000, (double)max / 1000, text);
    }
    return options_complain(parser->command, "--%s wants a number from %llu to %llu, not '%s'", row->name, min, max,
                            text);
}

static int store(const option_parser *parser, const option *row, const char *text)
{
    void *slot = parser->settings + row->offset;
    uint64_t number;
    switch (row->kind) {
    case OPTION_GROUP:
        break;
    case OPTION_ON:
        *(bool *)slot = true;
        break;
    case OPTION_OFF:
        *(bool *)slot = false;
        break;
    case OPTION_TEXT:
        *(const char **)slot = text;
        break;
    case OPTION_LIST: {
        option_list *list = slot;
        if (list->count == OPTION_LIST_MAX) {
            return options_complain(parser->command, "--%s was given more than %d times", row->name, OPTION_LIST_MAX);
        }
        list->items[list->count++] = text;
        break;
    }
    case OPTION_NUMBER:
    case OPTION_BYTES:
    case OPTION_SECONDS:
    case OPTION_FACTOR:
        if (!read_number(row, text, &number) || number < row->min || number > row->max) {
            return complain_range(parser, row, text);
        }
        if (row->kind == OPTION_SECONDS || row->kind == OPTION_FACTOR) {
            *(uint32_t *)slot = (uint32_t)number;
        } else {
            *(uint64_t *)slot = number;
        }
        break;
    }
    return OPTIONS_RUN;
}

/* attached: the value in the same argument, or NULL. */
static int take(option_parser *parser, const option *row, const char *attached)
{
    if (!row->value) {
        if (attached) {
            return options_complain(parser->command, "--%s takes no value", row->name);
        }
        return store(parser, row, NULL);
    }
    if (!attached) {
        if (parser->next == parser->argc) {
            return options_complain(parser->command, "--%s wants a value: %s", row->name, row->value);
        }
        attached = parser->argv[parser->next++];
    }
    return store(parser, row, attached);
}

static int take_long(option_parser *parser, const char *argument)
{
    const char *equals = strchr(argument, '=');
    size_t name_bytes = equals ? (size_t)(equals - argument) : strlen(argument);
    if (name_bytes == 4 && memcmp(argument, "help", 4) == 0) {
        options_help(parser->command);
        return EXIT_CLEAN;
    }
    const option *row = find_name(parser->command, argument, name_bytes);
    if (!row) {
        return complain_unknown(parser->command, argument, name_bytes);
    }
    return take(parser, row, equals ? equals + 1 : NULL);
}

static int take_letters(option_parser *parser, const char *letters)
{
    for (; *letters; letters++) {
        if (*letters == 'h') {
            options_help(parser->command);
            return EXIT_CLEAN;
        }
        const option *row = find_letter(parser->command, *letters);
        if (!row) {
            return options_complain(parser->command, "unknown option -%c", *letters);
        }
        if (row->value) {
            return take(parser, row, letters[1] ? letters + 1 : NULL);
        }
        int status = store(parser, row, NULL);
        if (status != OPTIONS_RUN) {
            return status;
        }
    }
    return OPTIONS_RUN;
}

static int take_operand(option_parser *parser, const char *argument)
{
    if (parser->operands->count == parser->command->operands_max) {
        return options_complain(parser->command, "unexpected argument '%s'", argument);
    }
    parser->operands->items[parser->operands->count++] = argument;
    return OPTIONS_RUN;
}

int options_parse(const cli_command *command, int argc, char **argv, void *settings, option_list *operands)
{
    option_parser parser = {command, argc, argv, 1, settings, operands};
    bool options_end = false;
    int status = OPTIONS_RUN;
    while (status == OPTIONS_RUN && parser.next < argc) {
        const char *argument = argv[parser.next++];
        if (options_end || argument[0] != '-' || argument[1] == '\0') {
            status = take_operand(&parser, argument);
        } else if (argument[1] != '-') {
            status = take_letters(&parser, argument + 1);
        } else if (argument[2] == '\0') {
            options_end = true;
        } else {
            status = take_long(&parser, argument + 2);
        }
    }
    return status;
}
