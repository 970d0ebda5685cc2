/* A certificate that is made when a test needs it: self-signed, with its key in the same file. */
#ifndef NARU_WIRE_CLIENT_CERTIFICATE_H
#define NARU_WIRE_CLIENT_CERTIFICATE_H

#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

/* For `names` ("DNS:localhost"); its key's hash in base64 goes to pin_out, 45 bytes with the NUL. */
static inline void certificate_write(const char *path, const char *names, char *pin_out)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -86400);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC, (const uint8_t *)"naru test", -1,
                               -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_set_pubkey(certificate, key);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    X509_sign(certificate, key, EVP_sha256());
    FILE *out = fopen(path, "w");
    if (!out || !PEM_write_X509(out, certificate) || !PEM_write_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL)) {
        abort();
    }
    fclose(out);
    uint8_t *der = NULL;
    uint8_t hash[SHA256_DIGEST_LENGTH];
    int bytes = i2d_PUBKEY(key, &der);
    SHA256(der, (size_t)bytes, hash);
    EVP_EncodeBlock((uint8_t *)pin_out, hash, sizeof hash);
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(key);
}

#endif
