/* naru probe: the command: which checks are run, and how they are told.
 *
 * Source: none. */
#include "probe.h"

#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "exit_status.h"
#include "headers.h"
#include "json_writer.h"
#include "probe_secure.h"
#include "say.h"
#include "url.h"

typedef struct probe_settings {
    option_list headers;
    option_list groups;
    uint32_t timeout_ms;
    uint64_t message_bytes_max;
    const char *ca_file;
    bool insecure;
    bool json;
    bool quiet;
} probe_settings;

#define AT(field) offsetof(probe_settings, field)

static const option options[] = {
    {.help = "Options:"},
    {OPTION_LIST, 'g', "group", "NAME",
     "only this group: handshake, framing, control, utf-8, close,\ndeflate, limits, tls; may be repeated", AT(groups),
     0, 0},
    {OPTION_LIST, 'H', "header", "'NAME: VALUE'", "add a field to each request; may be repeated", AT(headers), 0, 0},
    {OPTION_SECONDS, 't', "timeout", "SECONDS", "how long the server may be silent; 5", AT(timeout_ms), 10, 600000},
    {OPTION_BYTES, 0, "max-message", "BYTES", "largest message that is tried (K, M, G); 16M", AT(message_bytes_max), 1,
     64 * 1024 * 1024},
    {OPTION_TEXT, 0, "ca", "FILE", "trust these authorities (PEM) instead of the system's", AT(ca_file), 0, 0},
    {OPTION_ON, 'k', "insecure", NULL, "go on whatever the certificate is", AT(insecure), 0, 0},
    {OPTION_ON, 0, "json", NULL, "a JSON object a line for each check, and one for the sum", AT(json), 0, 0},
    {OPTION_ON, 'q', "quiet", NULL, "show only what did not pass", AT(quiet), 0, 0},
};

static const probe_group *const groups[] = {
    &probe_handshake, &probe_framing, &probe_control, &probe_utf8,
    &probe_closing,   &probe_deflate, &probe_limits,  &probe_tls,
};

enum { GROUPS = sizeof groups / sizeof groups[0] };

static const char *const result_names[] = {"pass", "lax", "fail", "skip"};

typedef struct probe_sum {
    unsigned counts[4];
} probe_sum;

/* ---- telling ------------------------------------------------------------------------------------------------- */

static void tell_json(const probe_group *group, const probe_check *check, const probe_verdict *verdict)
{
    json_writer line;
    json_writer_open(&line);
    json_writer_text(&line, "group", naru_span_of(group->name));
    json_writer_text(&line, "check", naru_span_of(check->name));
    json_writer_text(&line, "rule", naru_span_of(check->rule));
    json_writer_text(&line, "about", naru_span_of(check->about));
    json_writer_text(&line, "result", naru_span_of(result_names[verdict->result]));
    json_writer_text(&line, "text", naru_span_of(verdict->text));
    if (json_writer_close(&line) == NARU_OK) {
        fwrite(naru_buf_span(&line.bytes).data, 1, naru_buf_span(&line.bytes).size, stdout);
    }
    json_writer_free(&line);
}

/* What was seen may hold what the server said. */
static void tell_words(const probe_group *group, const probe_check *check, const probe_verdict *verdict)
{
    naru_buf seen;
    naru_buf_init(&seen, NULL);
    if (say_escape(&seen, naru_span_of(verdict->text), false) == NARU_OK) {
        printf("%s  %-9s %-13s %s (%s): %.*s\n", result_names[verdict->result], group->name, check->name, check->about,
               check->rule, (int)naru_buf_span(&seen).size, (const char *)naru_buf_span(&seen).data);
    }
    naru_buf_deinit(&seen);
}

static void tell(const probe_settings *settings, const probe_group *group, const probe_check *check,
                 const probe_verdict *verdict)
{
    if (settings->quiet && verdict->result == PROBE_PASS) {
        return;
    }
    if (settings->json) {
        tell_json(group, check, verdict);
    } else {
        tell_words(group, check, verdict);
    }
    fflush(stdout);
}

