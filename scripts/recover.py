#!/usr/bin/env python3
"""Recover a key from its shares, without the tool that made them. docs/recovery.md is the procedure.
    python3 -I recover.py gf256 bip39.txt --record key-record.json [SEALED SHARE ...]
    python3 -I recover.py slip39 slip39.txt [--record key-record.json] [SEALED SHARE ...]
Sealed shares are files. Open ones are typed: A1 and 64 digits (gf256; A alone: a site's share), or a mnemonic (slip39).
Python's standard library is enough, but for Argon2id (sealed shares): from `cryptography`, or libargon2.
IT SHOWS THE KEY ON THE SCREEN: use a machine that never had a network and never will have one again."""

import argparse
import contextlib
import ctypes
import getpass
import hashlib
import hmac
import json
import re
import struct
from itertools import chain
from pathlib import Path

LETTERS = "ABCDEFGHIJKLMNOP"  # SLIP-39 has up to 16 groups; this tool has sites A to I
PROFILES = {1: (256 * 1024, 3, 4), 2: (1024 * 1024, 4, 4), 3: (8 * 1024, 1, 1)}  # KiB, passes, lanes
BIP39 = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"  # SHA-256 of the list of
SLIP39 = "bcc4555340332d169718aed8bf31dd9d5248cb7da6e5d355140ef4f1e601eec3"  # words, one to a line
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
RS = (0xE0E040, 0x1C1C080, 0x3838100, 0x7070200, 0xE0E0009, 0x1C0C2412, 0x38086C24, 0x3090FC48, 0x21B1F890, 0x3F3F120)


def demand(condition, message, error=ValueError):
    """Refuse a share or a file unless `condition` holds; ArithmeticError: nobody can tell which, so it ends."""
    if not condition:
        raise error(message)


def mul(a, b):
    """Multiply in GF(256) with the polynomial 0x11B, over which both schemes share, byte by byte (Shamir)."""
    product = 0
    while b:
        product ^= a if b & 1 else 0
        a, b = (a << 1) ^ (0x11B if a & 0x80 else 0), b >> 1
    return product


def interpolate(points, x):
    """Each byte at x of the polynomial through `points`, which are x to bytes (Lagrange)."""
    total = bytes(len(next(iter(points.values()))))
    for xi, share in points.items():
        weight = 1
        for xj in points.keys() - {xi}:
            for factor in (x ^ xj, *[xi ^ xj] * 254):  # to the power of 254: the inverse
                weight = mul(weight, factor)
        total = bytes(t ^ mul(weight, byte) for t, byte in zip(total, share, strict=True))
    return total


def combine(what, points, threshold, at=0):
    """What is shared at x = `at` (0; SLIP-39: 255, with a digest at 254), which further shares must agree to."""
    demand(len(points) >= threshold, f"{what}: {len(points)} shares, {threshold} needed. Nothing was combined.")
    used = dict(sorted(points.items())[:threshold])
    for x, share in points.items():
        demand(interpolate(used, x) == share, f"{what}: {x + (at > 0)} disagrees with others: one is wrong.")
    secret, digest = interpolate(used, at), interpolate(used, 254)
    fits = not at or threshold == 1 or hmac.digest(digest[4:], secret, "sha256")[:4] == digest[:4]
    demand(fits, f"{what}: the digest does not fit. A share is of another set, or forged.")
    return secret


def argon2id(passphrase, salt, memory, passes, lanes):
    """44 bytes (RFC 9106), key and nonce of ChaCha20-Poly1305 (RFC 8439); None where there is no Argon2id."""
    with contextlib.suppress(ImportError):
        from cryptography.hazmat.primitives.kdf.argon2 import Argon2id  # noqa: PLC0415 - not always there

        return Argon2id(salt=salt, length=44, iterations=passes, lanes=lanes, memory_cost=memory).derive(passphrase)
    for name in ("libargon2.so.1", "libargon2.1.dylib", "libargon2.dll"):
        with contextlib.suppress(OSError):
            out, size = ctypes.create_string_buffer(44), ctypes.c_size_t
            texts = (passphrase, size(len(passphrase)), salt, size(len(salt)))
            failed = ctypes.CDLL(name).argon2id_hash_raw(passes, memory, lanes, *texts, out, size(44))
            demand(not failed, f"libargon2 says {failed}: are {memory // 1024} MiB of memory free?")
            return out.raw
    return None


