/* The session's inside, for ws/ itself and for conn/, which embeds one. */
#ifndef NARU_WS_SESSION_H
#define NARU_WS_SESSION_H

#include "base/utf8.h"
#include "window.h"
#include <naru/ws.h>

enum {
    NARU__WS_HEAD_MAX = 14, /* 6455 5.2: 2 bytes, 8 of length, 4 of mask */
    NARU__WS_CONTROL_MAX = 125,
    NARU__WS_ENTROPY_MIN = 64 /* what a call that may send wants to find unspent */
};

/* Bytes that arrived of something incomplete. */
typedef struct naru__ws_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
} naru__ws_bytes;

typedef struct naru__ws_inflater naru__ws_inflater;

/* What only a busy or compressed session needs; made for all but messages that lie whole in the input, and gone again
 * once they are through. */
typedef struct naru__ws_cold {
    naru__ws_bytes message;      /* what is there of the message, frame or chunk under way */
    naru__ws_inflater *inflater; /* of the compressed message under way */
    naru__ws_window own;         /* what our next compressed message may refer to */
    naru__ws_window peer;        /* what the peer's may: between two of them, all that we need of the first */
    uint64_t own_ms;             /* when own was last used */
    uint64_t frame_left;         /* payload bytes of the frame under way that are still to come */
    uint64_t message_bytes;      /* of the message under way, inflated */
    uint64_t begun_ms;           /* when it began, if TIMED */
    uint64_t frame_offset;       /* where the compressed frame's payload began in the peer's stream */
    uint64_t wire_bytes;         /* of the compressed message under way */
    uint64_t begun_left;         /* of our frame under way, where its payload comes in pieces */
    naru__ws_bytes pong;         /* to leave behind it, if pong_owed */
    naru__ws_bytes control;      /* of a control frame that comes in pieces */
    uint32_t fragments;          /* of the message under way */
    naru__utf8 utf8;             /* of the text coming in */
    naru__utf8 sending_utf8;     /* of the text going out in parts */
    uint8_t
        head[NARU__WS_HEAD_MAX]; /* of a frame; while its payload comes, the mask is in front, turned to its place */
    uint8_t head_bytes;
    uint8_t frame;      /* first byte of the frame under way */
    uint8_t tail_bytes; /* how many of 00 00 ff ff have been inflated behind it */
    bool pending;       /* the inflater filled its room: it may hold more */
    bool delivered;     /* an event pointed at message or control: it goes with the next call */
    bool pong_owed;
} naru__ws_cold;

/* Bits of naru_ws.message and naru_ws.sending; the low two are the naru_ws_kind, 0 while none is under
 * way. */
enum {
    NARU__WS_KIND = 3,
    NARU__WS_COMPRESSED = 4,
    NARU__WS_BEGUN = 8,       /* its first event is out */
    NARU__WS_STREAMED = 16,   /* it comes in parts, as parts_from_bytes wants it */
    NARU__WS_BEGUN_FRAME = 32 /* of sending: a frame is out to its head, its payload is to follow */
};

/* Bits of naru_ws.flags. */
enum {
    NARU__WS_SLOW = 1,        /* something is under way, a pong awaited, it is not open, or observed: no short way */
    NARU__WS_IN_FRAME = 2,    /* a frame's head is read, its payload not */
    NARU__WS_TIMED = 4,       /* cold->begun_ms holds when the message under way began */
    NARU__WS_RTT = 8,         /* the newest ping has no answer yet */
    NARU__WS_CONTROLLED = 16, /* control_ms holds the start of a window */
    NARU__WS_OWN_FRESH = 32,  /* deflate: each message we send stands alone */
    NARU__WS_PEER_FRESH = 64, /* deflate: each message the peer sends stands alone */
    NARU__WS_OWN_STALE = 128, /* deflate: the peer's window holds what our compressor has not seen: it starts afresh */
    NARU__WS_PINGED = 256,    /* nothing has come since tick sent a ping */
    NARU__WS_OBSERVED = 512,  /* options->on_frame hears of every frame: it is always SLOW */
    NARU__WS_LONE = 1024      /* part of a naru__ws_lone; else its options are those of a naru__ws_terms */
};

/* An idle session is this and nothing more; windows, buffers and the rest come and go with `cold`. */
struct naru_ws {
    const naru_ws_options *options;
    naru__ws_cold *cold;
    uint64_t
        heard_ms; /* open: when the peer's last byte came or, PINGED, our ping left; after: our Close, or it failed */
    union {
        struct {
            uint64_t offset;     /* bytes of the peer's stream taken so far */
            uint32_t rtt_ms;     /* when our newest ping left; low bits of the clock */
            uint32_t rtt_hash;   /* of its payload */
            uint32_t control_ms; /* the control frames' window; low bits of the clock */
            uint32_t control_count;
            uint16_t close_code; /* of the peer's Close */
        };
        naru_fault fault; /* once it has failed, which so needs no memory */
    };
    uint16_t flags;
    uint8_t message;
    uint8_t role; /* from here on in the order that naru__ws_sends_plain wants */
    uint8_t state;
    uint8_t sending;
    uint8_t own_bits;  /* deflate: window of what we send; 0: none was agreed on */
    uint8_t peer_bits; /* and of what the peer sends */
};
_Static_assert(sizeof(naru_ws) <= 64, "what an idle connection costs");

