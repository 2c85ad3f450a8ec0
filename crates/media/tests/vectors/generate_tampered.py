"""Makes rec1-tampered.json: files that every reader of REC1 must refuse, one failure each, after the classes of age's
test vectors. Made with pyca/cryptography, like rec1.json. Each vector says how its bytes come about (`chunks`: index in
the AAD, final flag, plain length, in the order of the file; then `do`), so that any implementation can make them, and
their SHA-256, so that it knows that it did. Run it by hand: the crate's tests only read the result."""
import hashlib, json, os, struct
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from generate import C, crc32c, nonce, plain
REC = 'crm:CA60acce5a807aaa68a1af7d781a723f6e'
KEY, FID = bytes(range(32)), bytes(range(0x40, 0x50))
SEALED = C + 28
def header(suite):
    h = bytearray(64); h[:4] = b'REC1'; h[4] = 1; h[5] = suite; h[6] = 16; h[8:24] = FID
    h[60:] = struct.pack('>I', crc32c(bytes(h[:60])))
    return bytes(h)
def build(suite, chunks):
    cipher = AESGCM(KEY) if suite == 1 else ChaCha20Poly1305(KEY)
    out = header(suite)
    for index, final, length in chunks:
        aad = b'REC1' + bytes([1, suite]) + FID + struct.pack('>Q', index) + bytes([final]) + hashlib.sha256(REC.encode()).digest()
        text = plain(index * C + length)[index * C:]
        out += nonce(index) + cipher.encrypt(nonce(index), text, aad)
    return out
def apply(out, steps):
    out = bytearray(out)
    for step in steps:
        (op, value), = step.items()
        if op == 'truncate': del out[value:]
        elif op == 'append_zeros': out += bytes(value)
        elif op == 'flip_bit': out[value // 8] ^= 1 << (value % 8)
        elif op == 'set_byte': out[value[0]] = value[1]
        elif op == 'fix_crc': out[60:64] = struct.pack('>I', crc32c(bytes(out[:60])))
        elif op == 'chunk_order':
            parts = [out[64 + i * SEALED:64 + (i + 1) * SEALED] for i in range((len(out) - 64 + SEALED - 1) // SEALED)]
            out = bytearray(out[:64]) + b''.join(parts[i] for i in value)
    return bytes(out)
def whole(n):
    count = max(1, -(-n // C))
    return [[i, int(i == count - 1), C if i < count - 1 else n - i * C] for i in range(count)]
vectors = []
for suite in (1, 2):
    three, small, full = whole(2 * C + 500), whole(100), whole(2 * C)
    end = 64 + 2 * SEALED + 528
    cases = [
        ('empty file', three, [{'truncate': 0}]), ('half a header', three, [{'truncate': 63}]),
        ('header alone', three, [{'truncate': 64}]), ('half a nonce', small, [{'truncate': 70}]),
        ('nonce and tag cut', small, [{'truncate': 64 + 27}]),
        ('truncated by a byte', three, [{'truncate': end - 1}]),
        ('truncated within a chunk', three, [{'truncate': 64 + SEALED + 900}]),
        ('missing final chunk', three, [{'truncate': 64 + 2 * SEALED}]),
        ('missing final of full chunks', full, [{'truncate': 64 + SEALED}]),
        ('trailing byte', three, [{'append_zeros': 1}]), ('trailing nonce and tag', three, [{'append_zeros': 28}]),
        ('trailing chunk', full, [{'append_zeros': SEALED}]),
        ('chunks swapped', three, [{'chunk_order': [1, 0, 2]}]), ('a chunk twice', three, [{'chunk_order': [0, 0, 2]}]),
        ('first chunk missing', three, [{'chunk_order': [1, 2]}]), ('middle chunk missing', three, [{'chunk_order': [0, 2]}]),
        ('final chunk alone', three, [{'chunk_order': [2]}]),
        ('no chunk is final', [[0, 0, C], [1, 0, 500]], []), ('final flag in the middle', [[0, 1, C], [1, 1, 500]], []),
        ('empty final chunk behind full ones', [[0, 0, C], [1, 1, 0]], []),
        ('short chunk in the middle', [[0, 0, 500], [1, 1, 500]], []),
        ('counted from one', [[1, 0, C], [2, 1, 500]], []),
        ('bit of the nonce', small, [{'flip_bit': 64 * 8}]), ('bit of the text', small, [{'flip_bit': 80 * 8 + 3}]),
        ('bit of the tag', small, [{'flip_bit': (64 + 12 + 100) * 8 + 7}]),
        ('bit of an empty file\'s tag', whole(0), [{'flip_bit': 80 * 8}]),
        ('bit of the first of three', three, [{'flip_bit': (64 + 12 + 5) * 8}]),
        ('bit of the last of three', three, [{'flip_bit': (end - 20) * 8}]),
    ]
    for name, byte, value in [('magic', 0, 0x53), ('version', 4, 2), ('suite 0', 5, 0), ('suite 3', 5, 3),
                              ('the other suite', 5, 3 - suite), ('chunk size', 6, 15), ('flags', 7, 1),
                              ('file id', 8, 0x41), ('reserved, first', 24, 1), ('reserved, last', 59, 1)]:
        cases.append((f'header: {name}', small, [{'set_byte': [byte, value]}]))
        cases.append((f'header with a good checksum: {name}', small, [{'set_byte': [byte, value]}, {'fix_crc': True}]))
    cases.append(('header: checksum', small, [{'flip_bit': 60 * 8}]))
    for name, chunks, steps in cases:
        out = apply(build(suite, chunks), steps)
        vectors.append(dict(name=name, suite=suite, chunks=chunks, do=steps, len=len(out),
                            sha256=hashlib.sha256(out).hexdigest()))
here = os.path.dirname(os.path.abspath(__file__))
doc = dict(key_hex=KEY.hex(), file_id_hex=FID.hex(), recording_id=REC,
           plain='as in rec1.json; a chunk holds what stands from 65536*index on', nonce='as in rec1.json, by index', vectors=vectors)
with open(here + '/rec1-tampered.json', 'w') as file:
    file.write('{\n' + ',\n'.join(f' "{k}": {json.dumps(v)}' for k, v in doc.items() if k != 'vectors'))
    file.write(',\n "vectors": [\n' + ',\n'.join('  ' + json.dumps(v) for v in vectors) + '\n ]\n}\n')
