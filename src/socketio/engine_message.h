/* One Engine.IO message on its way out: frozen, counted, shared by all the sessions that are sent it, with every way to
 * write it made at most once.
 *
 * Not for: packets that come in (engine_packet.h), the queue they wait in (engine_session.h).
 * Source: the Engine.IO protocol, revisions 3 and 4. */
#ifndef NARU_SOCKETIO_ENGINE_MESSAGE_H
#define NARU_SOCKETIO_ENGINE_MESSAGE_H

#include <naru/base.h>

typedef struct naru__engine_message naru__engine_message;

enum { NARU__ENGINE_FRAMES = 4 };

struct naru__engine_message {
    const naru_allocator *allocator; /* NULL: static, not counted */
    size_t refs;
    size_t sends; /* over WebSocket, so far: from the second on its frame is worth keeping */
    bool binary;
    unsigned flags;                    /* of the caller, not looked at */
    size_t size;                       /* of the payload, which stands behind the type byte */
    size_t units;                      /* the payload in UTF-16 code units; SIZE_MAX: not counted yet */
    char *base64;                      /* NULL: not written yet */
    void *frames[NARU__ENGINE_FRAMES]; /* whatever the wet side has made of it; given back by release_frame */
    void (*release_frame)(void *frame);
    const uint8_t *bytes; /* the type ('4', of bytes 0x04), then the payload */
};

/* A message of `size` bytes, to be written to *payload_out before it is used; one reference. errors NULL: no memory,
 * or a size past what base64 can count. */
NARU_MUST_USE naru__engine_message *naru__engine_message_new(const naru_allocator *allocator, bool binary, size_t size,
                                                             uint8_t **payload_out);
naru__engine_message *naru__engine_message_ref(naru__engine_message *message);
void naru__engine_message_unref(naru__engine_message *message); /* NULL is fine */
/* A packet without a payload, '1' to '6' but no message. Static, any thread. */
naru__engine_message *naru__engine_control(char type);

/* The payload in base64. errors data NULL: no memory. lifetime the message's */
naru_span naru__engine_message_base64(naru__engine_message *message);
size_t naru__engine_message_units(naru__engine_message *message);
/* UTF-16 code units of UTF-8 text. */
size_t naru__engine_units(naru_span text);

/* As one WebSocket message. form: which of `frames` it is. */
typedef enum naru__engine_form {
    NARU__ENGINE_FORM_TEXT = 0, /* type and payload, both revisions */
    NARU__ENGINE_FORM_BYTES,    /* revision 4: the payload alone */
    NARU__ENGINE_FORM_TYPED,    /* revision 3: 0x04 and the payload */
    NARU__ENGINE_FORM_BASE64    /* text for a client without binary: not kept as a frame */
} naru__engine_form;
naru__engine_form naru__engine_message_form(const naru__engine_message *message, int revision, bool base64);
/* Of every form but BASE64. lifetime the message's */
naru_span naru__engine_message_frame(const naru__engine_message *message, naru__engine_form form);

#endif