/* One that naru_ws_new made. */
typedef struct naru__ws_lone {
    naru_ws ws; /* first: the one is found from the other */
    const naru_allocator *allocator;
} naru__ws_lone;

/* What sessions share that are parts of something larger; ws->options are these. */
typedef struct naru__ws_terms {
    const naru_allocator *allocator;
    naru_ws_options options;
} naru__ws_terms;

static inline const naru_allocator *naru__ws_allocator(const naru_ws *ws)
{
    if (ws->flags & NARU__WS_LONE) {
        return ((const naru__ws_lone *)(const void *)ws)->allocator;
    }
    const void *terms = (const uint8_t *)ws->options - offsetof(naru__ws_terms, options);
    return ((const naru__ws_terms *)terms)->allocator;
}

/* shapes    options: of a naru__ws_terms. */
void naru__ws_init(naru_ws *ws, naru_ws_role role, const naru_ws_options *options, const naru_ws_deflate *deflate,
                   uint64_t now_ms);
void naru__ws_deinit(naru_ws *ws);

/* Whether options->on_frame, if there is one, hears of this session. Before its first frame. */
void naru__ws_observe(naru_ws *ws, bool on);

/* As if a byte of the peer had come now: for a connection that is not being read, so that silence is not
 * its fault. */
void naru__ws_touch(naru_ws *ws, uint64_t now_ms);
/* Let go of compressors as if nothing had come for a while: memory is short. */
void naru__ws_give_back(naru_ws *ws);

/* Room behind what is kept of a large plain message that is delivered whole: bytes of the peer that are read there, and
 * then handed to naru_ws_next from there, are not copied. At most the rest of the frame; size 0: none. It holds until
 * the next call on the session. */
naru_input naru__ws_room(naru_ws *ws);

/* Of a frame that naru_ws_send_begin began: may this piece go; it has gone, right behind the head or the piece before;
 * both at once, with a copy. */
naru_status naru__ws_begun_check(const naru_ws *ws, naru_ws_kind kind, size_t bytes, bool last);
naru_status naru__ws_begun_taken(naru_ws *ws, size_t bytes, const naru_ws_turn *turn);
naru_status naru__ws_begun_piece(naru_ws *ws, naru_ws_kind kind, naru_span data, bool last, const naru_ws_turn *turn);
naru_status naru__ws_begun_pong(naru_ws *ws, naru_span payload); /* keep it for the end */
static inline bool naru__ws_in_begun_frame(const naru_ws *ws)
{
    return (ws->sending & NARU__WS_BEGUN_FRAME) != 0;
}

/* Open, nothing under way, no memory to give back: naru_ws_deadline_ms is then a ping, and bytes only move
 * it away. */
static inline bool naru__ws_at_rest(const naru_ws *ws)
{
    return (ws->flags & NARU__WS_SLOW) == 0 && !ws->cold;
}

/* Is a message of that size to be compressed, by what was agreed on, the options and the flags of naru_ws_send? */
static inline bool naru__ws_wants_compression(const naru_ws *ws, size_t payload_bytes, unsigned flags)
{
    if (ws->own_bits == 0 || (flags & NARU_WS_PLAIN) != 0) {
        return false;
    }
    return (flags & NARU_WS_COMPRESS) != 0 || payload_bytes >= ws->options->deflate.threshold_bytes;
}

/* Keep other messages out until the first part of one that is to come in parts. */
static inline void naru__ws_sending_reserve(naru_ws *ws)
{
    ws->sending = NARU__WS_BEGUN;
}
static inline void naru__ws_sending_release(naru_ws *ws)
{
    ws->sending = ws->sending == NARU__WS_BEGUN ? 0 : ws->sending;
}

/* ---- for ws/ only -------------------------------------------------------------------------------------- */

/* A way to fail. text fits a Close's reason. */
typedef struct naru__ws_rule {
    naru_status status;
    uint16_t close_code; /* 1006: no Close is sent */
    const char *rule;
    const char *text;
} naru__ws_rule;

/* The session fails, with a Close unless one is out already. turn NULL: nothing can be sent; else it is
 * ready. Answers the rule's status. */
naru_status naru__ws_fail(naru_ws *ws, const naru__ws_rule *rule, uint64_t offset, const naru_ws_turn *turn);
naru_status naru__ws_fail_memory(naru_ws *ws, const naru_ws_turn *turn);
/* The only place where the state changes. */
void naru__ws_move(naru_ws *ws, naru_ws_state state);
/* Does the turn hold what this side's frames need? */
static inline bool naru__ws_turn_ready(const naru_ws *ws, const naru_ws_turn *turn)
{
    return ws->role == NARU_WS_SERVER ||
           (turn->entropy && turn->entropy->size - turn->entropy->used >= NARU__WS_ENTROPY_MIN);
}
/* The cold part, made if there is none. NULL: no memory. */
naru__ws_cold *naru__ws_warm(naru_ws *ws);
/* Drop what was delivered, and the whole cold part if nothing is left in it. */
void naru__ws_cool(naru_ws *ws);

#endif
