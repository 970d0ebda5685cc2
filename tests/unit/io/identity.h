/* Certificates for tests, made when they are needed, in a directory that goes away again: no key is kept
 * anywhere. */
#ifndef NARU_UNIT_IO_IDENTITY_H
#define NARU_UNIT_IO_IDENTITY_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char file[96]; /* certificate and key, PEM */
    char key_file[100];
} identity;

static char identity_directory[32] = "/tmp/naru-tls-XXXXXX";

static inline bool identity_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool added = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return added;
}

static inline bool identity_write(const identity *self)
{
    FILE *both = fopen(self->file, "w");
    FILE *key = fopen(self->key_file, "w");
    bool written = both && key && PEM_write_X509(both, self->certificate) &&
                   PEM_write_PrivateKey(both, self->key, NULL, NULL, 0, NULL, NULL) &&
                   PEM_write_PrivateKey(key, self->key, NULL, NULL, 0, NULL, NULL);
    if (both) {
        fclose(both);
    }
    if (key) {
        fclose(key);
    }
    return written;
}

/* shapes    names: "DNS:a.example,IP:127.0.0.1"; NULL: an authority. issuer NULL: self-signed. days: how
 *           long it is good from now; negative: since when not. */
static inline bool identity_make(identity *self, const char *label, const char *names, const identity *issuer, int days)
{
    static long serial = 1;
    snprintf(self->file, sizeof self->file, "%s/%s.pem", identity_directory, label);
    snprintf(self->key_file, sizeof self->key_file, "%s/%s.key", identity_directory, label);
    self->key = EVP_EC_gen("P-256");
    self->certificate = X509_new();
    X509 *made = self->certificate;
    X509_NAME *subject = X509_NAME_new();
    bool good = self->key && made && subject &&
                X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)label, -1, -1, 0) &&
                X509_set_version(made, 2) && ASN1_INTEGER_set(X509_get_serialNumber(made), serial++) &&
                X509_set_subject_name(made, subject) &&
                X509_set_issuer_name(made, issuer ? X509_get_subject_name(issuer->certificate) : subject) &&
                X509_gmtime_adj(X509_getm_notBefore(made), -86400L * 10) &&
                X509_gmtime_adj(X509_getm_notAfter(made), 86400L * days) && X509_set_pubkey(made, self->key) &&
                identity_extension(made, NID_basic_constraints, names ? "critical,CA:FALSE" : "critical,CA:TRUE") &&
                (!names || identity_extension(made, NID_subject_alt_name, names)) &&
                X509_sign(made, issuer ? issuer->key : self->key, EVP_sha256()) && identity_write(self);
    X509_NAME_free(subject);
    return good;
}

static inline void identity_free(identity *self)
{
    unlink(self->file);
    unlink(self->key_file);
    X509_free(self->certificate);
    EVP_PKEY_free(self->key);
}

#endif
