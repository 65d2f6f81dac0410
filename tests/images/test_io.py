"""Files: what is read, what is refused, and that outputs are whole or absent."""

import errno
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from fusionlib.errors import InputError
from fusionlib.images.io import (
    append_line,
    atomic_path,
    read_image,
    to_uint8,
    write_image,
)

from ..support.odd_files import GREY, bad_files, odd_paths, tiff, twelve_bits


@pytest.fixture
def grey(tmp_path):
    path = tmp_path / "grey.png"
    Image.fromarray(GREY).save(path)
    return path


def test_eight_and_sixteen_bit_files_are_scaled(grey, tmp_path):
    assert np.array_equal(read_image(grey), GREY / 255)
    Image.fromarray(GREY.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert np.allclose(read_image(tmp_path / "deep.png"), GREY / 255, atol=1e-15)


def test_rounding_is_half_up():
    values = np.array([-1, 0, 0.5 / 255, 1.5 / 255, 2.49 / 255, 1, 2])
    assert to_uint8(values).tolist() == [0, 0, 1, 2, 2, 255, 255]


def test_write_and_read_back(tmp_path):
    for ending in ("png", "tif", "bmp"):
        write_image(tmp_path / f"out.{ending}", GREY / 255)
        assert np.array_equal(read_image(tmp_path / f"out.{ending}"), GREY / 255)


def test_bad_files_get_one_clear_sentence(tmp_path, grey):
    for name, content, message in bad_files(tmp_path, grey):
        path = tmp_path / f"{name}.png"
        path.write_bytes(content)
        with pytest.raises(InputError, match=message) as caught:
            read_image(path, "IR")
        assert str(caught.value).startswith("IR"), name
        assert "\n" not in str(caught.value)


def test_white_is_the_largest_value_whatever_the_file_means_by_it(tmp_path):
    deep = GREY.astype(np.uint16) * 257 + 3
    low = GREY.astype(np.uint16) * 16
    ten = (GREY.astype(np.uint16) * 4).astype(">u2")
    files = {
        "white is zero, 8.tif": (tiff(255 - GREY, 8, 0), GREY / 255),
        "white is zero, 16.tif": (tiff(65535 - deep, 16, 0), deep / 65535),
        "black is zero, 16.tif": (tiff(deep, 16, 1), deep / 65535),
        "deflated.tif": (tiff(65535 - deep, 16, 0, deflate=True), deep / 65535),
        "12 bits, deflated.tif": (
            tiff(twelve_bits(low), 12, 1, deflate=True),
            low / 4095,
        ),
        "12 bits.tif": (tiff(twelve_bits(low), 12, 1), low / 4095),
        "16 bits.pgm": (
            b"P5 20 12 65535\n" + deep.astype(">u2").tobytes(),
            deep / 65535,
        ),
        "10 bits.pgm": (b"P5 20 12 1023\n" + ten.tobytes(), ten / 1023),
    }
    for name, (content, expected) in files.items():
        (tmp_path / name).write_bytes(content)
        found = read_image(tmp_path / name)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5, err_msg=name)
    signed = tmp_path / "signed.tif"
    Image.fromarray(GREY).save(signed, tiffinfo={339: 2})
    with pytest.raises(InputError, match="must hold unsigned integers"):
        read_image(signed)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_turned_upright(tmp_path, orientation):
    """As browsers do; a tag that makes no sense is passed over."""
    rgb = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
    exif = Image.Exif()
    exif[274] = orientation
    deep = GREY.astype(np.uint16) * 257
    for name, pixels in (
        ("a.png", GREY), ("b.png", deep), ("c.png", rgb), ("d.tif", GREY),
        ("e.jpg", GREY), ("f.webp", rgb),
    ):  # fmt: skip
        path = tmp_path / name
        Image.fromarray(pixels).save(path, exif=exif, lossless=True)
        with Image.open(path) as file:
            upright = ImageOps.exif_transpose(file)
            if pixels is deep:  # Pillow turns 8-bit images only
                upright = ImageOps.exif_transpose(Image.open(tmp_path / "a.png"))
            expected = np.asarray(upright) / 255
        assert np.array_equal(read_image(path, colour=True), expected), name
    broken = tmp_path / "broken.jpg"
    Image.fromarray(GREY).save(broken, exif=b"Exif\0\0II*\0\xff\xff")
    assert read_image(broken).shape == GREY.shape


