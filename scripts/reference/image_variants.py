"""Makes crates/acft-images/tests/fixtures/images/: small files of many kinds of JPEG, TIFF, PNG, BMP and WebP, with the
pixels that Pillow and tifffile decode, against which crates/acft-images/tests/image_variants.rs holds ours.

    pip install numpy pillow==13.* tifffile imagecodecs
    python scripts/reference/image_variants.py

`variants.json` lists the files: each has the file of its pixels (PNG, RGB of 8 bits) and how far a level may be off, or
what the reason has to say for which it is refused. Where Pillow and tifffile both read a file, they have to agree.
"""
import hashlib
import io
import json
import struct
import warnings
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageOps

from jpeg_writer import jpeg, shrunk, ycbcr
from tiff_writer import (G3, G4, JPEG, LONG, LZW, NONE, PACKBITS, RLE, ZIP, chunks, mirrored, tags_of, tiff)

OUT = Path(__file__).parents[2] / "crates/acft-images/tests/fixtures/images"
W, H = 19, 17
Y, X = np.mgrid[0:H, 0:W]
RGB = np.stack([40 + 170 * X / W + 20 * np.sin(Y / 4), 200 - 150 * Y / H, 60 + 110 * (X + Y) / (W + H) + 20 * np.cos(X / 5)],
               2).clip(0, 255).astype(np.uint8)
