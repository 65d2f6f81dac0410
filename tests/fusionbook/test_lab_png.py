"""The lab page's reader of PNG files, run by Node: what it refuses and inflates."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fusionbook
from fusionlib.images.io import read_pixels

from ..support.odd_files import png

SCRIPT = Path(fusionbook.__file__).parent / "static" / "png.js"

READ = """
const fs = require("fs");
eval(fs.readFileSync(process.argv[1], "utf8"));
let inflated = 0;
const Real = DecompressionStream;
globalThis.DecompressionStream = class {
  constructor(kind) {
    const count = new TransformStream({
      transform(bytes, controller) {
        inflated += bytes.length;
        controller.enqueue(bytes);
      },
    });
    const stream = new Real(kind);
    this.writable = stream.writable;
    this.readable = stream.readable.pipeThrough(count);
  }
};
(async () => {
  const found = [];
  for (const text of JSON.parse(fs.readFileSync(0, "utf8"))) {
    try {
      const bytes = Uint8Array.from(Buffer.from(text, "base64"));
      const { height, width, lanes, top, data } =
        await globalThis.__fusionlibPng.decode(bytes);
      found.push({ shape: [height, width, lanes], top, data: Array.from(data) });
    } catch (error) { found.push({ error: error.message }); }
  }
  console.log(JSON.stringify({ found, inflated }));
})();
"""

NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not on this machine")


def decode(*files):
    """Read files; return what was found in each, and how many bytes were inflated."""
    texts = json.dumps([base64.b64encode(file).decode() for file in files])
    done = subprocess.run(
        [NODE, "-e", READ, str(SCRIPT)], input=texts, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    return answer["found"], answer["inflated"]


GREY = np.random.RandomState(0).randint(0, 256, (48, 64)).astype(np.uint8)
ROWS = b"".join(b"\0" + row.tobytes() for row in GREY)


def grey_png(raw, **options):
    return png(raw, **{"height": 48, "width": 64} | options)


def test_damaged_files_are_refused():
    whole = grey_png(ROWS)
    damaged = {
        "no pixels": png(b"", height=0, width=0),
        "no columns": png(bytes(48), height=48, width=0),
        "three bits": grey_png(ROWS, depth=3),
        "no bits": grey_png(ROWS, depth=0),
        "filter 9": grey_png(ROWS[:650] + b"\x09" + ROWS[651:]),
        "cut": whole[:-100],
        "twenty rows": grey_png(ROWS[: 20 * 65]),
        "one byte less": grey_png(ROWS[:-1]),
        "huge": grey_png(ROWS, height=2**31 - 1, width=2**31 - 1),
        "another checksum": whole.replace(
            zlib.adler32(ROWS).to_bytes(4, "big"), b"\1\2\3\4"
        ),
    }
    found, _ = decode(whole, *damaged.values())
    assert found[0]["data"] == GREY.ravel().tolist()
    for name, answer in zip(damaged, found[1:], strict=True):
        assert "error" in answer, name


def test_no_more_is_inflated_than_the_header_says():
    """A small file that would grow to many megabytes."""
    plain, whole = decode(grey_png(ROWS))
    (bomb,), inflated = decode(grey_png(ROWS + bytes(10**8)))
    assert bomb == plain[0]
    assert whole == len(ROWS)
    assert inflated < 2**20


@pytest.mark.parametrize("orientation", [*range(1, 9), 0, 9])
def test_files_are_turned_as_the_library_turns_them(tmp_path, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    rgb = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
    for pixels in (GREY, GREY.astype(np.uint16) * 257, rgb):
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
        (tmp_path / "a.png").write_bytes(buffer.getvalue())
        expected = read_pixels(tmp_path / "a.png", colour=True)
        ((answer,), _) = decode(buffer.getvalue())
        assert answer["shape"][:2] == list(expected.shape[:2])
        assert answer["data"] == expected.ravel().tolist()
