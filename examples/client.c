/* A client: connects, says hello, prints the answer, closes.
 *
 *   ./client                       to ws://127.0.0.1:9000/
 *   ./client wss://example.com/ */
#include <naru/naru.h>
#include <stdio.h>

static void on_open(naru_client *client, void *user)
{
    (void)user;
    naru_client_send(client, NARU_WS_TEXT, naru_span_of("hello"), 0);
}

static void on_message(naru_client *client, naru_ws_kind kind, naru_span data, void *user)
{
    (void)kind;
    (void)user;
    printf("%.*s\n", (int)data.size, (const char *)data.data);
    naru_client_close(client, 1000, naru_span_of("thank you"));
}

/* Comes before on_close if the connection failed, with the reason. */
static void on_error(naru_client *client, const naru_client_failure *failure, void *user)
{
    (void)client;
    (void)user;
    fprintf(stderr, "failed: %s\n", failure->text);
}

static void on_close(naru_client *client, const naru_close_info *info, void *user)
{
    int *status = user;
    printf("closed with %d\n", info->code);
    *status = info->clean ? 0 : 1;
    naru_client_free(client);
}

int main(int argc, char **argv)
{
    static const naru_client_handler handler = {
        .on_open = on_open, .on_message = on_message, .on_error = on_error, .on_close = on_close};
    naru_loop *loop = naru_loop_new(NULL);
    naru_client *client;
    const char *reason = "no loop";
    int status = 2;
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:9000/";
    if (!loop || naru_client_open(loop, url, NULL, &handler, &status, &client, &reason)) {
        fprintf(stderr, "%s: %s\n", url, reason);
    } else {
        naru_loop_run(loop); /* until nothing is left to wait for */
    }
    naru_loop_free(loop);
    return status;
}
