"""Image files and paths that are unusual or broken."""

import os
import struct
import zlib

import numpy as np
from PIL import Image

GREY = np.arange(240, dtype=np.uint8).reshape(12, 20)


def png(raw, *, height=12, width=20, depth=8, interlaced=0):
    """A grey PNG with these bytes as its filtered rows."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)
        )

    head = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, interlaced)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def bad_files(folder, grey):
    """Files that are no grey image, with a word of the message each must give."""
    whole = grey.read_bytes()
    yield "text", b"no image at all", "is not an image, or is damaged"
    yield "truncated", whole[: len(whole) // 2], "damaged"
    yield "cut in the pixels", whole[:-20], "damaged"
    yield "empty", b"", "is not an image, or is damaged"
    yield "huge", png(b"", height=60000, width=60000), "more than the"
    yield "hollow", png(b""), "damaged or cut short"
    rows = b"".join(b"\0" + row.tobytes() for row in GREY)
    yield "five rows", png(rows[: 5 * 21]), "pixels end before the last row"
    yield "five rows, interlaced", png(rows[:100], interlaced=1), "before the last row"
    yield "no filter", png(rows[:105] + b"\x09" + rows[106:]), "damaged"
    yield "three bits", png(rows, depth=3), "not an image, or is damaged"
    yield "no pixels", png(b"", height=0, width=0), "not an image, or is damaged"
    rgb = np.dstack([GREY] * 3)
    images = {
        "colour": (Image.fromarray(rgb), "got colour.*convert"),
        "alpha": (Image.fromarray(np.dstack([rgb, GREY])), "alpha channel"),
        "greyalpha": (Image.fromarray(np.dstack([GREY, GREY]), "LA"), "alpha channel"),
        "bilevel": (Image.fromarray(GREY > 99), "mode 1"),
        "palette": (Image.fromarray(GREY).convert("P"), "got colour"),
        "cmyk": (Image.fromarray(rgb).convert("CMYK"), "got colour|mode CMYK"),
    }
    for name, (image, message) in images.items():
        ending = "tif" if image.mode == "CMYK" else "png"
        image.save(folder / f"{name}-source.{ending}")
        yield name, (folder / f"{name}-source.{ending}").read_bytes(), message


def tiff(pixels, bits, photometric, *, deflate=False):
    """A grey TIFF that only its tags tell how to read."""
    data = pixels if isinstance(pixels, bytes) else pixels.tobytes()
    data = zlib.compress(data) if deflate else data
    compression = 8 if deflate else 1
    tags = [(256, 20), (257, 12), (258, bits), (259, compression), (262, photometric),
            (273, 8), (277, 1), (278, 12), (279, len(data))]  # fmt: skip
    data += b"\0" * (len(data) % 2)
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    start = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    return start + data + struct.pack("<H", len(tags)) + entries + b"\0\0\0\0"


def twelve_bits(values):
    pairs = values.reshape(-1, 2).astype(int)
    parts = [(a >> 4, (a & 15) << 4 | b >> 8, b & 255) for a, b in pairs]
    return np.array(parts, np.uint8).tobytes()


def odd_paths(folder):
    """Paths at which no file can be read, with a word of the message for each."""
    os.mkfifo(folder / "pipe.png")
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "dangling.png").symlink_to(folder / "gone.png")
    (folder / "plain").write_bytes(b"")
    yield str(folder / "none.png"), "does not exist"
    yield str(folder / "none" / "none.png"), "does not exist"
    yield str(folder / "plain" / "x.png"), "does not exist"
    yield str(folder), "is a folder, not an image"
    yield str(folder / "pipe.png"), "is a FIFO, not an image"
    yield os.devnull, "is a device, not an image"
    yield str(folder / "loop.png"), "cannot be looked at"
    yield str(folder / "dangling.png"), "is a link to .*gone.png, which does not exist"
    yield str(folder / ("x" * 300 + ".png")), "cannot be looked at"
    yield "", "the path is empty"
    yield "a\0b.png", "cannot be looked at"
    yield "a\ud800b.png", "cannot be looked at"
    yield str(folder / "two\nlines.png"), r"two\\nlines.png does not exist"
