/* Line editing by libedit, driven by the loop one key at a time.
 *
 * Not for: what a line means (connect.c). Source: editline(3); ECMA-48 8.3.22 and 8.3.39 for clearing. */
#include "editor.h"

#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static const char prompt_text[] = "> ";

enum {
    PROMPT_CELLS = 2,
    HISTORY_LINES = 500,
    /* The rest of a key's sequence is here within this time, or it was the Escape key alone. */
    SEQUENCE_MS = 50,
    END_KEY = 4
};

struct editor {
    naru_watch *watch;
    EditLine *line;
    History *history;
    const editor_handler *handler;
    void *user;
    mbstate_t decoder;
    naru_timer *redraw;
    bool shown;  /* prompt and line stand on the terminal */
    bool clears; /* the terminal knows how to clear */
    bool gone;   /* the terminal has ended */
};

static char *prompt(EditLine *line)
{
    (void)line;
    return (char *)(uintptr_t)prompt_text;
}

/* libedit asks for a character. It only waits for the rest of a sequence, and not for long: the loop must go
 * on. */
static int read_character(EditLine *line, wchar_t *character_out)
{
    editor *self = NULL;
    el_get(line, EL_CLIENTDATA, &self);
    for (;;) {
        struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
        char byte;
        if (poll(&wait, 1, SEQUENCE_MS) <= 0) {
            return 0;
        }
        if (read(STDIN_FILENO, &byte, 1) != 1) {
            self->gone = true;
            return 0;
        }
        size_t result = mbrtowc(character_out, &byte, 1, &self->decoder);
        if (result == (size_t)-1) {
            memset(&self->decoder, 0, sizeof self->decoder);
        } else if (result != (size_t)-2) {
            return 1;
        }
    }
}

static size_t columns(void)
{
    struct winsize size;
    return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

/* How many cells the line takes up to the cursor. A control character is shown as ^X. */
static size_t cells_before_cursor(const editor *self)
{
    const LineInfo *info = el_line(self->line);
    mbstate_t state = {0};
    size_t cells = PROMPT_CELLS;
    for (const char *at = info->buffer; at < info->cursor;) {
        wchar_t character;
        size_t bytes = mbrtowc(&character, at, (size_t)(info->cursor - at), &state);
        if (bytes == 0 || bytes > (size_t)(info->cursor - at)) {
            break;
        }
        int width = wcwidth(character);
        cells += width < 0 ? 2 : (size_t)width;
        at += bytes;
    }
    return cells;
}

static void write_all(const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDOUT_FILENO, data, size);
        if (written <= 0) {
            return;
        }
        data += written;
        size -= (size_t)written;
    }
}

static void hide(editor *self)
{
    if (!self->shown) {
        return;
    }
    self->shown = false;
    char control[32] = "\n";
    if (self->clears) {
        size_t rows = cells_before_cursor(self) / columns();
        if (rows > 0) {
            snprintf(control, sizeof control, "\r\033[%zuA\033[J", rows);
        } else {
            snprintf(control, sizeof control, "\r\033[J");
        }
    }
    write_all((const uint8_t *)control, strlen(control));
}

static void show(editor *self)
{
    if (!self->shown) {
        self->shown = true;
        el_set(self->line, EL_REFRESH);
    }
}

static void on_redraw(void *user)
{
    show(user);
}

/* Between lines the terminal is in its own mode, as the line's newline has left it. */
static void take_line(editor *self, const char *text, size_t bytes)
{
    naru_buf copy;
    naru_buf_init(&copy, NULL);
    bool copied = naru_buf_append(&copy, (naru_span){(const uint8_t *)text, bytes}) == NARU_OK;
    HistEvent event;
    if (bytes > 0) {
        history(self->history, &event, H_ENTER, text);
    }
    el_set(self->line, EL_UNBUFFERED, 0);
    self->shown = false;
    if (copied) {
        self->handler->on_line(naru_buf_span(&copy), self->user);
    }
    self->shown = true;
    el_set(self->line, EL_UNBUFFERED, 1);
    naru_buf_deinit(&copy);
}

static void on_key(void *user, unsigned events)
{
    editor *self = user;
    (void)events;
    show(self);
    int count = 0;
    const char *text = el_gets(self->line, &count);
    bool end_key = text && count == 1 && text[0] == END_KEY;
    if (self->gone || end_key) {
        naru_watch_set(self->watch, 0);
        self->handler->on_end(self->user);
        return;
    }
    if (!text || count <= 0 || (text[count - 1] != '\n' && text[count - 1] != '\r')) {
        return;
    }
    char *line = strndup(text, (size_t)count - 1);
    if (line) {
        take_line(self, line, strlen(line));
        free(line);
    }
}

/* libedit draws by the locale; a terminal of today speaks UTF-8 also where the environment forgets to say so.
 */
static void choose_locale(void)
{
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        (void)setlocale(LC_CTYPE, "C.UTF-8");
    }
}

static bool start_libedit(editor *self)
{
    self->line = el_init("naru", stdin, stdout, stderr);
    self->history = history_init();
    if (!self->line || !self->history) {
        return false;
    }
    HistEvent event;
    history(self->history, &event, H_SETSIZE, HISTORY_LINES);
    history(self->history, &event, H_SETUNIQUE, 1);
    el_set(self->line, EL_CLIENTDATA, self);
    el_set(self->line, EL_EDITOR, "emacs");
    el_set(self->line, EL_PROMPT, prompt);
    el_set(self->line, EL_HIST, history, self->history);
    el_set(self->line, EL_GETCFN, read_character);
    el_source(self->line, NULL);
    el_set(self->line, EL_UNBUFFERED, 1);
    self->shown = true;
    return true;
}

editor *editor_new(naru_loop *loop, const editor_handler *handler, void *user)
{
    editor *self = calloc(1, sizeof *self);
    if (!self) {
        return NULL;
    }
    const char *terminal = getenv("TERM");
    self->clears = terminal && strcmp(terminal, "dumb") != 0;
    self->handler = handler;
    self->user = user;
    choose_locale();
    self->redraw = naru_timer_new(loop, on_redraw, self);
    if (self->redraw && start_libedit(self)) {
        self->watch = naru_watch_new(loop, STDIN_FILENO, NARU_READABLE, on_key, self);
    }
    if (!self->watch) {
        editor_free(self);
        return NULL;
    }
    return self;
}

void editor_print(editor *self, naru_span text)
{
    hide(self);
    write_all(text.data, text.size);
    /* A burst of messages is followed by one redrawing, not by one each. */
    naru_timer_start(self->redraw, 0);
}

void editor_resize(editor *self)
{
    el_resize(self->line);
}

void editor_continue(editor *self)
{
    /* libedit believes that the terminal is as it left it, unless it puts it back first. */
    el_set(self->line, EL_PREP_TERM, 0);
    el_set(self->line, EL_PREP_TERM, 1);
    self->shown = false;
    naru_timer_start(self->redraw, 0);
}

void editor_free(editor *self)
{
    if (!self) {
        return;
    }
    naru_timer_free(self->redraw);
    naru_watch_free(self->watch);
    if (self->line) {
        hide(self);
        el_set(self->line, EL_UNBUFFERED, 0);
        el_end(self->line);
    }
    if (self->history) {
        history_end(self->history);
    }
    free(self);
}