def test_pillows_own_limit_does_not_decide(grey, monkeypatch):
    """It counts fewer pixels than are accepted here, and warns at half of them."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 99)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(read_image(grey), GREY / 255)
    assert Image.MAX_IMAGE_PIXELS == 99
    tif = grey.with_suffix(".tif")
    Image.fromarray(GREY).save(tif)
    assert np.array_equal(read_image(tif), GREY / 255)


def test_colour_is_read_where_it_is_asked_for(tmp_path):
    """RGB and palette files; alpha and print colours are refused all the same."""
    rgb = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
    Image.fromarray(rgb).save(tmp_path / "rgb.png")
    read = read_image(tmp_path / "rgb.png", colour=True)
    assert np.array_equal(read, rgb / 255)
    quantised = Image.fromarray(rgb).quantize(16)
    quantised.save(tmp_path / "palette.png")
    read = read_image(tmp_path / "palette.png", colour=True)
    assert np.array_equal(read, np.asarray(quantised.convert("RGB")) / 255)
    Image.fromarray(GREY).save(tmp_path / "grey.png")
    assert read_image(tmp_path / "grey.png", colour=True).shape == GREY.shape
    refused = {
        "alpha.png": (np.dstack([rgb, GREY]), "RGBA", "grey or colour without"),
        "clear.png": (rgb, "RGB", "without transparency"),
        "print.tif": (np.dstack([rgb, GREY]), "CMYK", "grey or RGB image"),
    }
    for name, (pixels, mode, message) in refused.items():
        options = {"transparency": (0, 0, 0)} if name == "clear.png" else {}
        Image.fromarray(pixels, mode).save(tmp_path / name, **options)
        with pytest.raises(InputError, match=message):
            read_image(tmp_path / name, colour=True)


def test_colour_is_written_and_read_back(tmp_path):
    rgb = np.dstack([GREY, GREY[::-1], GREY[:, ::-1]])
    write_image(tmp_path / "rgb.png", rgb / 255)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "rgb.png")), rgb)


def test_missing_file_and_folder(tmp_path):
    with pytest.raises(InputError, match=r"VIS: .* does not exist"):
        read_image(tmp_path / "none.png", "VIS")
    with pytest.raises(InputError, match="is a folder"):
        read_image(tmp_path)


def test_outputs_that_cannot_be_written_are_refused(tmp_path):
    with pytest.raises(InputError, match="must end in one of"):
        write_image(tmp_path / "out.jpg", GREY / 255)
    with pytest.raises(InputError, match="does not exist"):
        write_image(tmp_path / "none" / "out.png", GREY / 255)
    (tmp_path / "dir.png").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        write_image(tmp_path / "dir.png", GREY / 255)


def test_a_failed_write_keeps_the_old_file_and_leaves_no_other(grey):
    before = grey.read_bytes()
    with pytest.raises(RuntimeError), atomic_path(grey) as temporary:
        temporary.write_bytes(b"half")
        raise RuntimeError
    assert grey.read_bytes() == before
    assert [p.name for p in grey.parent.iterdir()] == ["grey.png"]


def test_paths_without_a_file_get_one_clear_sentence(tmp_path):
    for path, message in odd_paths(tmp_path):
        with pytest.raises(InputError, match=f"^IR: .*{message}") as caught:
            read_image(path, "IR")
        assert str(caught.value).isprintable(), path
    for value in (None, 3, b"x.png", ["x.png"]):
        with pytest.raises(InputError, match="IR must be a path, got"):
            read_image(value, "IR")


def forbid(monkeypatch, name, path):
    """Let a function of the system refuse a path, as it does to other users."""
    real = getattr(os, name)

    def refuse(where, *rest, **options):
        if str(where).startswith(str(path)):
            raise PermissionError(errno.EACCES, "Permission denied", str(where))
        return real(where, *rest, **options)

    monkeypatch.setattr(os, name, refuse)


def test_a_closed_folder_gets_one_clear_sentence(grey, monkeypatch):
    forbid(monkeypatch, "stat", grey)
    with pytest.raises(InputError, match="cannot be looked at .permission denied"):
        read_image(grey)
    with pytest.raises(InputError, match="cannot be looked at .permission denied"):
        write_image(grey, GREY)


def test_outputs_that_are_no_files_are_refused(tmp_path):
    for path, message in odd_paths(tmp_path):
        if any(word in message for word in ("exist", "folder", "device")):
            continue
        with pytest.raises(InputError, match="^output: ") as caught:
            write_image(path, GREY)
        assert re.search(message.partition(",")[0], str(caught.value)), path
    assert (tmp_path / "pipe.png").is_fifo()
    device = tmp_path / "device.png"
    device.symlink_to(os.devnull)
    with pytest.raises(InputError, match="is a device"):
        write_image(device, GREY)


def test_a_write_protected_output_stays(grey):
    before = grey.read_bytes()
    grey.chmod(0o444)
    with pytest.raises(InputError, match="grey.png is write-protected"):
        write_image(grey, GREY / 510)
    assert grey.read_bytes() == before


def test_an_output_is_written_through_a_link_and_keeps_its_permissions(tmp_path):
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "a.png", tmp_path / "link.png"
    link.symlink_to(target)
    write_image(link, GREY)
    assert link.is_symlink()
    target.chmod(0o600)
    write_image(link, GREY[::-1])
    assert np.array_equal(np.asarray(Image.open(target)), GREY[::-1])
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["a.png"]


def test_writing_does_not_touch_the_umask(tmp_path, monkeypatch):
    def refuse(mask):
        raise AssertionError("the umask belongs to the whole process")

    before = os.umask(0o027)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(os, "umask", refuse)
            write_image(tmp_path / "a.png", GREY)
    finally:
        os.umask(before)
    assert (tmp_path / "a.png").stat().st_mode & 0o777 == 0o640


def test_the_longest_name_can_be_written(tmp_path):
    path = tmp_path / ("x" * 250 + ".png")
    write_image(path, GREY)
    assert np.array_equal(read_image(path), GREY / 255)


def test_a_full_disk_is_one_sentence_and_keeps_the_old_file(grey):
    """A limit on the size of files stands for the full disk."""
    code = (
        "import resource, sys, numpy as np\n"
        "from fusionlib.images.io import write_image\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "noise = np.random.RandomState(0).randint(0, 256, (64, 64)).astype(np.uint8)\n"
        "for ending in ('png', 'tif', 'bmp'):\n"
        "    try: write_image(sys.argv[1] + '.' + ending, noise)\n"
        "    except Exception as error: print(type(error).__name__, error)\n"
    )
    before = grey.read_bytes()
    command = [sys.executable, "-c", code, str(grey.with_suffix(""))]
    done = subprocess.run(command, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 3, done.stderr
    for line in lines:
        assert line.startswith("InputError output: cannot write")
        assert "file too large" in line
    assert grey.read_bytes() == before
    assert [path.name for path in grey.parent.iterdir()] == ["grey.png"]


def test_a_line_is_appended_whole_or_not_at_all(tmp_path, monkeypatch):
    """The system may take a part of what it is given, and then fail."""
    path, real = tmp_path / "lines", os.write
    append_line(path, b"first\n")
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:3]))
    append_line(path, b"second\n")
    assert path.read_bytes() == b"first\nsecond\n"
    calls = []

    def full(handle, data):
        calls.append(data)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(handle, data[:3])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(InputError, match="no space left on device"):
        append_line(path, b"third\n")
    assert path.read_bytes() == b"first\nsecond\n"
