/* A PKCS#11 module that forwards to SoftHSM, records each call and the bytes that go in, and can be told to lie.
 *
 * Records to $SOFTHSM2_CONF.calls, one line a call; reads its faults from $SOFTHSM2_CONF.faults, one a line:
 *   lie TYPE VALUE KEYTYPE   C_GetAttributeValue states VALUE (one byte) for this attribute of keys of this CKA_KEY_TYPE
 *   bend                     C_Sign flips a bit of each signature
 *   replay                   C_Sign gives the first signature of a digest again
 *   spurn                    C_UnwrapKey takes no key under AES key wrap with padding
 *   keep                     C_DestroyObject says yes and does nothing
 *   flags VALUE              C_GetTokenInfo states these flags (hexadecimal), too
 *   rename                   C_GetTokenInfo tells of another manufacturer and model
 *   unplugged                every function answers CKR_DEVICE_REMOVED
 *   fail NAME                the function NAME answers CKR_DEVICE_ERROR
 *   answer NAME CODE         the function NAME answers CODE (hexadecimal) and does nothing
 *   public                   C_GetAttributeValue states CKA_PRIVATE false
 *   hang NAME                the function NAME never answers
 *   fork                     when it is loaded it starts a process that takes no signal but the one that nobody can refuse
 *   alarm                    when it is loaded it puts off the alarm of this process
 *   print                    each function prints a line to standard output and error
 * For tests on Linux: every function is called with eight words, which is harmless in the ABIs of x86-64 and aarch64. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long word;
typedef word (*function)(word, word, word, word, word, word, word, word);
struct list { unsigned char version[2]; function f[68]; };
struct attribute { word type; void *value; word length; };
enum { CKA_PRIVATE = 0x2, CKA_KEY_TYPE = 0x100, CKR_DEVICE_ERROR = 0x30, CKR_DEVICE_REMOVED = 0x32, CKM_AES_KEY_WRAP_PAD = 0x210a };

#define NAMES(X) X(0, Initialize) X(1, Finalize) X(2, GetInfo) X(3, GetFunctionList) X(4, GetSlotList) X(5, GetSlotInfo) \
 X(6, GetTokenInfo) X(7, GetMechanismList) X(8, GetMechanismInfo) X(9, InitToken) X(10, InitPIN) X(11, SetPIN) \
 X(12, OpenSession) X(13, CloseSession) X(14, CloseAllSessions) X(15, GetSessionInfo) X(16, GetOperationState) \
 X(17, SetOperationState) X(18, Login) X(19, Logout) X(20, CreateObject) X(21, CopyObject) X(22, DestroyObject) \
 X(23, GetObjectSize) X(24, GetAttributeValue) X(25, SetAttributeValue) X(26, FindObjectsInit) X(27, FindObjects) \
 X(28, FindObjectsFinal) X(29, EncryptInit) X(30, Encrypt) X(31, EncryptUpdate) X(32, EncryptFinal) X(33, DecryptInit) \
 X(34, Decrypt) X(35, DecryptUpdate) X(36, DecryptFinal) X(37, DigestInit) X(38, Digest) X(39, DigestUpdate) \
 X(40, DigestKey) X(41, DigestFinal) X(42, SignInit) X(43, Sign) X(44, SignUpdate) X(45, SignFinal) X(46, SignRecoverInit) \
 X(47, SignRecover) X(48, VerifyInit) X(49, Verify) X(50, VerifyUpdate) X(51, VerifyFinal) X(52, VerifyRecoverInit) \
 X(53, VerifyRecover) X(54, DigestEncryptUpdate) X(55, DecryptDigestUpdate) X(56, SignEncryptUpdate) \
 X(57, DecryptVerifyUpdate) X(58, GenerateKey) X(59, GenerateKeyPair) X(60, WrapKey) X(61, UnwrapKey) X(62, DeriveKey) \
 X(63, SeedRandom) X(64, GenerateRandom) X(65, GetFunctionStatus) X(66, CancelFunction) X(67, WaitForSlotEvent)

static const char *names[68] = {
#define NAME(number, name) [number] = "C_" #name,
    NAMES(NAME)
};
static struct list *real, ours;

static FILE *beside(const char *suffix, const char *mode) {
    char path[4096];
    const char *conf = getenv("SOFTHSM2_CONF");
    snprintf(path, sizeof path, "%s.%s", conf ? conf : "/dev/null", suffix);
    return fopen(path, mode);
}

static int fault(const char *wanted) {
    char line[200];
    int found = 0;
    FILE *file = beside("faults", "r");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = 0;
        found |= strcmp(line, wanted) == 0;
    }
    if (file) fclose(file);
    return found;
}

__attribute__((constructor)) static void loaded(void) {
    if (fault("alarm")) alarm(0);
    if (fault("fork") && fork() == 0) {
        for (int number = 1; number < 32; number++) signal(number, SIG_IGN);
        for (;;) sleep(1000);
    }
}

static void hex(FILE *out, const void *data, word length) {
    for (word i = 0; data && i < length; i++) fprintf(out, "%02x", ((const unsigned char *)data)[i]);
}

static void template(FILE *out, word pointer, word count) {
    struct attribute *a = (struct attribute *)pointer;
    for (word i = 0; a && i < count; i++) {
        fprintf(out, " %lx=", a[i].type);
        hex(out, a[i].value, a[i].length);
    }
}

static void note(int n, word b, word c, word d, word e, word f, word g) {
    FILE *out = beside("calls", "a");
    if (!out) return;
    fputs(names[n], out);
    switch (n) {
    case 20: template(out, b, c); break;                                             /* template, count */
    case 21: case 25: template(out, c, d); break;                                    /* object, template, count */
    case 58: template(out, c, d); break;                                             /* mechanism, template, count */
    case 59: template(out, c, d); template(out, e, f); break;                        /* mechanism, two templates */
    case 61: fputs(" in=", out); hex(out, (void *)d, e); template(out, f, g); break; /* mechanism, key, data, length, template */
    case 62: template(out, d, e); break;                                             /* mechanism, key, template, count */
    case 30: case 31: case 34: case 35: case 38: case 39: case 43: case 44: case 47: case 63:
        fputs(" in=", out); hex(out, (void *)b, c); break;                           /* data, length */
    }
    fputc('\n', out);
    fclose(out);
}

