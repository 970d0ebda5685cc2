/* Pinned keys: a client's context may name the public keys that it accepts, by their hash.
 *
 * They live with the OpenSSL context, which outlives the naru_tls as long as connections use it.
 * Source: RFC 7469 2.4 (what is hashed), OpenSSL's manual pages. */
#include "tls_session.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <string.h>

#include "base/memory.h"

enum { PINS_MAX = 16, HASH_TEXT_BYTES = 44 /* of 32 bytes in base64 */ };

typedef struct pins {
    size_t count;
    uint8_t hashes[PINS_MAX][SHA256_DIGEST_LENGTH];
} pins;

static int pins_index = -1;
static pthread_once_t pins_once = PTHREAD_ONCE_INIT;

static void free_pins(void *parent, void *block, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
    (void)parent;
    (void)data;
    (void)index;
    (void)number;
    (void)pointer;
    naru__free(naru_allocator_default(), block, sizeof(pins));
}

static void make_index(void)
{
    pins_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_pins);
}

/* ---- reading them ------------------------------------------------------------------------------------------- */

static bool read_hash(naru_span text, uint8_t hash_out[SHA256_DIGEST_LENGTH])
{
    uint8_t decoded[HASH_TEXT_BYTES / 4 * 3];
    size_t bytes = 0;
    if (text.size != HASH_TEXT_BYTES || naru_base64_decode(text, decoded, &bytes) || bytes != SHA256_DIGEST_LENGTH) {
        return false;
    }
    memcpy(hash_out, decoded, SHA256_DIGEST_LENGTH);
    return true;
}

static bool read_all(pins *self, const char *text)
{
    for (;;) {
        size_t size = strcspn(text, ";");
        if (self->count == PINS_MAX ||
            !read_hash((naru_span){(const uint8_t *)text, size}, self->hashes[self->count])) {
            return false;
        }
        self->count++;
        if (text[size] == '\0') {
            return true;
        }
        text += size + 1;
    }
}

naru_status naru__tls_pin(SSL_CTX *context, const char *text)
{
    pthread_once(&pins_once, make_index);
    pins *self = pins_index >= 0 ? naru__alloc_zero(naru_allocator_default(), sizeof *self) : NULL;
    if (!self) {
        return NARU_ERR_MEMORY;
    }
    naru_status status = read_all(self, text) ? NARU_OK : NARU_ERR_ARGUMENT;
    if (status == NARU_OK && SSL_CTX_set_ex_data(context, pins_index, self) != 1) {
        status = NARU_ERR_MEMORY;
    }
    if (status != NARU_OK) {
        naru__free(naru_allocator_default(), self, sizeof *self);
    }
    return status;
}

/* ---- holding a peer to them --------------------------------------------------------------------------------- */

static bool hash_key(X509 *certificate, uint8_t hash_out[SHA256_DIGEST_LENGTH])
{
    unsigned char *der = NULL;
    int bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
    bool done = bytes > 0 && EVP_Digest(der, (size_t)bytes, hash_out, NULL, EVP_sha256(), NULL) == 1;
    OPENSSL_free(der);
    return done;
}

static bool is_among(const pins *self, const uint8_t hash[SHA256_DIGEST_LENGTH])
{
    for (size_t i = 0; i < self->count; i++) {
        if (memcmp(self->hashes[i], hash, SHA256_DIGEST_LENGTH) == 0) {
            return true;
        }
    }
    return false;
}

bool naru__tls_pin_holds(const SSL *ssl)
{
    uint8_t hash[SHA256_DIGEST_LENGTH];
    SSL_CTX *context = SSL_get_SSL_CTX(ssl);
    const pins *self = pins_index >= 0 ? SSL_CTX_get_ex_data(context, pins_index) : NULL;
    X509 *certificate = self ? SSL_get0_peer_certificate(ssl) : NULL;
    return !self || (certificate && hash_key(certificate, hash) && is_among(self, hash));
}