GREY = RGB[:, :, :1]
ALPHA = (60 + 190 * X / W).astype(np.uint8)[:, :, None]
BITS = ((X // 3 + Y // 2) % 3 == 0).astype(np.uint8)[:, :, None]
DEEP12 = (200 + 3600 * (X + Y) / (W + H)).astype(np.uint16)[:, :, None]
DEEP16 = (1000 + 60000 * (X * Y) / (W * H)).astype(np.uint16)[:, :, None]

variants, files = {}, {}


def keep(name, data):
    if name in files:
        raise SystemExit(f"{name} is there twice")
    files[name] = data


def pixels(array):
    """The name of a file with these pixels."""
    out = io.BytesIO()
    array = np.ascontiguousarray(np.broadcast_to(array, array.shape[:2] + (3,)).astype(np.uint8))
    image = Image.fromarray(array)
    if (array == array[:, :, :1]).all():
        image = image.convert("L")
    image.save(out, "PNG", optimize=True)
    name = "pixels-" + hashlib.sha256(array.tobytes() + repr(array.shape).encode()).hexdigest()[:12] + ".png"
    files[name] = out.getvalue()
    return name


def of_pillow(data):
    """What Pillow shows of a file, upright; its metadata may come behind its pixels."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))


def of_tifffile(data, convert):
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return convert(file.pages[0].asarray())


def shown(name, data, want=None, within=0, window=None):
    """A file that is to be read. `want`: its pixels; Pillow's where it is left out."""
    if want is None:
        want = of_pillow(data)
    variants[name] = {"pixels": pixels(np.asarray(want)), "within": within}
    if window:
        variants[name]["window"] = window
    keep(name, data)


def refused(name, data, says):
    variants[name] = {"refused": says}
    keep(name, data)


def grey(levels):
    return np.broadcast_to(levels, levels.shape[:2] + (3,))


def windowed(samples, low, high):
    return np.rint((np.clip(samples.astype(float), low, high) - low) * 255 / (high - low) + 1e-9)


# --- JPEG

def component_planes(sampling, planes):
    h, v = max(h for h, _ in sampling), max(v for _, v in sampling)
    return [shrunk(plane, a, b, h, v) for plane, (a, b) in zip(planes, sampling)]


def adobe(transform):
    return b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + bytes([transform])


JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"


def segment(marker, data):
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def exif(kind, value, order="<"):
    form = {1: "Bxxx", 3: "Hxx", 4: "I", 9: "i"}[kind]
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IHHHI" + form, 8, 1, 274, kind, 1, value) + bytes(4)
    return block


XMP = ('<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
       '<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" {}</rdf:RDF></x:xmpmeta>')


def xmp(value, element=False):
    inner = f"><tiff:Orientation>{value}</tiff:Orientation></rdf:Description>" if element else f'tiff:Orientation="{value}"/>'
    return XMP.format(inner).encode()


def jpegs():
    size, ycc = (W, H), ycbcr(RGB)
    samplings = {
        "444": [(1, 1)] * 3, "420": [(2, 2), (1, 1), (1, 1)], "422": [(2, 1), (1, 1), (1, 1)], "440": [(1, 2), (1, 1), (1, 1)],
        "411": [(4, 1), (1, 1), (1, 1)], "410": [(4, 2), (1, 1), (1, 1)], "441": [(1, 4), (1, 1), (1, 1)],
        "chroma-finer-across": [(1, 1), (2, 1), (2, 1)], "chroma-finer": [(1, 1), (2, 2), (2, 2)],
        "chroma-finer-down": [(2, 1), (1, 2), (1, 2)], "one-chroma-finer": [(2, 2), (2, 1), (1, 1)],
        "one-chroma-finest": [(1, 1), (2, 1), (1, 1)], "all-alike-2x2": [(2, 2)] * 3, "third": [(3, 1), (1, 1), (1, 1)],
    }
    for name, sampling in samplings.items():
        planes = component_planes(sampling, ycc)
        if sum(a * b for a, b in sampling) <= 10:
            shown(f"jpeg-{name}.jpg", jpeg(planes, size, sampling), within=3)
        if name in ("444", "420", "422", "440", "chroma-finer", "one-chroma-finer", "all-alike-2x2"):
            shown(f"jpeg-{name}-scans.jpg", jpeg(planes, size, sampling, [[0], [1], [2]]), within=3)
            shown(f"jpeg-{name}-scans-y-last.jpg", jpeg(planes, size, sampling, [[2], [1], [0]]), within=3)
            shown(f"jpeg-{name}-scans-y-cc.jpg", jpeg(planes, size, sampling, [[0], [1, 2]]), within=3)
            if sum(a * b for a, b in sampling) <= 10:
                shown(f"jpeg-{name}-restarts.jpg", jpeg(planes, size, sampling, restart=2), within=3)
    plain = component_planes(samplings["420"], ycc)
    whole = jpeg(plain, size, samplings["420"], head=JFIF)
    shown("jpeg-restarts-in-scans.jpg", jpeg(plain, size, samplings["420"], [[0], [1], [2]], restart=3), within=3)
    shown("jpeg-extended.jpg", jpeg(plain, size, samplings["420"], sof=0xC1), within=3)
    for sampling in ([(1, 1)], [(2, 2)], [(2, 1)]):
        name = "x".join(map(str, sampling[0]))
        shown(f"jpeg-grey-{name}.jpg", jpeg(ycc[:1], size, sampling), within=1)
    for sub in (0, 1, 2):
        for progressive in (False, True):
            out = io.BytesIO()
            Image.fromarray(RGB).save(out, "JPEG", subsampling=sub, progressive=progressive, quality=88)
            shown(f"jpeg-pillow-{sub}{'-progressive' if progressive else ''}.jpg", out.getvalue(), within=4)
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "JPEG", progressive=True, quality=88)
    progressive = out.getvalue()
    out = io.BytesIO()
    Image.fromarray(GREY[:, :, 0]).save(out, "JPEG", progressive=True, quality=88)
    shown("jpeg-grey-progressive.jpg", out.getvalue(), within=1)

    # Colours by markers and names of components.
    rgb = list(np.moveaxis(RGB.astype(float), 2, 0))
    full = samplings["444"]
    shown("jpeg-rgb-by-names.jpg", jpeg(rgb, size, full, ids=b"RGB"), within=2)
    shown("jpeg-rgb-by-adobe.jpg", jpeg(rgb, size, full, head=adobe(0)), within=2)
    shown("jpeg-rgb-by-adobe-420.jpg", jpeg(component_planes(samplings["420"], rgb), size, samplings["420"], head=adobe(0)), within=3)
    shown("jpeg-ycc-by-adobe.jpg", jpeg(ycc, size, full, head=adobe(1)), within=2)
    shown("jpeg-ycc-jfif-and-adobe-0.jpg", jpeg(ycc, size, full, head=JFIF + adobe(0)), within=2)
    shown("jpeg-ycc-jfif-and-names-rgb.jpg", jpeg(ycc, size, full, head=JFIF, ids=b"RGB"), within=2)
    shown("jpeg-ycc-names-012.jpg", jpeg(ycc, size, full, ids=(0, 1, 2)), within=2)
    black = np.full((H, W), 40.0)
    inks = [255 - plane for plane in rgb] + [black]
    written = [255 - plane for plane in inks]
    four = [(1, 1)] * 4
    shown("jpeg-cmyk.jpg", jpeg(written, size, four), within=3)
    shown("jpeg-cmyk-by-adobe.jpg", jpeg(written, size, four, head=adobe(0)), within=3)
    shown("jpeg-cmyk-scans.jpg", jpeg(written, size, four, [[0], [1], [2], [3]], head=adobe(0)), within=3)
    shown("jpeg-ycck.jpg", jpeg(ycc + [255 - black], size, four, head=adobe(2)), within=3)
    halved = [(2, 2), (1, 1), (1, 1), (2, 2)]
    shown("jpeg-ycck-420.jpg", jpeg(component_planes(halved, ycc + [255 - black]), size, halved, head=adobe(2)), within=4)
    shown("jpeg-ycck-scans.jpg", jpeg(ycc + [255 - black], size, four, [[0], [1], [2], [3]], head=adobe(2)), within=3)
    refused("jpeg-two-components.jpg", jpeg(ycc[:2], size, [(1, 1)] * 2), "2 components")

    # What is not read, and what is not whole.
    refused("jpeg-12-bit.jpg", imagecodecs.jpeg8_encode(np.ascontiguousarray(DEEP12[:, :, 0]), bitspersample=12), "12 bits a sample")
    refused("jpeg-lossless.jpg", imagecodecs.jpeg8_encode(np.ascontiguousarray(GREY[:, :, 0]), lossless=True), "lossless")
    refused("jpeg-arithmetic.jpg", whole.replace(b"\xff\xc0", b"\xff\xc9", 1), "arithmetic")
    refused("jpeg-arithmetic-progressive.jpg", progressive.replace(b"\xff\xc2", b"\xff\xca", 1), "arithmetic")
    refused("jpeg-hierarchical.jpg", whole.replace(b"\xff\xc0", b"\xff\xc5", 1), "hierarchical")
    scan = whole.index(b"\xff\xda")
    cut = whole[:(scan + len(whole)) // 2]
    refused("jpeg-cut.jpg", cut, "truncated")
    refused("jpeg-cut-then-another.jpg", cut + whole, "truncated")
    refused("jpeg-cut-to-its-header-then-another.jpg", whole[:scan + 14] + whole, "truncated")
    shown("jpeg-whole-then-another.jpg", whole + jpeg(plain[::-1], size, samplings["420"]), within=3)
    shown("jpeg-whole-then-a-cut-one.jpg", whole + cut, within=3)
    second = progressive.index(b"\xff\xda", progressive.index(b"\xff\xda") + 2)
    refused("jpeg-progressive-cut.jpg", progressive[:second + 40], "truncated")
    refused("jpeg-progressive-cut-then-another.jpg", progressive[:second + 40] + whole, "truncated")
    third = jpeg(plain, size, samplings["420"], [[0], [1], [2]])
    last = third.rindex(b"\xff\xda")
    refused("jpeg-a-scan-is-missing.jpg", third[:last] + b"\xff\xd9", "truncated")

    # Which way up.
    for turn in range(1, 9):
        head = segment(0xE1, b"Exif\0\0" + exif(3, turn, ">" if turn % 2 else "<"))
        shown(f"jpeg-exif-{turn}.jpg", jpeg(plain, size, samplings["420"], head=head), within=3)
    for kind, name in ((4, "long"), (9, "signed-long")):
        head = segment(0xE1, b"Exif\0\0" + exif(kind, 6))
        shown(f"jpeg-exif-{name}.jpg", jpeg(plain, size, samplings["420"], head=JFIF + head), within=3)
    head = segment(0xE1, b"Exif\0\0" + exif(3, 6))
    shown("jpeg-exif-scans.jpg", jpeg(plain, size, samplings["420"], [[0], [1], [2]], head=head), within=3)
    for element in (False, True):
        head = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(6, element))
        shown(f"jpeg-xmp-{'element' if element else 'attribute'}.jpg", jpeg(plain, size, samplings["420"], head=head), within=3)
    both = segment(0xE1, b"Exif\0\0" + exif(3, 3)) + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + xmp(6))
    shown("jpeg-exif-over-xmp.jpg", jpeg(plain, size, samplings["420"], head=both), within=3)


