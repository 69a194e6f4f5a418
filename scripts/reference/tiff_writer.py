"""A small TIFF writer, which writes what it is told, right or wrong. Used by image_variants.py."""
import struct

import imagecodecs
import numpy as np

SHORT, LONG, LONG8, SSHORT = 3, 4, 16, 8
NONE, RLE, G3, G4, LZW, JPEG, ZIP, PACKBITS = 1, 2, 3, 4, 5, 7, 8, 32773


def packed(rows, bits, order="<"):
    """Rows of samples as bytes, each row from a whole byte on."""
    rows = np.atleast_2d(rows)
    if bits == 8:
        return [row.astype(np.uint8).tobytes() for row in rows]
    if bits == 16:
        return [row.astype(order + ("i2" if rows.dtype.kind == "i" else "u2")).tobytes() for row in rows]
    if bits == 32:
        return [row.astype(order + rows.dtype.kind + "4").tobytes() for row in rows]
    out = []
    for row in rows:
        text = "".join(format(int(v), f"0{bits}b") for v in row)
        text += "0" * (-len(text) % 8)
        out.append(int(text, 2).to_bytes(len(text) // 8, "big"))
    return out


def mirrored(data):
    return bytes(int(f"{byte:08b}"[::-1], 2) for byte in data)


def compressed(data, rows, compression, **jpeg):
    if compression == LZW:
        return imagecodecs.lzw_encode(data)
    if compression == ZIP:
        return imagecodecs.zlib_encode(data)
    if compression == PACKBITS:
        return b"".join(imagecodecs.packbits_encode(row) for row in rows)
    return data


def chunks(image, bits, compression=NONE, tile=None, rows_per_strip=None, planar=1, predictor=1, order="<", fill=1,
           jpeg=None):
    """image: (rows, columns, samples). Returns the chunks, compressed."""
    height, width, samples = image.shape
    planes = [image] if planar == 1 else [image[:, :, i:i + 1] for i in range(samples)]
    out = []
    for plane in planes:
        if tile:
            tw, th = tile
            padded = np.pad(plane, ((0, -height % th), (0, -width % tw), (0, 0)), "edge")
            parts = [padded[y:y + th, x:x + tw] for y in range(0, height, th) for x in range(0, width, tw)]
        else:
            step = rows_per_strip or height
            parts = [plane[y:y + step] for y in range(0, height, step)]
        for part in parts:
            if compression == JPEG:
                out.append(jpeg(part))
                continue
            if predictor == 2:
                part = np.concatenate([part[:, :1], np.diff(part.astype(np.int64), axis=1) % (1 << bits)], 1)
                part = part.astype(np.uint16)
            rows = packed(part.reshape(part.shape[0], -1), bits, order)
            data = compressed(b"".join(rows), rows, compression)
            out.append(mirrored(data) if fill == 2 else data)
    return out


def tags_of(image, bits, photometric, parts, compression=NONE, tile=None, rows_per_strip=None, planar=1, predictor=1,
            fill=1, extra=(), **more):
    """more: tags by number (t270=...), which replace those that are made here; None leaves one out."""
    height, width, samples = image.shape
    tags = {256: width, 257: height, 258: [bits] * samples, 259: compression, 262: photometric, 277: samples}
    if tile:
        tags |= {322: tile[0], 323: tile[1], 324: parts, 325: [len(part) for part in parts]}
    else:
        tags |= {273: parts, 278: rows_per_strip or height, 279: [len(part) for part in parts]}
    if planar == 2:
        tags[284] = 2
    if predictor > 1:
        tags[317] = predictor
    if fill == 2:
        tags[266] = 2
    if extra:
        tags[338] = list(extra)
    if image.dtype.kind in "if":
        tags[339] = [{"i": 2, "f": 3}[image.dtype.kind]] * samples
    for name, value in more.items():
        tags[int(name[1:])] = value
    return {tag: value for tag, value in tags.items() if value is not None}


def tiff(pages, order="<", big=False):
    """pages: dictionaries of tags; tag 273 or 324 holds the chunks themselves."""
    out = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42))
    out += struct.pack(order + "HHQ", 8, 0, 0) if big else struct.pack(order + "I", 0)
    link = 8 if big else 4
    word, head, size = ("Q", "Q", 8) if big else ("I", "H", 4)
    for tags in pages:
        tags = dict(tags)
        for tag in (273, 324):
            if tag in tags and isinstance(tags[tag][0], bytes):
                places = []
                for part in tags[tag]:
                    out += b"\0" * (len(out) % 2)
                    places.append(len(out))
                    out += part
                tags[tag] = places
        entries = []
        for tag, value in sorted(tags.items()):
            kind = None
            if isinstance(value, tuple):
                kind, value = value
            if isinstance(value, (bytes, str)):
                data = value.encode() + b"\0" if isinstance(value, str) else value
                entries.append((tag, kind or (2 if isinstance(value, str) else 7), len(data), data))
                continue
            values = list(value) if isinstance(value, (list, np.ndarray)) else [value]
            if kind is None:
                kind = SHORT if max(values) < 65536 and tag not in (273, 324, 279, 325) else LONG8 if big else LONG
            form = {1: "B", SHORT: "H", LONG: "I", LONG8: "Q", SSHORT: "h"}[kind]
            entries.append((tag, kind, len(values), struct.pack(f"{order}{len(values)}{form}", *values)))
        placed = []
        for tag, kind, count, data in entries:
            if len(data) > size:
                out += b"\0" * (len(out) % 2)
                at = len(out)
                out += data
                data = struct.pack(order + word, at)
            placed.append(struct.pack(order + "HH" + word, tag, kind, count) + data.ljust(size, b"\0"))
        out += b"\0" * (len(out) % 2)
        out[link:link + size] = struct.pack(order + word, len(out))
        out += struct.pack(order + head, len(placed)) + b"".join(placed)
        link = len(out)
        out += b"\0" * size
    return bytes(out)
