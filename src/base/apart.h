/* Where the compiler is told what belongs into a hot path. Not for: guesses; only for what was measured. */
#ifndef NARU_BASE_APART_H
#define NARU_BASE_APART_H

/* A long way that stays a function: its frame would otherwise be set up for everyone who takes the short way. */
#define NARU__APART __attribute__((noinline))
/* A short way that is a part of who takes it, however many those are. */
#define NARU__WITHIN static inline __attribute__((always_inline))

#endif