# --- TIFF

def page(image, bits, photometric, **how):
    shape = {key: how[key] for key in ("compression", "tile", "rows_per_strip", "planar", "predictor", "order", "fill", "jpeg")
             if key in how}
    tags = {key: value for key, value in how.items() if key not in ("order", "jpeg", "parts")}
    parts = how.get("parts") or chunks(image, bits, **shape)
    return tags_of(image, bits, photometric, parts, **tags)


def one(image, bits, photometric, big=False, **how):
    return tiff([page(image, bits, photometric, **how)], order=how.get("order", "<"), big=big)


def tiffs():
    names = {NONE: "plain", LZW: "lzw", ZIP: "deflate", PACKBITS: "packbits"}
    for compression, name in names.items():
        for layout, how in {"strip": {}, "strips": {"rows_per_strip": 5}, "tiles": {"tile": (16, 16)}}.items():
            shown(f"tiff-rgb-{name}-{layout}.tif", one(RGB, 8, 2, compression=compression, **how), RGB)
            shown(f"tiff-rgb-{name}-{layout}-planes.tif", one(RGB, 8, 2, compression=compression, planar=2, **how), RGB)
            shown(f"tiff-grey-{name}-{layout}.tif", one(GREY, 8, 1, compression=compression, **how), grey(GREY))
        for big in (False, True):
            for order in "<>":
                kind = ("big" if big else "classic") + ("-motorola" if order == ">" else "")
                if (big, order) != (False, "<"):
                    shown(f"tiff-{kind}-{name}.tif", one(RGB, 8, 2, big, compression=compression, order=order, rows_per_strip=6), RGB)
    shown("tiff-big-tiles.tif", one(RGB, 8, 2, True, compression=LZW, tile=(16, 16)), RGB)
    for compression in (LZW, ZIP):
        name = names[compression]
        shown(f"tiff-rgb-{name}-differences.tif", one(RGB, 8, 2, compression=compression, predictor=2, rows_per_strip=4), RGB)
        shown(f"tiff-rgb-{name}-differences-tiles.tif", one(RGB, 8, 2, compression=compression, predictor=2, tile=(16, 16)), RGB)
        shown(f"tiff-rgb-{name}-differences-planes.tif", one(RGB, 8, 2, compression=compression, predictor=2, planar=2), RGB)
        for order in "<>":
            shown(f"tiff-grey16-{name}-differences-{'II' if order == '<' else 'MM'}.tif",
                  one(DEEP16, 16, 1, compression=compression, predictor=2, order=order), grey(DEEP16 >> 8))
    shown("tiff-plain-with-a-predictor.tif", one(RGB, 8, 2, t317=2), RGB)
    refused("tiff-predictor-3.tif", one(RGB, 8, 2, compression=ZIP, t317=3), "predictor 3")
    shown("tiff-deflate-old-number.tif", one(RGB, 8, 2, compression=ZIP, t259=32946), RGB)
    eoi = imagecodecs.lzw_encode(RGB.tobytes())
    shown("tiff-lzw-without-an-end.tif", one(RGB, 8, 2, compression=LZW, parts=[eoi[:-1]]), RGB)
    shown("tiff-lzw-padded.tif", one(RGB, 8, 2, compression=LZW, parts=[eoi + bytes(9)]), RGB)

    # Bits of a sample, and what they mean.
    for bits in (1, 2, 4):
        few = (GREY >> (8 - bits))
        levels = np.rint(few * (255 / ((1 << bits) - 1)))
        for photometric, inverted in ((1, levels), (0, 255 - levels)):
            name = f"tiff-grey{bits}-{'black' if photometric else 'white'}-is-0"
            shown(f"{name}.tif", one(few, bits, photometric), grey(inverted))
            shown(f"{name}-mirrored.tif", one(few, bits, photometric, fill=2), grey(inverted))
        shown(f"tiff-grey{bits}-tiles.tif", one(few, bits, 1, compression=LZW, tile=(16, 16)), grey(levels))
        colours = (np.arange(3 << bits) * 257 * 5 % 65536).astype(int)
        palette = (colours.reshape(3, -1) >> 8).T
        for compression in (NONE, PACKBITS):
            shown(f"tiff-palette{bits}-{names[compression]}.tif", one(few, bits, 3, compression=compression, t320=list(colours)),
                  palette[few[:, :, 0]])
        shown(f"tiff-palette{bits}-mirrored.tif", one(few, bits, 3, fill=2, t320=list(colours)), palette[few[:, :, 0]])
    colours = (np.arange(768) * 97 % 65536).astype(int)
    shown("tiff-palette8.tif", one(GREY, 8, 3, t320=list(colours)), (colours.reshape(3, -1) >> 8).T[GREY[:, :, 0]])
    shown("tiff-palette8-tiles.tif", one(GREY, 8, 3, compression=LZW, tile=(16, 16), t320=list(colours)),
          (colours.reshape(3, -1) >> 8).T[GREY[:, :, 0]])
    shown("tiff-palette-of-bytes.tif", one(GREY, 8, 3, t320=list(np.arange(768) % 256)), grey(GREY))
    refused("tiff-palette-too-short.tif", one(GREY, 8, 3, t320=list(range(300))), "palette")
    shown("tiff-grey8-white-is-0.tif", one(GREY, 8, 0), grey(255 - GREY))
    shown("tiff-grey8-mirrored.tif", one(GREY, 8, 1, fill=2), grey(GREY))
    shown("tiff-rgb-mirrored.tif", one(RGB, 8, 2, fill=2), RGB)
    for compression in (LZW, ZIP, PACKBITS):
        shown(f"tiff-rgb-mirrored-{names[compression]}.tif", one(RGB, 8, 2, compression=compression, fill=2), RGB)
    shown("tiff-grey16.tif", one(DEEP16, 16, 1), grey(DEEP16 >> 8))
    shown("tiff-grey16-motorola.tif", one(DEEP16, 16, 1, order=">"), grey(DEEP16 >> 8))
    shown("tiff-grey16-white-is-0.tif", one(DEEP16, 16, 0), grey((65535 - DEEP16) >> 8))
    shown("tiff-grey16-window.tif", one(DEEP12, 16, 1), grey(windowed(DEEP12, 0, 4095)), window="0..4095")
    shown("tiff-grey16-tiles-window.tif", one(DEEP12, 16, 1, compression=LZW, predictor=2, tile=(16, 16)),
          grey(windowed(DEEP12, 300, 3000)), window="300..3000")
    rgb16 = RGB.astype(np.uint16) * 16
    shown("tiff-rgb16-window.tif", one(rgb16, 16, 2), windowed(rgb16, 0, 4095), window="0..4095")
    shown("tiff-rgb16-planes.tif", one(RGB.astype(np.uint16) * 257, 16, 2, planar=2, order=">"), RGB)
    for bits in (10, 12, 14):
        deep = DEEP12 if bits == 12 else (DEEP12 >> 2 if bits == 10 else DEEP12 << 2)
        shown(f"tiff-grey{bits}-packed.tif", one(deep, bits, 1), grey(deep >> (bits - 8)))
        shown(f"tiff-grey{bits}-packed-window.tif", one(deep, bits, 1, compression=ZIP, rows_per_strip=3),
              grey(windowed(deep, 0, (1 << bits) - 1)), window=f"0..{(1 << bits) - 1}")
    signed = DEEP12.astype(np.int16) - 1500
    shown("tiff-signed16-window.tif", one(signed, 16, 1), grey(windowed(signed, -1000, 400)), window="-1000..400")
    shown("tiff-signed16-lzw-window.tif", one(signed, 16, 1, compression=LZW, predictor=2, tile=(16, 16)),
          grey(windowed(signed, -1000, 400)), window="-1000..400")
    refused("tiff-signed16.tif", one(signed, 16, 1), "signed")
    refused("tiff-signed8.tif", one((GREY.astype(int) - 128).astype(np.int8), 8, 1), "signed samples of 8 bits")
    refused("tiff-float.tif", one(GREY.astype(np.float32) / 255, 32, 1), "32 bits")
    refused("tiff-grey32.tif", one(GREY.astype(np.uint32), 32, 1), "32 bits")
    refused("tiff-float16.tif", one(GREY.astype(np.uint16), 16, 1, t339=3), "floating-point")
    refused("tiff-mixed-bits.tif", one(RGB, 8, 2, t258=[5, 6, 5]), "different widths")
    refused("tiff-lab.tif", one(RGB, 8, 8), "colours of kind 8")

    # Samples beyond the colour.
    rgba = np.concatenate([RGB, ALPHA], 2)
    multiplied = np.concatenate([RGB.astype(int) * ALPHA // 255, ALPHA], 2).astype(np.uint8)
    divided = np.minimum(multiplied[:, :, :3].astype(int) * 255 // multiplied[:, :, 3:], 255)
    shown("tiff-alpha.tif", one(rgba, 8, 2, extra=(2,)), RGB)
    shown("tiff-alpha-not-said.tif", one(rgba, 8, 2), RGB)
    shown("tiff-alpha-associated.tif", one(multiplied, 8, 2, extra=(1,)), divided)
    shown("tiff-alpha-associated-tiles.tif", one(multiplied, 8, 2, extra=(1,), compression=LZW, tile=(16, 16)), divided)
    shown("tiff-alpha-associated-planes.tif", one(multiplied, 8, 2, extra=(1,), planar=2), divided)
    clear = multiplied.copy()
    clear[:4] = 0
    shown("tiff-alpha-associated-clear.tif", one(clear, 8, 2, extra=(1,)), np.where(clear[:, :, 3:] > 0, divided, 0))
    deep = (multiplied.astype(np.uint16) * 257)
    shown("tiff-alpha-associated-16.tif", one(deep, 16, 2, extra=(1,)),
          np.minimum(deep[:, :, :3].astype(int) * 65535 // deep[:, :, 3:], 65535) >> 8)
    ga = np.concatenate([GREY.astype(int) * ALPHA // 255, ALPHA], 2).astype(np.uint8)
    shown("tiff-grey-alpha-associated.tif", one(ga, 8, 1, extra=(1,)),
          grey(np.minimum(ga[:, :, :1].astype(int) * 255 // ga[:, :, 1:], 255)))
    shown("tiff-grey-alpha.tif", one(np.concatenate([GREY, ALPHA], 2), 8, 1, extra=(2,)), grey(GREY))
    shown("tiff-five-samples.tif", one(np.concatenate([rgba, GREY], 2), 8, 2, extra=(2, 0)), RGB)
    refused("tiff-five-samples-not-said.tif", one(np.concatenate([rgba, GREY], 2), 8, 2), "5 samples a pixel")
    refused("tiff-channels.tif", one(np.concatenate([RGB, RGB], 2), 8, 1, extra=(0,) * 5), "channels of their own")
    cmyk = np.concatenate([255 - RGB, GREY // 3], 2)
    want = np.asarray(Image.fromarray(cmyk, "CMYK").convert("RGB"))
    shown("tiff-cmyk.tif", one(cmyk, 8, 5), want)
    shown("tiff-cmyk-planes-lzw.tif", one(cmyk, 8, 5, planar=2, compression=LZW), want)
    ycc = np.asarray(Image.fromarray(RGB).convert("YCbCr"))
    shown("tiff-ycbcr.tif", one(ycc, 8, 6, t530=[1, 1]), np.asarray(Image.fromarray(ycc, "YCbCr").convert("RGB")), within=1)
    refused("tiff-ycbcr-subsampled.tif", one(ycc, 8, 6, t530=[2, 2]), "subsampled")

    # JPEG inside.
    def inside(colorspace, **how):
        return lambda part: imagecodecs.jpeg8_encode(np.ascontiguousarray(part[:, :, 0] if part.shape[2] == 1 else part), level=90, colorspace=colorspace, **how)
    for layout, how in {"strip": {}, "strips": {"rows_per_strip": 8}, "tiles": {"tile": (16, 16)}}.items():
        for name, sub in {"444": [1, 1], "422": [2, 1], "420": [2, 2]}.items():
            data = one(RGB, 8, 6, compression=JPEG, t530=sub, jpeg=inside("RGB", outcolorspace="YCBCR", subsampling=name), **how)
            shown(f"tiff-jpeg-ycbcr-{name}-{layout}.tif", data, within=4)
        shown(f"tiff-jpeg-rgb-{layout}.tif",
              one(RGB, 8, 2, compression=JPEG, jpeg=inside("RGB", outcolorspace="RGB"), **how), within=2)
        shown(f"tiff-jpeg-grey-{layout}.tif", one(GREY, 8, 1, compression=JPEG, jpeg=inside("GRAYSCALE"), **how), within=1)
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "TIFF", compression="jpeg")
    shown("tiff-jpeg-with-tables.tif", out.getvalue(), within=4)
    refused("tiff-jpeg-old.tif", one(RGB, 8, 6, t259=6), "old-style JPEG")
    for number, name in ((50000, "Zstandard"), (34925, "LZMA"), (34712, "JPEG 2000"), (50001, "WebP"), (34887, "LERC")):
        refused(f"tiff-compression-{number}.tif", one(RGB, 8, 2, t259=number), name)
    refused("tiff-compression-unknown.tif", one(RGB, 8, 2, t259=4711), "number 4711")

    # Fax. Pillow's own encoder, from whose files the strips are taken.
    for name, number in (("tiff_ccitt", RLE), ("group3", G3), ("group4", G4)):
        out = io.BytesIO()
        Image.fromarray(BITS[:, :, 0] * 255).convert("1").save(out, "TIFF", compression=name)
        with tifffile.TiffFile(io.BytesIO(out.getvalue())) as file:
            tags = file.pages[0].tags
            at, length = tags[273].value[0], tags[279].value[0]
            photometric, fill = int(tags[262].value), int(tags[266].value) if 266 in tags else 1
            options = tags[292].value if 292 in tags else 0
        strip = out.getvalue()[at:at + length]
        strip = mirrored(strip) if fill == 2 else strip
        want = grey(BITS * 255)
        for photo in (photometric, 1 - photometric):
            seen = want if photo == photometric else 255 - want
            more = {"t292": options} if options else {}
            shown(f"tiff-{name}-{photo}.tif", one(BITS, 1, photo, compression=number, parts=[strip], **more), seen)
            shown(f"tiff-{name}-{photo}-mirrored.tif", one(BITS, 1, photo, compression=number, parts=[mirrored(strip)], t266=2, **more), seen)
    refused("tiff-group3-two-dimensional.tif", one(BITS, 1, 0, compression=G3, t292=1), "two-dimensional")

    # Pages.
    small = RGB[::2, ::2]
    full, thumb = page(RGB, 8, 2), page(small, 8, 2, t254=1)
    shown("tiff-thumbnail-first.tif", tiff([thumb, full]), RGB)
    shown("tiff-thumbnail-last.tif", tiff([full, thumb]), RGB)
    shown("tiff-old-thumbnail-first.tif", tiff([page(small, 8, 2, t255=2), page(RGB, 8, 2, t255=1)]), RGB)
    shown("tiff-mask-behind.tif", tiff([full, page(BITS, 1, 4, t254=4)]), RGB)
    shown("tiff-pyramid.tif", tiff([full, thumb, page(RGB[::4, ::4], 8, 2, t254=1)]), RGB)
    shown("tiff-a-thumbnail-alone.tif", tiff([page(RGB, 8, 2, t254=1)]), RGB)
    shown("tiff-a-page-alone.tif", tiff([page(RGB, 8, 2, t254=2)]), RGB)
    refused("tiff-two-pages.tif", tiff([full, page(RGB[::-1], 8, 2)]), "2 pages")
    refused("tiff-three-pages.tif", tiff([page(RGB, 8, 2, t254=2, t297=[i, 3]) for i in range(3)]), "3 pages")
    refused("tiff-big-two-pages.tif", tiff([full, full], big=True), "2 pages")
    refused("tiff-thumbnails-alone.tif", tiff([thumb, thumb]), "reduced images")
    refused("tiff-imagej-stack.tif", one(GREY, 8, 1, t270="ImageJ=1.53\nimages=4\nslices=4\n"), "4 pages")
    shown("tiff-imagej-one.tif", one(GREY, 8, 1, t270="ImageJ=1.53\nimages=1\n"), grey(GREY))
    chain = bytearray(tiff([full, full]))
    chain[-4:] = struct.pack("<I", struct.unpack_from("<I", chain, 4)[0])
    refused("tiff-pages-in-a-circle.tif", bytes(chain), "circle")

    # Which way up.
    for turn in range(1, 9):
        shown(f"tiff-turn-{turn}.tif", one(RGB, 8, 2, t274=turn))
    shown("tiff-turn-16-bits.tif", one(DEEP16, 16, 1, t274=6), grey(np.rot90(DEEP16 >> 8, -1)))
    shown("tiff-turn-by-xmp.tif", one(RGB, 8, 2, t700=(1, list(xmp(6)))), np.rot90(RGB, -1))
    shown("tiff-turn-long.tif", one(RGB, 8, 2, t274=(LONG, 8)), np.rot90(RGB, 1))

    # What is wrong, and what is not all there.
    plain = one(RGB, 8, 2, compression=NONE, rows_per_strip=5)
    shown("tiff-without-lengths.tif", one(RGB, 8, 2, t279=None), RGB)
    shown("tiff-without-rows-per-strip.tif", one(RGB, 8, 2, t278=None), RGB)
    refused("tiff-strip-too-short.tif", one(RGB, 8, 2, parts=[RGB.tobytes()[:500]]), "truncated")
    refused("tiff-lzw-too-short.tif", one(RGB, 8, 2, compression=LZW, parts=[eoi[:len(eoi) // 2]]), "truncated")
    refused("tiff-deflate-too-short.tif",
            one(RGB, 8, 2, compression=ZIP, parts=[imagecodecs.zlib_encode(RGB.tobytes())[:300]]), "truncated")
    refused("tiff-strip-outside.tif", one(RGB, 8, 2, t273=[10 ** 6]), "truncated")
    refused("tiff-strips-missing.tif", one(RGB, 8, 2, t278=4), "1 strips or tiles")
    refused("tiff-tile-missing.tif",
            one(RGB, 8, 2, compression=ZIP, tile=(16, 16), t324=[8, 8, 8, 8], t325=[0, 100, 100, 100]), "left out")
    refused("tiff-claims-much.tif", one(GREY, 8, 1, t256=10000, t257=9000, t278=None), "truncated")
    refused("tiff-claims-much-lzw.tif", one(GREY, 8, 1, compression=LZW, t256=10000, t257=9000, t278=None), "truncated")
    refused("tiff-claims-more.tif", one(GREY, 8, 1, t256=100000, t257=100000), "more than the limit")
    refused("tiff-no-pixels.tif", one(GREY, 8, 1, t257=(3, 0)), "no pixels")
    refused("tiff-cut.tif", plain[:len(plain) // 2], "truncated")


# --- PNG

def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(image, depth=8, colour=2, before=b"", behind=b"", adam7=False):
    height, width, samples = image.shape
    passes = [(0, 0, 1, 1)] if not adam7 else [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]
    raw = b""
    for x, y, dx, dy in passes:
        part = image[y::dy, x::dx]
        if part.size:
            for row in part.reshape(part.shape[0], -1):
                text = "".join(format(int(v), f"0{depth}b") for v in row)
                text += "0" * (-len(text) % 8)
                raw += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(adam7))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + before + chunk(b"IDAT", zlib.compress(raw, 9)) + behind
            + chunk(b"IEND", b""))


def pngs():
    shown("png-rgb.png", png(RGB), RGB)
    shown("png-rgb-interlaced.png", png(RGB, adam7=True), RGB)
    for depth in (1, 2, 4, 8):
        few = GREY >> (8 - depth)
        levels = np.rint(few * (255 / ((1 << depth) - 1)))
        shown(f"png-grey{depth}.png", png(few, depth, 0), grey(levels))
        shown(f"png-grey{depth}-interlaced.png", png(few, depth, 0, adam7=True), grey(levels))
        palette = (np.arange(3 << depth) * 37 % 256).astype(np.uint8)
        colours = palette.reshape(-1, 3)[few[:, :, 0]]
        shown(f"png-palette{depth}.png", png(few, depth, 3, chunk(b"PLTE", palette.tobytes())), colours)
        shown(f"png-palette{depth}-clear.png",
              png(few, depth, 3, chunk(b"PLTE", palette.tobytes()) + chunk(b"tRNS", b"\0\x80")), colours)
        shown(f"png-grey{depth}-clear.png", png(few, depth, 0, chunk(b"tRNS", b"\0\1")), grey(levels))
    shown("png-rgb-clear.png", png(RGB, before=chunk(b"tRNS", struct.pack(">HHH", *map(int, RGB[0, 0])))), RGB)
    shown("png-rgba.png", png(np.concatenate([RGB, ALPHA], 2), colour=6), RGB)
    shown("png-grey-alpha.png", png(np.concatenate([GREY, ALPHA], 2), colour=4), grey(GREY))
    shown("png-grey16.png", png(DEEP16, 16, 0), grey(DEEP16 >> 8))
    shown("png-grey16-clear.png", png(DEEP16, 16, 0, chunk(b"tRNS", b"\0\1")), grey(DEEP16 >> 8))
    shown("png-grey16-window.png", png(DEEP12, 16, 0), grey(windowed(DEEP12, 0, 4095)), window="0..4095")
    shown("png-grey16-interlaced-window.png", png(DEEP12, 16, 0, adam7=True), grey(windowed(DEEP12, 500, 2500)), window="500..2500")
    rgb16 = RGB.astype(np.uint16) * 16
    shown("png-rgb16-window.png", png(rgb16, 16), windowed(rgb16, 0, 4095), window="0..4095")
    shown("png-rgb16.png", png(RGB.astype(np.uint16) * 257, 16), RGB)
    # A window is for samples of more than 8 bits.
    shown("png-grey8-window.png", png(GREY, 8, 0), grey(GREY), window="0..4095")
    # The network sees the samples as they are; what a browser makes of these is another matter.
    for name, extra in {
        "gamma": chunk(b"gAMA", struct.pack(">I", 100000)),
        "chromaticities": chunk(b"gAMA", struct.pack(">I", 45455)) + chunk(b"cHRM", struct.pack(">8I", *[30000] * 8)),
        "profile": chunk(b"iCCP", b"p\0\0" + zlib.compress(b"no profile")),
        "srgb": chunk(b"sRGB", b"\0"),
        "significant": chunk(b"sBIT", b"\5\6\5"),
        "background": chunk(b"bKGD", bytes(6)),
    }.items():
        shown(f"png-{name}.png", png(RGB, before=extra), RGB)
    control = lambda number, seq: chunk(b"fcTL", struct.pack(">IIIIIHHBB", seq, W, H, 0, 0, 1, 10, 0, 0))
    raw = b"".join(b"\0" + row.tobytes() for row in RGB[::-1])
    frame = chunk(b"fdAT", struct.pack(">I", 2) + zlib.compress(raw))
    shown("png-animated.png", png(RGB, before=chunk(b"acTL", struct.pack(">II", 2, 0)) + control(0, 0), behind=control(1, 1) + frame), RGB)
    shown("png-animated-default-apart.png",
          png(RGB, before=chunk(b"acTL", struct.pack(">II", 1, 0)), behind=control(0, 0) + chunk(b"fdAT", struct.pack(">I", 1) + zlib.compress(raw))), RGB)
    for turn in (1, 3, 6, 8):
        shown(f"png-exif-{turn}.png", png(RGB, before=chunk(b"eXIf", exif(3, turn))))
    shown("png-exif-behind.png", png(RGB, behind=chunk(b"eXIf", exif(3, 6))))
    shown("png-exif-long.png", png(RGB, before=chunk(b"eXIf", exif(4, 6, ">"))))
    shown("png-xmp.png", png(RGB, before=chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp(6))))
    shown("png-exif-16.png", png(DEEP16, 16, 0, before=chunk(b"eXIf", exif(3, 6))), grey(np.rot90(DEEP16 >> 8, -1)))
    whole = png(RGB)
    refused("png-cut.png", whole[:len(whole) // 2], "truncated")
    refused("png-claims-much.png", whole[:16] + struct.pack(">II", 10000, 9000) + whole[24:29] +
            struct.pack(">I", zlib.crc32(b"IHDR" + struct.pack(">II", 10000, 9000) + whole[24:29])) + whole[33:], "truncated")


# --- others

def others():
    for name, image in {"rgb": Image.fromarray(RGB), "grey": Image.fromarray(GREY[:, :, 0]),
                        "bilevel": Image.fromarray(BITS[:, :, 0] * 255).convert("1"),
                        "palette": Image.fromarray(RGB).quantize(16)}.items():
        out = io.BytesIO()
        image.save(out, "BMP")
        shown(f"bmp-{name}.bmp", out.getvalue())
    for name, how in {"lossless": {"lossless": True}, "lossy": {"quality": 90}}.items():
        out = io.BytesIO()
        Image.fromarray(RGB).save(out, "WEBP", **how)
        shown(f"webp-{name}.webp", out.getvalue(), within=0 if name == "lossless" else 4)
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "WEBP", lossless=True, exif=exif(3, 6))
    shown("webp-exif.webp", out.getvalue())
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "WEBP", lossless=True, xmp=xmp(6))
    shown("webp-xmp.webp", out.getvalue())
    out = io.BytesIO()
    Image.fromarray(np.concatenate([RGB, ALPHA], 2)).save(out, "WEBP", lossless=True, exact=True)
    shown("webp-alpha.webp", out.getvalue(), RGB)
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "WEBP", lossless=True, save_all=True, append_images=[Image.fromarray(RGB[::-1])])
    shown("webp-animated.webp", out.getvalue(), RGB)
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "GIF")
    refused("gif.gif", out.getvalue(), "Gif")


def agree():
    """Pillow and tifffile hold the pixels against ours, wherever they read a file as an image of 8 bits."""
    silent = 0
    for name, variant in variants.items():
        if "pixels" not in variant or variant.get("window") or not name.endswith((".tif", ".png", ".jpg")):
            continue
        want = np.asarray(Image.open(io.BytesIO(files[variant["pixels"]])).convert("RGB")).astype(int)
        if "16" in name or "packed" in name:
            continue
        try:
            seen = of_pillow(files[name]).astype(int)
        except Exception:  # noqa: BLE001 - Pillow does not read every kind
            silent += 1
            continue
        if seen.shape != want.shape or np.abs(seen - want).max() > max(1, variant["within"]):
            worst = np.abs(seen - want).max() if seen.shape == want.shape else seen.shape
            print(f"{name}: Pillow sees something else ({worst})")
    print(f"{silent} files are not read by Pillow")


def main():
    warnings.simplefilter("ignore")
    jpegs()
    tiffs()
    pngs()
    others()
    agree()
    OUT.mkdir(parents=True, exist_ok=True)
    for old in OUT.iterdir():
        old.unlink()
    for name, data in files.items():
        (OUT / name).write_bytes(data)
    (OUT / "variants.json").write_text(json.dumps(variants, indent=0, sort_keys=True) + "\n")
    print(f"{len(variants)} files, {sum(map(len, files.values()))} bytes")


if __name__ == "__main__":
    main()