static word read_word(word session, word object, word type) {
    word value = ~0UL;
    struct attribute a = {type, &value, sizeof value};
    real->f[24](session, object, (word)&a, 1, 0, 0, 0, 0);
    return value;
}

static void lie(word session, word object, word pointer, word count) {
    struct attribute *a = (struct attribute *)pointer;
    char line[200];
    unsigned type, value, key_type;
    FILE *file = beside("faults", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "lie %x %x %x", &type, &value, &key_type) == 3)
            for (word i = 0; i < count; i++)
                if (a[i].type == type && a[i].value && read_word(session, object, CKA_KEY_TYPE) == key_type)
                    *(unsigned char *)a[i].value = (unsigned char)value;
    if (file) fclose(file);
}

static void flag(word info) {
    char line[200];
    unsigned flags;
    FILE *file = beside("faults", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "flags %x", &flags) == 1) *(word *)(info + 96) |= flags;
    if (file) fclose(file);
}

static word told(const char *name) {
    char line[200], wanted[60];
    unsigned code, found = 0;
    FILE *file = beside("faults", "r");
    while (file && fgets(line, sizeof line, file))
        if (sscanf(line, "answer %59s %x", wanted, &code) == 2 && !strcmp(wanted, name)) found = code;
    if (file) fclose(file);
    return found;
}

static void expose(word pointer, word count) {
    struct attribute *a = (struct attribute *)pointer;
    for (word i = 0; i < count; i++)
        if (a[i].type == CKA_PRIVATE && a[i].value) *(unsigned char *)a[i].value = 0;
}

static void falsify(const unsigned char *digest, unsigned char *signature) {
    static unsigned char kept[1000][96];
    static int count;
    if (!signature) return;
    if (fault("replay"))
        for (int i = 0; i < count; i++)
            if (!memcmp(kept[i], digest, 32)) { memcpy(signature, kept[i] + 32, 64); return; }
    if (count < 1000) { memcpy(kept[count], digest, 32); memcpy(kept[count++] + 32, signature, 64); }
    if (fault("bend")) signature[40] ^= 1;
}

static word call(int n, word a, word b, word c, word d, word e, word f, word g, word h) {
    char name[60];
    snprintf(name, sizeof name, "fail %s", names[n]);
    note(n, b, c, d, e, f, g);
    if (fault("unplugged")) return CKR_DEVICE_REMOVED;
    if (fault(name)) return CKR_DEVICE_ERROR;
    if (told(names[n])) return told(names[n]);
    snprintf(name, sizeof name, "hang %s", names[n]);
    while (fault(name)) sleep(1000);
    if (fault("print")) { printf("PRINTED %s\n", names[n]); fflush(stdout); fprintf(stderr, "PRINTED %s\n", names[n]); }
    if (n == 22 && fault("keep")) return 0;
    if (n == 61 && *(word *)b == CKM_AES_KEY_WRAP_PAD && fault("spurn")) return CKR_DEVICE_ERROR;
    word answer = real->f[n](a, b, c, d, e, f, g, h);
    if (n == 6 && answer == 0 && fault("rename")) {
        memset((char *)b + 32, ' ', 48);
        memcpy((char *)b + 32, "Maker", 5);
        memcpy((char *)b + 64, "Model 5", 7);
    }
    if (n == 6 && answer == 0) flag(b);
    if (n == 24) lie(a, b, c, d);
    if (n == 24 && answer == 0 && fault("public")) expose(c, d);
    if (n == 43 && answer == 0) falsify((unsigned char *)b, (unsigned char *)d);
    return answer;
}

#define FORWARD(number, name) \
    static word our_##name(word a, word b, word c, word d, word e, word f, word g, word h) { return call(number, a, b, c, d, e, f, g, h); }
NAMES(FORWARD)

__attribute__((visibility("default"))) word C_GetFunctionList(struct list **out) {
    if (!real) {
        void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
        word (*get)(struct list **) = library ? (word (*)(struct list **))dlsym(library, "C_GetFunctionList") : NULL;
        if (!get || get(&real)) return CKR_DEVICE_ERROR;
        memcpy(ours.version, real->version, 2);
#define SET(number, name) ours.f[number] = our_##name;
        NAMES(SET)
    }
    *out = &ours;
    return 0;
}