static void tell_sum(const probe_settings *settings, const probe_sum *sum)
{
    if (!settings->json) {
        printf("%u passed, %u lax, %u failed, %u skipped\n", sum->counts[PROBE_PASS], sum->counts[PROBE_LAX],
               sum->counts[PROBE_FAIL], sum->counts[PROBE_SKIP]);
        return;
    }
    printf("{\"pass\":%u,\"lax\":%u,\"fail\":%u,\"skip\":%u}\n", sum->counts[PROBE_PASS], sum->counts[PROBE_LAX],
           sum->counts[PROBE_FAIL], sum->counts[PROBE_SKIP]);
}

/* ---- running ------------------------------------------------------------------------------------------------- */

static bool is_wanted(const probe_settings *settings, const probe_target *target, const char *name)
{
    bool wanted = settings->groups.count == 0 && (target->secure || strcmp(name, "tls") != 0);
    for (size_t i = 0; i < settings->groups.count; i++) {
        wanted = wanted || strcmp(settings->groups.items[i], name) == 0;
    }
    return wanted;
}

static void run_group(const probe_settings *settings, probe_target *target, const probe_group *group, probe_sum *sum)
{
    for (size_t i = 0; i < group->count; i++) {
        probe_verdict verdict = {.result = PROBE_SKIP};
        group->checks[i].run(target, &group->checks[i], &verdict);
        sum->counts[verdict.result]++;
        tell(settings, group, &group->checks[i], &verdict);
    }
}

/* Whether there is a WebSocket server at all, and whether it echoes, which the checks build on. */
static int meet(probe_target *target)
{
    static const char text[] = "hello";
    probe_peer peer;
    int status = probe_peer_open(&peer, target, "");
    bool connected = peer.fd >= 0;
    if (status == 101) {
        (void)probe_peer_send_frame(&peer, FRAME_FIN | FRAME_TEXT, naru_span_of(text));
        (void)probe_ping(&peer);
        probe_outcome outcome = probe_read_outcome(&peer, naru_span_of(text), 1);
        target->echoes = outcome.kind == OUTCOME_ALIVE && outcome.same;
    }
    probe_peer_close(&peer);
    if (status == 101) {
        return OPTIONS_RUN;
    }
    if (!connected) {
        fprintf(stderr, "naru probe: no connection to %s\n", target->authority);
        return EXIT_CONNECT;
    }
    if (target->secure_failure[0]) {
        fprintf(stderr, "naru probe: TLS to %s failed: %s\n", target->authority, target->secure_failure);
        return EXIT_TLS;
    }
    if (status == 0) {
        fprintf(stderr, "naru probe: %s does not answer in HTTP\n", target->authority);
        return EXIT_LOST;
    }
    fprintf(stderr, "naru probe: refused: HTTP %d %s\n", status, naru_http_reason(status));
    return EXIT_REFUSED;
}

static int run_all(const probe_settings *settings, probe_target *target)
{
    probe_sum sum = {{0}};
    int status = meet(target);
    if (status != OPTIONS_RUN) {
        return status;
    }
    for (size_t i = 0; i < GROUPS; i++) {
        if (is_wanted(settings, target, groups[i]->name)) {
            run_group(settings, target, groups[i], &sum);
        }
    }
    tell_sum(settings, &sum);
    return sum.counts[PROBE_FAIL] == 0 ? EXIT_CLEAN : EXIT_PROTOCOL;
}

/* ---- the command --------------------------------------------------------------------------------------------- */

static void fill_names(probe_target *target)
{
    naru_span host = target->url.host;
    bool v6 = host.size > 2 && host.data[0] == '[';
    snprintf(target->host, sizeof target->host, "%.*s", (int)(v6 ? host.size - 2 : host.size),
             (const char *)host.data + v6);
    snprintf(target->port, sizeof target->port, "%u", target->url.port);
    if (target->url.port_given) {
        snprintf(target->authority, sizeof target->authority, "%.*s:%s", (int)host.size, (const char *)host.data,
                 target->port);
    } else {
        snprintf(target->authority, sizeof target->authority, "%.*s", (int)host.size, (const char *)host.data);
    }
}

