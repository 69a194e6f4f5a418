"""A small JPEG writer, for shapes of files that common encoders do not write. Used by image_variants.py."""
import struct
import numpy as np

ZIGZAG = sorted(range(64), key=lambda i: (i // 8 + i % 8, (i // 8 if (i // 8 + i % 8) % 2 else i % 8)))
# Codes of equal length for every symbol keep the writer short.
DC_BITS, DC_SYMBOLS = 4, list(range(12))
AC_SYMBOLS = [r << 4 | s for r in range(16) for s in range(11) if s or r in (0, 15)]


def _table(kind, symbols, bits):
    counts = [0] * 16
    counts[bits - 1] = len(symbols)
    return b"\xff\xc4" + struct.pack(">HB", 19 + len(symbols), kind) + bytes(counts) + bytes(symbols)


class _Bits:
    def __init__(self):
        self.out, self.acc, self.n = bytearray(), 0, 0

    def put(self, value, bits):
        self.acc, self.n = self.acc << bits | value, self.n + bits
        while self.n >= 8:
            self.n -= 8
            byte = self.acc >> self.n & 255
            self.out.append(byte)
            if byte == 255:
                self.out.append(0)
            self.acc &= (1 << self.n) - 1

    def flush(self):
        if self.n:
            self.put((1 << 8 - self.n) - 1, 8 - self.n)


def _magnitude(v):
    size = int(abs(v)).bit_length()
    return size, (v if v >= 0 else v + (1 << size) - 1)


C = np.array([[(0.5 if u else 0.5 / 2 ** 0.5) * np.cos((2 * x + 1) * u * np.pi / 16) for x in range(8)] for u in range(8)])


def jpeg(planes, size, sampling, scans=None, ids=(1, 2, 3, 4), quant=4, restart=0, head=b"", sof=0xC0, precision=8):
    """planes: arrays (rows, columns), each of its component's own size; sampling: [(h, v)]; scans: lists of component
    numbers. Coefficients of all scans are whole (sequential)."""
    width, height = size
    n = len(planes)
    hmax, vmax = max(h for h, _ in sampling), max(v for _, v in sampling)
    mcux, mcuy = -(-width // (8 * hmax)), -(-height // (8 * vmax))
    coeffs = []
    level = 1 << precision - 1
    for plane, (h, v) in zip(planes, sampling):
        rows, cols = mcuy * v * 8, mcux * h * 8
        full = np.pad(plane.astype(float), ((0, max(0, rows - plane.shape[0])), (0, max(0, cols - plane.shape[1]))), "edge")[:rows, :cols] - level
        blocks = full.reshape(rows // 8, 8, cols // 8, 8).swapaxes(1, 2)
        coeffs.append(np.rint(C @ blocks @ C.T / quant).astype(int).reshape(rows // 8, cols // 8, 64)[:, :, ZIGZAG])
    out = b"\xff\xd8" + head + b"\xff\xdb" + struct.pack(">HB", 67, 0) + bytes([quant] * 64)
    out += b"\xff" + bytes([sof]) + struct.pack(">HBHHB", 8 + 3 * n, precision, height, width, n)
    for i, (h, v) in enumerate(sampling):
        out += bytes([ids[i], h << 4 | v, 0])
    out += _table(0x00, DC_SYMBOLS, DC_BITS) + _table(0x10, AC_SYMBOLS, 8)
    if restart:
        out += b"\xff\xdd" + struct.pack(">HH", 4, restart)
    for scan in scans or [list(range(n))]:
        out += b"\xff\xda" + struct.pack(">HB", 6 + 2 * len(scan), len(scan))
        out += b"".join(bytes([ids[i], 0]) for i in scan) + b"\0\x3f\0"
        bits, last = _Bits(), [0] * n
        if len(scan) == 1:
            h, v = sampling[scan[0]]
            bw, bh = -(-(-(-width * h // hmax)) // 8), -(-(-(-height * v // vmax)) // 8)
            units = [[(scan[0], y, x)] for y in range(bh) for x in range(bw)]
        else:
            units = [[(i, my * sampling[i][1] + y, mx * sampling[i][0] + x) for i in scan
                      for y in range(sampling[i][1]) for x in range(sampling[i][0])] for my in range(mcuy) for mx in range(mcux)]
        for count, unit in enumerate(units):
            if restart and count and count % restart == 0:
                bits.flush()
                bits.out += bytes([0xFF, 0xD0 + (count // restart - 1) % 8])
                last = [0] * n
            for i, y, x in unit:
                block = coeffs[i][y, x]
                s, m = _magnitude(int(block[0]) - last[i])
                last[i] = int(block[0])
                bits.put(DC_SYMBOLS.index(s), DC_BITS)
                bits.put(m, s)
                run = 0
                end = max([k for k in range(1, 64) if block[k]], default=0)
                for k in range(1, end + 1):
                    if not block[k]:
                        run += 1
                        continue
                    while run > 15:
                        bits.put(AC_SYMBOLS.index(0xF0), 8)
                        run -= 16
                    s, m = _magnitude(int(block[k]))
                    bits.put(AC_SYMBOLS.index(run << 4 | s), 8)
                    bits.put(m, s)
                    run = 0
                if end < 63:
                    bits.put(AC_SYMBOLS.index(0), 8)
        bits.flush()
        out += bytes(bits.out)
    return out + b"\xff\xd9"


def ycbcr(rgb):
    r, g, b = np.moveaxis(rgb.astype(float), 2, 0)
    return [0.299 * r + 0.587 * g + 0.114 * b, -0.168736 * r - 0.331264 * g + 0.5 * b + 128, 0.5 * r - 0.418688 * g - 0.081312 * b + 128]


def shrunk(plane, h, v, hmax, vmax):
    """A component's plane at its own size, by means."""
    rows, cols = plane.shape
    out_r, out_c = -(-rows * v // vmax), -(-cols * h // hmax)
    ys = np.linspace(0, rows, out_r + 1)
    xs = np.linspace(0, cols, out_c + 1)
    yi = ((ys[:-1] + ys[1:]) / 2).astype(int).clip(0, rows - 1)
    xi = ((xs[:-1] + xs[1:]) / 2).astype(int).clip(0, cols - 1)
    return plane[yi][:, xi]
