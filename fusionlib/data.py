"""Image pairs: synthetic scenes, and the 21 real pairs of the paper.

The synthetic scenes are part of the package. They were painted once in both bands, so
that registration is exact, and then seen by a plausible sensor of each band. The real
pairs are downloaded on request only (``fusionlib data fetch``), or found in the folder
that the environment variable ``FUSIONLIB_DATA`` names.
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from .errors import InputError
from .images.io import check_file, is_file, read_image
from .images.validation import Image, as_whole_number, check_same_shape

__all__ = [
    "Pair",
    "PairInfo",
    "data_dir",
    "fetch",
    "list_pairs",
    "load_pair",
    "real_pairs",
    "registry",
    "scenes",
    "verify",
]

#: Numbers of the real pairs.
NUMBERS = tuple(range(1, 22))

#: Bytes that a file of a real pair may have: more than 768x576 pixels ever take.
LARGEST_FILE = 2**20


@dataclass(frozen=True, eq=False)
class Pair:
    """A registered infrared and visible pair.

    Attributes
    ----------
    name : str
        ``tno1`` .. ``tno21``, or the name of a synthetic scene.
    title : str
        One line for captions.
    infrared, visible : numpy.ndarray, shape (H, W), float64
        The images in [0, 1].
    real : bool
        Whether sensors recorded it; a synthetic scene is rendered.
    target_mask, texture_mask : numpy.ndarray of bool or None
        Ground truth of synthetic scenes: warm targets, and visible texture.
    """

    name: str
    title: str
    infrared: Image
    visible: Image
    real: bool
    target_mask: NDArray[np.bool_] | None = None
    texture_mask: NDArray[np.bool_] | None = None

    @property
    def sources(self) -> tuple[Image, Image]:
        """Infrared and visible, in the order of the paper."""
        return self.infrared, self.visible


@dataclass(frozen=True)
class PairInfo:
    """One line of :func:`list_pairs`.

    Attributes
    ----------
    name, title : str
        As in :class:`Pair`.
    real : bool
        Whether it is a real pair.
    available : bool
        Whether it can be loaded without a download.
    """

    name: str
    title: str
    real: bool
    available: bool


@functools.cache
def _text(*names: str) -> str:
    """Return the text of a file of the package; what is parsed from it may change."""
    return resources.files(__package__).joinpath(*names).read_text("utf-8")


def registry() -> dict[str, Any]:
    """Return names, checksums, source and licence note of the real pairs."""
    return json.loads(_text("tno_registry.json"))


def scenes() -> dict[str, Any]:
    """Return titles, descriptions and checksums of the synthetic scenes, by name."""
    return json.loads(_text("scenes", "scenes.json"))


def data_dir() -> Path:
    """Return the folder of the real pairs.

    ``FUSIONLIB_DATA`` if it is set, else the cache folder of the platform.
    """
    named = os.environ.get("FUSIONLIB_DATA")
    if named:
        return Path(named)
    import pooch

    return Path(pooch.os_cache("fusionlib")) / "tno"


def _files(number: int) -> tuple[str, str]:
    return f"IR{number}.png", f"VIS{number}.png"


def _argument() -> str:
    """Name what decides the folder, for messages."""
    return "FUSIONLIB_DATA" if os.environ.get("FUSIONLIB_DATA") else "data"


def real_pairs() -> list[int]:
    """Return the numbers of the real pairs that are on this machine.

    Raises
    ------
    InputError
        If the system does not let us look into the folder.
    """
    folder, name = data_dir(), _argument()
    return [n for n in NUMBERS if all(is_file(folder / f, name) for f in _files(n))]


def list_pairs() -> list[PairInfo]:
    """Return all pairs: synthetic scenes first, then the real ones."""
    present = set(real_pairs())
    synthetic = [PairInfo(n, s["title"], False, True) for n, s in scenes().items()]
    return synthetic + [
        PairInfo(f"tno{n}", f"TNO pair {n}", True, n in present) for n in NUMBERS
    ]


def load_pair(name: str | int) -> Pair:
    """Return a pair by name or number.

    Parameters
    ----------
    name : str or int
        Name of a synthetic scene (``"street"``), or a real pair as a number
        (``1`` .. ``21``) or name (``"tno1"``); capital letters and spaces around it
        do not matter.

    Returns
    -------
    Pair
        The pair.

    Raises
    ------
    InputError
        If there is no such pair, or a real one has not been fetched or is damaged.
    """
    text = str(name).strip().lower()
    number = as_whole_number(text.removeprefix("tno"))
    if number in NUMBERS:
        return _load_real(number)
    names = list(scenes())
    if text not in names:
        raise InputError(
            f"pair must be a scene ({', '.join(names)}) or a number from 1 to "
            f"{NUMBERS[-1]}, got {name!r}"
        )
    return _load_scene(text)


def _load_scene(name: str) -> Pair:
    infrared, visible, targets, texture = (
        _plane(f"{name}_{plane}.png")
        for plane in ("infrared", "visible", "target_mask", "texture_mask")
    )
    return Pair(
        name,
        f"{scenes()[name]['title']} (synthetic)",
        infrared / 255,
        visible / 255,
        False,
        targets > 0,
        texture > 0,
    )


def _plane(file: str) -> NDArray[np.uint8]:
    """Read a band or a mask of a scene, 0 to 255."""
    path = resources.files(__package__).joinpath("scenes", file)
    with path.open("rb") as stream, PILImage.open(stream) as image:
        # Not the 1-bit masks as they are: NumPy would get a bool of 255 for True.
        return np.asarray(image.convert("L"))


def _load_real(number: int) -> Pair:
    folder = data_dir()
    if number not in real_pairs():
        raise InputError(
            f"pair {number} is not in {folder}; get it with "
            f"'fusionlib data fetch {number}'"
        )
    infrared, visible = (read_image(folder / f, f) for f in _files(number))
    check_same_shape([infrared, visible], _files(number))
    return Pair(f"tno{number}", f"TNO pair {number}", infrared, visible, True)


def verify(numbers: Iterable[int] = NUMBERS) -> dict[str, str]:
    """Compare files with their checksums.

    Parameters
    ----------
    numbers : iterable of int, optional
        Which pairs; all by default.

    Returns
    -------
    dict of str to str
        ``ok``, ``missing`` or ``changed`` for each file.

    Raises
    ------
    InputError
        If a file cannot be read.
    """
    from ._download import has_hash

    known, folder = registry()["files"], data_dir()
    result = {}
    for file in (file for number in numbers for file in _files(number)):
        path = folder / file
        if not is_file(path, _argument()):
            result[file] = "missing"
        else:
            check_file(path, _argument())
            result[file] = "ok" if has_hash(path, known[file]) else "changed"
    return result


def fetch(numbers: Iterable[int] = NUMBERS, *, progress: bool = False) -> Path:
    """Download real pairs into :func:`data_dir`.

    Files that are there and match their checksum are not downloaded again, so an
    interrupted call is continued by calling again; a file appears under its name
    only when it is complete. The first download that fails ends the call.

    Parameters
    ----------
    numbers : iterable of int, optional
        Which pairs; all by default.
    progress : bool, optional
        Show a progress bar on stderr.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    InputError
        If the folder cannot be written or a download fails.
    """
    from tqdm import tqdm

    from ._download import download, temporary_folder

    folder, known = data_dir(), registry()
    wanted = [f for f, state in verify(numbers).items() if state != "ok"]
    if not wanted:
        return folder
    try:
        with temporary_folder(folder) as temporary:
            for file in tqdm(wanted, unit="file", desc="pairs", disable=not progress):
                download(
                    known["base_url"] + file,
                    temporary / file,
                    known_hash=f"sha256:{known['files'][file]}",
                    size=LARGEST_FILE,
                )
                os.replace(temporary / file, folder / file)
    except InputError as error:
        raise InputError(f"data: fetching failed: {error}") from None
    return folder
