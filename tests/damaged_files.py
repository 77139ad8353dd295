"""Damaged and hostile files, made from good ones: the kinds of damage that loaders must survive."""

import io
import json
import lzma
import struct
import zipfile

import numpy as np

STRANGE = (
    None,
    True,
    -5,
    0,
    2.5,
    10**9,
    1e308,
    10**400,
    "",
    "x",
    "inf",
    "nan",
    "\ud800",
    "a\0b",
    [],
    {},
    [[]],
    [-1],
    [10**9, 10**9],
    {"x": 1},
)


def broken(content, rng, number):
    """Yield copies of `content` that are cut, flipped, overwritten, doubled or mixed up."""
    yield from (b"", content[:1], content[: len(content) // 2], b"\0" * len(content))
    yield from (content + content, content + b"\0", content[::-1], b"\xff" * 100)
    for _ in range(number):
        data, kind = bytearray(content), int(rng.integers(6))
        place = int(rng.integers(len(data)))
        if kind == 0:
            del data[place:]
        elif kind == 1:
            data[place] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            data[place : place + int(rng.integers(1, 64))] = bytes(int(rng.integers(1, 64)))
        elif kind == 3:
            data[place:place] = rng.bytes(int(rng.integers(1, 16)))
        elif kind == 4:
            for index in rng.integers(len(data), size=8):
                data[int(index)] = int(rng.integers(256))
        else:
            del data[place : place + int(rng.integers(1, 32))]
        yield bytes(data)


def nested(depth=100_000):
    """Yield texts of JSON that is nested too deeply, or that holds numbers without end."""
    yield b"[" * depth
    yield b"[" * depth + b"]" * depth
    yield b'{"kind":' * depth + b"1" + b"}" * depth
    yield b'{"kind": ' + b"9" * depth + b"}"
    yield b"-" * depth


def strange_json(text, rng, number):
    """Yield JSON texts in which one value is removed, or replaced by one of another kind."""
    for _ in range(number):
        content = json.loads(text)
        place, key = _somewhere(content, rng)
        if rng.random() < 0.2:
            del place[key]
        else:
            place[key] = STRANGE[int(rng.integers(len(STRANGE)))]
        yield json.dumps(content).encode("utf-8", "surrogatepass")


def _somewhere(content, rng):
    places = []

    def walk(part):
        for key in list(part) if isinstance(part, dict) else range(len(part)):
            places.append((part, key))
            if isinstance(part[key], (dict, list)):
                walk(part[key])

    walk(content)
    return places[int(rng.integers(len(places)))]


def npz(arrays, compress=zipfile.ZIP_STORED):
    """Return an archive of arrays, or of the bytes of what claim to be arrays."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compress) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", array if isinstance(array, bytes) else npy(array))
    return stream.getvalue()


def npy(array):
    """Return the bytes of an .npy file, of objects too."""
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def lying_npy(header, data=b"\1\2\3\4", version=(1, 0)):
    """Return an .npy file with the header as it is given."""
    text = header.encode() + b"\n"
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text))
    return b"\x93NUMPY" + bytes(version) + size + text + data


def hostile_npy():
    """Yield .npy files that announce what they have not, or what nobody should build."""
    said = "{{'descr': {}, 'fortran_order': False, 'shape': {}, }}"
    for descr, shape in [
        ("'<f8'", "(10**12,)"),
        ("'<f8'", "(1000000000000,)"),
        ("'<f8'", "(99999999999999999999, 99999999999999999999)"),
        ("'<f8'", "(-1,)"),
        ("'<f8'", "(0, -5)"),
        ("'<f8'", "(True,)"),
        ("'|u1'", "(1000000000000, 0)"),
        ("'|V0'", "(1000000000000,)"),
        ("'|S0'", "(1000000000000,)"),
        ("'<U1000000000'", "(1,)"),
        ("'|O'", "(1,)"),
        ("[('a', '<f8')]", "(1,)"),
        ("'<M8[s]'", "(1,)"),
        ("'nonsense'", "(1,)"),
        ("'<f8'", "(" + "1," * 100 + ")"),
        ("'<f8'", "'x'"),
        ("'<f8'", "(" * 3000),
        ("'<f8'", "-" * 3000 + "1"),
        ("'<f8'", "9" * 5000),
    ]:
        yield lying_npy(said.format(descr, shape))
    yield lying_npy("{}")
    yield lying_npy("{'descr': '<f8'}")
    yield lying_npy("[1]")
    yield lying_npy("{" + " " * 60000 + "}")
    yield lying_npy("x" * 3_000_000, version=(2, 0))
    yield b"\x93NUMPY\x09\x00" + b"\0" * 100
    yield b"\x93NUMPY\x02\x00\xff\xff\xff\xff"
    yield npy(np.array([{"a": 1}, None], dtype=object))


def hostile_npz(good):
    """Yield archives with the members of `good` in which one is hostile, or the archive is."""
    names = list(good)
    for position, content in enumerate(hostile_npy()):
        yield npz({**good, names[position % len(names)]: content})
    yield npz({name: npy(np.float64(1.5)) for name in names})
    yield npz({name: npy(np.array(["text"])) for name in names})
    yield npz({name: npy(np.zeros((0, 3))) for name in names})
    yield npz({name: npy(np.array([np.nan, np.inf])) for name in names})
    yield npz({name: npy(np.array([3 * 10**8])) for name in names})
    yield npz({name: npy(np.array([2**63], np.uint64)) for name in names})
    for name in names:
        yield npz({key: value for key, value in good.items() if key != name})
        yield npz({**good, name: np.array([[3 * 10**8]])})
    yield npz({})
    yield npz({"x" * 60000: np.zeros(1)})
    whole = npz(good)
    for method in (1, 9, 12, 14, 97, 99):  # methods that are not unpacked, or by other means
        yield _with_method(whole, method)
    yield _encrypted(whole)
    yield from bombs(names[0])
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_LZMA) as archive:
        for name, array in good.items():
            archive.writestr(f"{name}.npy", npy(array))
    content = bytearray(stream.getvalue())
    content[len(content) // 3] ^= 0xFF
    yield bytes(content)
    yield lzma.compress(whole)


def bombs(name, size=2**33):
    """Yield small archives that announce many bytes."""
    small = npz({name: b"0" * 1000}, zipfile.ZIP_DEFLATED)
    for claimed in (2**31 - 1, 2**32 - 2):
        yield small.replace(struct.pack("<I", 1000), struct.pack("<I", claimed))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for copy in range(40):
            archive.writestr(f"{name}{copy}.npy", b"0" * 2**20)
    members = stream.getvalue()
    claim, told = struct.pack("<I", 2**20), struct.pack("<I", size // 40)
    yield members.replace(claim, told)


def _with_method(archive, method):
    content = bytearray(archive)
    for mark, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = content.find(mark)
        while start >= 0:
            content[start + offset : start + offset + 2] = struct.pack("<H", method)
            start = content.find(mark, start + 4)
    return bytes(content)


def _encrypted(archive):
    content = bytearray(archive)
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(mark)
        while start >= 0:
            content[start + offset] |= 1
            start = content.find(mark, start + 4)
    return bytes(content)
