/* Stepped through OpenSSL's assembly. Which of its implementations is taken, OPENSSL_ia32cap decides. */
#include "stepped_cases.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

enum { BYTES = 1024 };

static unsigned char input[BYTES], output[BYTES + 64], key[64], vector[16];
static EVP_MD_CTX *digest_context;
static EVP_CIPHER_CTX *cipher_context;
static const EVP_MD *digests[4];
static const EVP_CIPHER *ciphers[3];

static void prepare(void)
{
    for (size_t i = 0; i < sizeof input; i++)
        input[i] = (unsigned char)(i * 7);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (unsigned char)(i * 13 + 1);
    digest_context = EVP_MD_CTX_new();
    cipher_context = EVP_CIPHER_CTX_new();
    stepped_require(digest_context != NULL && cipher_context != NULL);
}

static void fetch_digests(const char *const *names)
{
    prepare();
    for (size_t i = 0; names[i] != NULL; i++)
        stepped_require((digests[i] = EVP_MD_fetch(NULL, names[i], NULL)) != NULL);
}

static void fetch_ciphers(const char *const *names)
{
    prepare();
    for (size_t i = 0; names[i] != NULL; i++)
        stepped_require((ciphers[i] = EVP_CIPHER_fetch(NULL, names[i], NULL)) != NULL);
}

static void prepare_sha(void)
{
    static const char *const names[] = {"SHA1", "SHA256", "SHA512", "SHA3-256", NULL};
    fetch_digests(names);
}

static void prepare_ciphers(void)
{
    static const char *const names[] = {"AES-256-GCM", "AES-128-CBC", "ChaCha20-Poly1305", NULL};
    fetch_ciphers(names);
}

static void digest(void)
{
    for (size_t i = 0; i < 4; i++) {
        unsigned length = 0;
        stepped_require(EVP_DigestInit_ex2(digest_context, digests[i], NULL) == 1);
        stepped_require(EVP_DigestUpdate(digest_context, input, BYTES) == 1);
        stepped_require(EVP_DigestFinal_ex(digest_context, output, &length) == 1 && length >= 20);
    }
}

static void encrypt(void)
{
    static unsigned char back[BYTES + 64];
    for (size_t i = 0; i < 3; i++) {
        int n = 0, last = 0;
        unsigned char tag[16];
        stepped_require(EVP_EncryptInit_ex2(cipher_context, ciphers[i], key, vector, NULL) == 1);
        stepped_require(EVP_EncryptUpdate(cipher_context, output, &n, input, BYTES) == 1);
        stepped_require(EVP_EncryptFinal_ex(cipher_context, output + n, &last) == 1);
        const int total = n + last;
        if (i != 1)
            stepped_require(EVP_CIPHER_CTX_ctrl(cipher_context, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1);
        stepped_require(EVP_DecryptInit_ex2(cipher_context, ciphers[i], key, vector, NULL) == 1);
        stepped_require(EVP_DecryptUpdate(cipher_context, back, &n, output, total) == 1);
        if (i != 1)
            stepped_require(EVP_CIPHER_CTX_ctrl(cipher_context, EVP_CTRL_AEAD_SET_TAG, 16, tag) == 1);
        stepped_require(EVP_DecryptFinal_ex(cipher_context, back + n, &last) == 1);
        stepped_require(n + last == BYTES && memcmp(back, input, BYTES) == 0);
    }
}

static BIGNUM *base, *exponent, *modulus, *result;
static BN_CTX *bignum_context;

static void prepare_power(void)
{
    prepare();
    bignum_context = BN_CTX_new();
    base = BN_bin2bn(input, 128, NULL); /* 1024 bits, which has code of its own */
    exponent = BN_bin2bn(key, 1, NULL);
    modulus = BN_bin2bn(input + 128, 128, NULL);
    result = BN_new();
    stepped_require(BN_set_bit(modulus, 0) == 1 && BN_set_bit(modulus, 1023) == 1);
    BN_set_flags(exponent, BN_FLG_CONSTTIME); /* as a secret one */
}

static void raise_to_power(void)
{
    stepped_require(BN_mod_exp_mont(result, base, exponent, modulus, bignum_context, NULL) == 1 && !BN_is_zero(result));
    stepped_require(BN_sqr(result, base, bignum_context) == 1 && BN_mul(result, base, modulus, bignum_context) == 1);
}

static EC_GROUP *curve;
static EC_POINT *point;

static void prepare_p256(void)
{
    prepare_power();
    curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    stepped_require(curve != NULL && (point = EC_POINT_new(curve)) != NULL);
}

static void multiply_point(void)
{
    stepped_require(EC_POINT_mul(curve, point, exponent, NULL, NULL, bignum_context) == 1);
    stepped_require(EC_POINT_is_on_curve(curve, point, bignum_context) == 1);
}

static EVP_PKEY *own_key, *peer_key;

static void prepare_x25519(void)
{
    prepare();
    own_key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, key, 32);
    peer_key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    stepped_require(own_key != NULL && peer_key != NULL);
}

static void derive_secret(void)
{
    size_t length = sizeof output;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own_key, NULL);
    stepped_require(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer_key) == 1);
    stepped_require(EVP_PKEY_derive(context, output, &length) == 1 && length == 32);
    EVP_PKEY_CTX_free(context);
}

static const struct stepped_case cases[] = {
    {"digests", prepare_sha, digest},          {"ciphers", prepare_ciphers, encrypt},
    {"power", prepare_power, raise_to_power},  {"p256", prepare_p256, multiply_point},
    {"x25519", prepare_x25519, derive_secret},
};

int main(int argc, char **argv)
{
    return stepped_main(cases, sizeof cases / sizeof *cases, argc, argv);
}
