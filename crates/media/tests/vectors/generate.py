"""Makes rec1.json with another implementation (pyca/cryptography over OpenSSL), so that ours cannot agree
only with itself. Run it by hand: the crate's tests only read the result."""
import struct, hashlib, json, os
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
def crc32c(data):
    crc=0xffffffff
    for b in data:
        crc^=b
        for _ in range(8): crc=(crc>>1)^(0x82f63b78 if crc&1 else 0)
    return crc^0xffffffff
C=65536
def plain(n): return bytes((i*31+(i>>8)*7)&0xff for i in range(n))
def nonce(i): return bytes([0xA0+k for k in range(4)])+struct.pack('>Q',i*0x0101)
def make(suite,n,rec):
    key=bytes(range(32)); fid=bytes(range(0x40,0x50))
    h=bytearray(64); h[:4]=b'REC1'; h[4]=1; h[5]=suite; h[6]=16; h[8:24]=fid
    h[60:]=struct.pack('>I',crc32c(bytes(h[:60])))
    cipher=AESGCM(key) if suite==1 else ChaCha20Poly1305(key)
    p=plain(n); chunks=[p[i:i+C] for i in range(0,n,C)] or [b'']
    out=bytes(h)
    for i,c in enumerate(chunks):
        aad=b'REC1'+bytes([1,suite])+fid+struct.pack('>Q',i)+bytes([1 if i==len(chunks)-1 else 0])+hashlib.sha256(rec.encode()).digest()
        out+=nonce(i)+cipher.encrypt(nonce(i),c,aad)
    return out
d=os.path.dirname(os.path.abspath(__file__))
vec=[]
for suite in (1,2):
    for n in (0,1,100,C,C+1,2*C):
        out=make(suite,n,'crm:CA60acce5a807aaa68a1af7d781a723f6e')
        name=f'suite{suite}-{n}'
        v=dict(name=name,suite=suite,plain_len=n,sealed_len=len(out),sealed_sha256=hashlib.sha256(out).hexdigest())
        if n<=100: v['sealed_hex']=out.hex()
        else: v['header_hex']=out[:64].hex()
        vec.append(v)
json.dump(dict(key_hex=bytes(range(32)).hex(),file_id_hex=bytes(range(0x40,0x50)).hex(),recording_id='crm:CA60acce5a807aaa68a1af7d781a723f6e',
  plain='byte i is (31*i + 7*(i>>8)) mod 256',nonce='of chunk i: a0a1a2a3 | (0x0101*i) as u64 big endian',vectors=vec),open(d+'/rec1.json','w'),indent=1)
open(d+'/rec1.json','a').write('\n')