static int read_url(const cli_command *command, probe_target *target, const char *text)
{
    naru_buf completed;
    const char *reason = NULL;
    naru_buf_init(&completed, NULL);
    naru_status status = url_complete(&completed, text);
    if (status == NARU_OK) {
        status =
            naru_url_parse(&target->url, naru_span_of((const char *)naru_buf_span(&completed).data), NULL, &reason);
    }
    naru_buf_deinit(&completed);
    if (status != NARU_OK) {
        return options_complain(command, "%s", reason ? reason : naru_status_text(status));
    }
    if (target->url.host.size >= sizeof target->host) {
        return options_complain(command, "the host's name is too long");
    }
    fill_names(target);
    return OPTIONS_RUN;
}

static int check_groups(const cli_command *command, const option_list *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        bool known = false;
        for (size_t j = 0; j < GROUPS; j++) {
            known = known || strcmp(groups[j]->name, wanted->items[i]) == 0;
        }
        if (!known) {
            return options_complain(command, "unknown group '%s'", wanted->items[i]);
        }
    }
    return OPTIONS_RUN;
}

static int open_tls(const cli_command *command, const probe_settings *settings, probe_target *target)
{
    char reason[200] = "";
    bool wanted = naru_span_equal(target->url.scheme, naru_span_of("wss")) ||
                  naru_span_equal(target->url.scheme, naru_span_of("https"));
    if (!wanted && (settings->ca_file || settings->insecure)) {
        return options_complain(command, "--ca and --insecure are for wss");
    }
    if (wanted && !probe_secure_open(target, settings->ca_file, settings->insecure, reason, sizeof reason)) {
        fprintf(stderr, "naru probe: %s: %s\n", settings->ca_file ? settings->ca_file : "TLS", reason);
        return EXIT_USAGE;
    }
    return OPTIONS_RUN;
}

static int run(const cli_command *command, int argc, char **argv)
{
    probe_settings settings = {.timeout_ms = 5000, .message_bytes_max = UINT64_C(16) << 20};
    option_list operands = {.count = 0};
    probe_target target = {.headers = &settings.headers};
    int status = options_parse(command, argc, argv, &settings, &operands);
    if (status == OPTIONS_RUN && operands.count == 0) {
        status = options_complain(command, "a URL is missing");
    }
    if (status == OPTIONS_RUN) {
        status = headers_check(command, &settings.headers);
    }
    if (status == OPTIONS_RUN) {
        status = check_groups(command, &settings.groups);
    }
    if (status != OPTIONS_RUN) {
        return status;
    }
    target.timeout_ms = settings.timeout_ms;
    target.message_bytes_max = settings.message_bytes_max;
    status = read_url(command, &target, operands.items[0]);
    if (status == OPTIONS_RUN) {
        status = open_tls(command, &settings, &target);
    }
    if (status == OPTIONS_RUN) {
        status = run_all(&settings, &target);
    }
    probe_secure_close(&target);
    naru_url_deinit(&target.url);
    return status;
}

const cli_command probe_command = {
    .name = "probe",
    .summary = "test a WebSocket server's conformance and limits from outside",
    .synopsis = "probe [OPTION]... URL\n",
    .about =
        "Each check has the rule it stands on, and a result: pass; lax, which is not what the rule says but hurts\n"
        "nobody; fail; or skip. An echo endpoint can be checked most closely: what comes back is compared. The\n"
        "checks are rude: large messages, broken frames, floods. Probe only what is yours.\n",
    .options = options,
    .options_count = sizeof options / sizeof options[0],
    .operands_max = 1,
    .examples = "naru probe localhost:8080/echo\n"
                "naru probe --json --group close ws://localhost:9001/ | jq -r 'select(.result==\"fail\")'\n",
    .run = run,
};