def chacha20(key, counter, nonce):
    """One block of the key stream, 64 bytes."""
    state = [*(start := struct.unpack("<16I", b"expand 32-byte k" + key + counter.to_bytes(4, "little") + nonce))]
    for turn in range(80):  # 10 times four columns and four diagonals
        i, shift = turn % 4, turn // 4 % 2
        a, b, c, d = i, 4 + (i + shift) % 4, 8 + (i + 2 * shift) % 4, 12 + (i + 3 * shift) % 4
        for x, y, z, left in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            state[x] = (state[x] + state[y]) % 2**32
            word = state[z] ^ state[x]
            state[z] = (word << left | word >> 32 - left) % 2**32
    return struct.pack("<16I", *((s + t) % 2**32 for s, t in zip(start, state, strict=True)))


def decrypt(key, nonce, box, head):
    """The 32 bytes in `box`, or None if its tag does not fit key and head."""
    data = b"".join(part + bytes(-len(part) % 16) for part in (head, box[:-16]))
    data += struct.pack("<QQ", len(head), len(box) - 16)
    first, total = chacha20(key, 0, nonce), 0
    r = int.from_bytes(first[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    for at in range(0, len(data), 16):
        total = (total + int.from_bytes(data[at : at + 16] + b"\1", "little")) * r % (2**130 - 5)
    total = (total + int.from_bytes(first[16:32], "little")) % 2**128
    plain = bytes(a ^ b for a, b in zip(box[:-16], chacha20(key, 1, nonce)[:32], strict=True))
    return plain if hmac.compare_digest(total.to_bytes(16, "little"), box[-16:]) else None


def unlock(raw, name):
    """The share in a sealed share of 86 bytes; three passphrases at most."""
    memory, passes, lanes = PROFILES[raw[3]]
    for _ in range(3):
        passphrase = b" ".join(getpass.getpass(f"{name}: passphrase: ").encode().split())
        if (derived := argon2id(passphrase, raw[22:38], memory, passes, lanes)) is None:
            print("No Argon2id: install `cryptography` 44 or libargon2, or run OpenSSL 3.2 (one space between words):")
            print(f"openssl kdf -keylen 44 -kdfopt pass:'THE PASSPHRASE' -kdfopt hexsalt:{raw[22:38].hex()} \\")
            print(f"  -kdfopt iter:{passes} -kdfopt lanes:{lanes} -kdfopt memcost:{memory} ARGON2ID")
            derived = unhex(f"{name}: derived", getpass.getpass("What it says, 88 digits: "), 44)
        if share := decrypt(derived[:32], derived[32:], raw[38:], raw[:38]):
            return share
        print(f"{name}: did not open: the passphrase is wrong, or the sealed share is damaged.")
    raise ValueError(f"{name}: set aside; nothing is lost. Look at the keyboard, or take another share.")


def unhex(name, text, size):
    """Bytes from hexadecimal digits, which may stand in groups."""
    digits, expected = re.sub("[ :]", "", text), f"{2 * size} digits of 0-9 and A-F"
    demand(re.fullmatch("[0-9A-Fa-f]*", digits) and len(digits) == 2 * size, f"{name}: expected {expected}.")
    return bytes.fromhex(digits)


def polymod(numbers, extendable):
    """SLIP-39's checksum (RS1024): 1 if the last three numbers are that of the others."""
    check = 1
    for number in (*(b"shamir_extendable" if extendable else b"shamir"), *numbers):
        top, check = check >> 20, (check & 0xFFFFF) << 10 ^ number
        for bit, generator in enumerate(RS):
            check ^= generator if top >> bit & 1 else 0
    return check


class Set:
    """Custodian shares give site shares (SLIP-39: members, groups), site shares the secret (docs/formats.md)."""

    def __init__(self, slip39, words, record, need):
        self.slip39, self.words, self.shares, self.commitments = slip39, words, {}, {}
        self.identifier = self.head = None  # head: SLIP-39's identifier, flag and exponent; bits of a value
        self.terms = {letter: bytes((0, 1, need[0], 0, need[1], 0)) for letter in LETTERS if need}
        if record:
            known = json.loads(record)
            self.identifier = hashlib.sha256(record).hexdigest()[:20]
            self.commitments = known["custodian_commitments"] | known["site_commitments"]
            mark, plan = {"practice": 0x50, "production": 0x4D}[known["mark"]], known["plan"]
            for site in plan["sites"]:
                numbers = (plan["site_threshold"], len(plan["sites"]), site["threshold"], site["members"])
                self.terms[site["letter"]] = bytes((mark, 1 + slip39, *map(int, numbers)))

    def add(self, entry):
        """Take in one share, or refuse it by its position: a file, its passphrase asked last; or as typed."""
        words = not (sealed := isinstance(entry, Path)) and self.slip39
        read = self.file if sealed else self.mnemonic if words else self.digits
        name, terms, identifier, head, share = read(entry)
        demand(words or "0" not in name, f"{name}: x = 0 would dictate the secret. It is forged: leave it out.")
        demand(words or re.fullmatch("[A-I][1-9]?", name), f"{name}: expected a position, A1 to I9, or a letter.")
        demand(name not in self.shares, f"{name}: repeated. It is in already: leave one of them out.")
        demand(self.identifier in (None, identifier), f"{name}: of set {identifier}, not {self.identifier}.")
        demand(self.head in (None, head), f"{name}: of another set. Begin again, without one.", ArithmeticError)
        demand(words or (terms and min(terms[2], terms[4]) > 1), f"{name}: thresholds unknown, or below 2: see --need.")
        same = {t if at == name[0] else t[:4] for at, t in self.terms.items()} <= {terms, terms[:4]}
        demand(same, f"{name}: its kind or thresholds contradict the others'.", (ValueError, ArithmeticError)[words])
        share = share or unlock(entry.read_bytes(), name)
        for other, known in self.shares.items():
            demand(share != known, f"{name}: repeats {other}. One of the two is in the wrong place.")
        self.check(name, share)
        self.identifier, self.head, self.shares[name] = identifier, head, share
        self.terms |= {name[0]: terms} if name[1:] else {}
        if sealed and self.slip39:
            print(f"{name}: {self.words_of(name)}")

    def file(self, path):
        """Position, terms, set and head of a sealed share."""
        raw = path.read_bytes()
        known = len(raw) == 86 and raw[0] == 1 and raw[2] == 1 + self.slip39 and raw[3] in PROFILES
        demand(known, f"{path}: expected 86 bytes, version 1, scheme {1 + self.slip39}, profile 1, 2 or 3.")
        name = ("0" + LETTERS)[raw[18] :][:1] + str(raw[19])
        head = (int.from_bytes(raw[4:6], "big") >> 1 << 5 | 17, 260)  # SLIP-39: extendable, exponent 1; 256 bits
        return name, raw[1:3] + raw[14:18], raw[4:14].hex(), head, None

    def digits(self, text):
        """The same of a position, or a site's letter, and 64 digits; and the share."""
        name, _, digits = text.upper().partition(" ")
        like = None if name[1:] else next(iter(self.terms.values()), None)  # site shares: any site's terms will do
        return name, self.terms.get(name[0], like), self.identifier, self.head, unhex(name, digits, 32)

    def mnemonic(self, text):
        """The same of a SLIP-39 mnemonic, four letters of each word or more: group 1, member 1 is A1."""
        numbers = [[w[: max(4, len(word))] for w in self.words].index(word) for word in text.lower().split()]
        bits = 10 * len(numbers) - 70
        demand(bits >= 128 and bits % 16 <= 8, f"{len(numbers)} words, expected 20 or 33. Type it again.")
        prefix, value = (int("".join(f"{n:010b}" for n in part), 2) for part in (numbers[:4], numbers[4:-3]))
        demand(polymod(numbers, prefix >> 24 & 1) == 1, "the checksum does not fit: a word is wrong or swapped.")
        group, groups_needed, groups, member, needed = (prefix >> at & 15 for at in (16, 12, 8, 4, 0))
        name, good = f"{LETTERS[group]}{member + 1}", groups_needed <= groups and not value >> bits // 16 * 16
        demand(good, f"{name}: its group threshold or its padding cannot be. It is forged.")
        like = self.terms.get(name[0], next(iter(self.terms.values()), bytes(6)))  # for what a mnemonic does not say
        terms = bytes((*like[:2], groups_needed + 1, groups + 1, needed + 1, like[5]))
        return name, terms, self.identifier, (prefix >> 20, bits), value.to_bytes(bits // 16 * 2, "big")

    def words_of(self, name):
        """The mnemonic of a share that came sealed, for any SLIP-39 wallet."""
        terms, bits = self.terms[name[0]], self.head[0]
        for four in (LETTERS.index(name[0]), terms[2] - 1, terms[3] - 1, int(name[1]) - 1, terms[4] - 1):
            bits = bits << 4 | four
        bits = bits << 260 | int.from_bytes(self.shares[name], "big")
        numbers = [bits >> at & 1023 for at in range(290, -1, -10)]
        check = polymod([*numbers, 0, 0, 0], True) ^ 1
        return " ".join(self.words[n] for n in (*numbers, check >> 20, check >> 10 & 1023, check & 1023))

    def check(self, name, share):
        """Compare with the commitment in the key record, where there is one."""
        if self.commitments:
            demand(name in self.commitments, f"{name}: the key record has no such position. Look at the card.")
            tag = hashlib.sha256(f"cold-ceremony/{'custodian' if name[1:] else 'site'}-share".encode()).digest()
            message = tag * 2 + self.terms[name[0]] + bytes((LETTERS.index(name[0]) + 1, int(name[1:] or 0))) + share
            same = hashlib.sha256(message).hexdigest() == self.commitments[name]
            demand(same, f"{name}: not the share that the key record commits to: typed wrong, or forged.")

    def secret(self):
        """Each site's share from its custodians, then the secret from the sites. SLIP-39's x is one less."""
        demand(self.shares, "No share is in.")
        sites, first, at = {}, self.slip39, 255 * self.slip39
        for x, letter in enumerate(LETTERS, 1 - first):
            points = {int(n[1:]) - first: share for n, share in self.shares.items() if n[0] == letter and n[1:]}
            if points and len(points) < self.terms[letter][4]:
                print(f"site {letter}: {len(points)} custodian shares, {self.terms[letter][4]} needed. Not used.")
            elif points:
                sites[x] = combine(f"site {letter}, custodians", points, self.terms[letter][4], at)
                self.check(letter, sites[x])
            if letter in self.shares:
                same = sites.setdefault(x, self.shares[letter]) == self.shares[letter]
                demand(same, f"site {letter}: its share and its custodians' disagree: leave one of them out.")
        return combine("sites (A is 1)", sites, next(iter(self.terms.values()))[2], at)

    def decrypted(self, whole):
        """SLIP-39: what the sites share is the seed, encrypted."""
        head = self.head[0]  # identifier (15 bits), extendable (1), exponent (4)
        phrase = b"" if self.identifier else getpass.getpass("SLIP-39 passphrase (or Enter): ").encode()
        salt = b"" if head >> 4 & 1 else b"shamir" + (head >> 5).to_bytes(2, "big")
        left, right = whole[: len(whole) // 2], whole[len(whole) // 2 :]
        for step in (3, 2, 1, 0):
            key = hashlib.pbkdf2_hmac("sha256", bytes([step]) + phrase, salt + right, 2500 << (head & 15), len(right))
            left, right = right, bytes(a ^ b for a, b in zip(left, key, strict=True))
        return right + left


def root(seed, version):
    """The extended private key of the root (BIP-32)."""
    made = hmac.digest(b"Bitcoin seed", seed, "sha512")
    raw, text = bytes.fromhex(version) + bytes(9) + made[32:] + b"\0" + made[:32], ""
    number = int.from_bytes(raw + hashlib.sha256(hashlib.sha256(raw).digest()).digest()[:4], "big")
    while number:
        number, text = number // 58, BASE58[number % 58] + text
    return text


def main():
    """Ask for shares until an empty line, then combine and show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("scheme", choices=("gf256", "slip39"))
    parser.add_argument("words", type=Path, help="the list of words")
    parser.add_argument("sealed", nargs="*", type=Path, help="sealed shares")
    parser.add_argument("--record", type=Path, help="key-record.json: each share is compared with it")
    parser.add_argument("--need", nargs=2, type=int, metavar=("SITES", "CUSTODIANS"), help="without a record")
    asked = parser.parse_intermixed_args()
    words, gf256 = asked.words.read_text().split(), asked.scheme == "gf256"
    same = hashlib.sha256("".join(f"{word}\n" for word in words).encode()).hexdigest() == (SLIP39, BIP39)[gf256]
    demand(same, f"{asked.words}: not the list for {asked.scheme}. Its SHA-256 must be the one in this script.")
    shares = Set(not gf256, words, asked.record and asked.record.read_bytes(), asked.need)
    for entry in chain(asked.sealed, iter(lambda: input("Share (Enter when all are in): ").strip(), "")):
        try:
            shares.add(entry)
        except (ValueError, OSError) as refused:
            print(f"refused: {refused}")
    secret = shares.secret()
    seed = secret if gf256 else shares.decrypted(secret)
    if gf256:
        bits = int.from_bytes(secret + hashlib.sha256(secret).digest()[:1], "big")
        text = " ".join(words[bits >> 11 * at & 2047] for at in reversed(range(24)))  # BIP-39
        seed = hashlib.pbkdf2_hmac("sha512", text.encode(), b"mnemonic", 2048)
        compared = "" if shares.commitments else "NOT COMPARED with a key record: wrong shares give wrong words.\n"
        print(f"{compared}secret: {secret.hex()}\n24 words: {text}")
    print(f"seed: {seed.hex()}\nroot key: {root(seed, '0488ade4')}\non test networks: {root(seed, '04358394')}")


if __name__ == "__main__":
    try:
        main()
    except (ArithmeticError, OSError, ValueError, KeyError, MemoryError, EOFError, KeyboardInterrupt) as error:
        raise SystemExit(f"refused: {str(error) or 'stopped'}") from None
