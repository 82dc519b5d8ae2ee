/* A stand-in for a security key, which cannot be had here: OpenSSH's middleware interface (PROTOCOL.u2f, sk-api.h, version
 * 0x000a0000 of OpenSSH 9.2) over P-256 of libcrypto. It keeps the private key in the handle, which no real key does.
 *
 * STATE is a file: without it no key is plugged in; its first letter is t (it is touched), n (nobody touches it), u (nobody touches
 * it, and it signs all the same, as one made with no-touch-required does) or v (it is touched, and verifies by whom). */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The few functions of libcrypto 3 that are used, declared here: its headers need not be installed. */
typedef struct bignum_st BIGNUM;
typedef struct ec_key_st EC_KEY;
typedef struct ec_group_st EC_GROUP;
typedef struct ec_point_st EC_POINT;
typedef struct ECDSA_SIG_st ECDSA_SIG;
extern EC_KEY *EC_KEY_new_by_curve_name(int nid);
extern int EC_KEY_generate_key(EC_KEY *key);
extern int EC_KEY_set_private_key(EC_KEY *key, const BIGNUM *prv);
extern const BIGNUM *EC_KEY_get0_private_key(const EC_KEY *key);
extern const EC_POINT *EC_KEY_get0_public_key(const EC_KEY *key);
extern const EC_GROUP *EC_KEY_get0_group(const EC_KEY *key);
extern size_t EC_POINT_point2oct(const EC_GROUP *, const EC_POINT *, int form, unsigned char *buf, size_t len, void *ctx);
extern void EC_KEY_free(EC_KEY *key);
extern BIGNUM *BN_bin2bn(const unsigned char *s, int len, BIGNUM *ret);
extern int BN_bn2binpad(const BIGNUM *a, unsigned char *to, int tolen);
extern ECDSA_SIG *ECDSA_do_sign(const unsigned char *dgst, int len, EC_KEY *key);
extern void ECDSA_SIG_get0(const ECDSA_SIG *sig, const BIGNUM **r, const BIGNUM **s);
extern unsigned char *SHA256(const unsigned char *d, size_t n, unsigned char *md);
#define P256 415
#define UNCOMPRESSED 4

#define SSH_SK_ECDSA 0
#define ERR_GENERAL (-1)
#define ERR_UNSUPPORTED (-2)
#define ERR_DEVICE_NOT_FOUND (-4)
#define USER_PRESENT 1
#define USER_VERIFIED 4

struct sk_enroll_response {
    uint8_t flags;
    uint8_t *public_key; size_t public_key_len;
    uint8_t *key_handle; size_t key_handle_len;
    uint8_t *signature; size_t signature_len;
    uint8_t *attestation_cert; size_t attestation_cert_len;
    uint8_t *authdata; size_t authdata_len;
};
struct sk_sign_response {
    uint8_t flags;
    uint32_t counter;
    uint8_t *sig_r; size_t sig_r_len;
    uint8_t *sig_s; size_t sig_s_len;
};

uint32_t sk_api_version(void) { return 0x000a0000; }

static int letter = 't';

static int touched(void)
{
    FILE *state = fopen(STATE, "r");
    if (state == NULL) return ERR_DEVICE_NOT_FOUND;
    letter = fgetc(state);
    fclose(state);
    return letter == 'n' ? ERR_GENERAL : 0;
}

static uint8_t stated(void) { return letter == 'u' ? 0 : letter == 'v' ? USER_PRESENT | USER_VERIFIED : USER_PRESENT; }

int sk_enroll(uint32_t alg, const uint8_t *challenge, size_t challenge_len, const char *application, uint8_t flags,
    const char *pin, void **options, struct sk_enroll_response **response)
{
    struct sk_enroll_response *made = calloc(1, sizeof *made);
    EC_KEY *key = EC_KEY_new_by_curve_name(P256);
    int trouble = touched();
    (void)challenge, (void)challenge_len, (void)application, (void)pin, (void)options;
    if (alg != SSH_SK_ECDSA) return ERR_UNSUPPORTED;
    if (trouble) return trouble;
    if (made == NULL || key == NULL || !EC_KEY_generate_key(key)) return ERR_GENERAL;
    made->flags = flags;
    made->public_key = malloc(made->public_key_len = 65);
    made->key_handle = malloc(made->key_handle_len = 32);
    made->signature = calloc(1, made->signature_len = 1); /* no attestation: nobody asks for it here */
    EC_POINT_point2oct(EC_KEY_get0_group(key), EC_KEY_get0_public_key(key), UNCOMPRESSED, made->public_key, 65, NULL);
    BN_bn2binpad(EC_KEY_get0_private_key(key), made->key_handle, 32);
    EC_KEY_free(key);
    *response = made;
    return 0;
}

int sk_sign(uint32_t alg, const uint8_t *data, size_t data_len, const char *application, const uint8_t *handle, size_t handle_len,
    uint8_t flags, const char *pin, void **options, struct sk_sign_response **response)
{
    static uint32_t counter = 1;
    struct sk_sign_response *made = calloc(1, sizeof *made);
    EC_KEY *key = EC_KEY_new_by_curve_name(P256);
    const BIGNUM *r, *s;
    ECDSA_SIG *signature;
    uint8_t signed_data[32 + 1 + 4 + 32], digest[32];
    int trouble = touched();
    (void)flags, (void)pin, (void)options;
    if (alg != SSH_SK_ECDSA || handle_len != 32) return ERR_UNSUPPORTED;
    if (trouble) return trouble;
    if (made == NULL || key == NULL || !EC_KEY_set_private_key(key, BN_bin2bn(handle, 32, NULL))) return ERR_GENERAL;
    SHA256((const uint8_t *)application, strlen(application), signed_data);
    signed_data[32] = stated();
    memcpy(signed_data + 33, (uint8_t[]){0, 0, 0, (uint8_t)counter}, 4);
    SHA256(data, data_len, signed_data + 37);
    SHA256(signed_data, sizeof signed_data, digest);
    signature = ECDSA_do_sign(digest, 32, key);
    if (signature == NULL) return ERR_GENERAL;
    ECDSA_SIG_get0(signature, &r, &s);
    made->flags = stated();
    made->counter = counter;
    made->sig_r = malloc(made->sig_r_len = 32);
    made->sig_s = malloc(made->sig_s_len = 32);
    BN_bn2binpad(r, made->sig_r, 32);
    BN_bn2binpad(s, made->sig_s, 32);
    EC_KEY_free(key);
    *response = made;
    return 0;
}

int sk_load_resident_keys(const char *pin, void **options, void ***keys, size_t *count)
{
    (void)pin, (void)options, (void)keys, (void)count;
    return ERR_UNSUPPORTED;
}
