"""Image pairs: synthetic scenes, the 21 real pairs of the paper, and those of VIFB.

The synthetic scenes are part of the package. They were painted once in both bands, so
that registration is exact, and then seen by a plausible sensor of each band. The real
pairs are downloaded on request only (``fusionlib data fetch``), or found in the folder
that the environment variable ``FUSIONLIB_DATA`` names. VIFB is a benchmark of 21 other
pairs, whose visible images are in colour; they lie in its subfolder ``vifb``.

References
----------
* X. Zhang, P. Ye, G. Xiao, "VIFB: A Visible and Infrared Image Fusion Benchmark",
  CVPR Workshops 2020. https://doi.org/10.1109/CVPRW50498.2020.00060
"""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PILImage

from .errors import InputError, hint, shown
from .images.colour import luminance
from .images.io import check_file, is_file, look_at, read_image, read_pixels
from .images.validation import Image, as_whole_number, check_same_shape

__all__ = [
    "Pair",
    "PairInfo",
    "data_dir",
    "fetch",
    "list_pairs",
    "load_pair",
    "open_sources",
    "real_pairs",
    "registry",
    "scenes",
    "verify",
    "vifb_dir",
    "vifb_pairs",
    "vifb_registry",
]

#: Numbers of the real pairs.
NUMBERS = tuple(range(1, 22))

#: What names of pairs of VIFB start with; alone, it stands for all of them.
VIFB = "vifb"

#: Bytes that a file of a real pair may have: more than 768x576 pixels ever take.
LARGEST_FILE = 2**20


@dataclass(frozen=True, eq=False, repr=False)
class Pair:
    """A registered infrared and visible pair; ``infrared, visible = pair`` unpacks it.

    Attributes
    ----------
    name : str
        ``tno1`` .. ``tno21``, ``vifb:carLight``, or the name of a synthetic scene.
    title : str
        One line for captions.
    infrared, visible : numpy.ndarray, shape (H, W), float64
        The images in [0, 1]; the visible ones of VIFB have the shape (H, W, 3).
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

    def __iter__(self) -> Iterator[Image]:
        return iter(self.sources)

    def __repr__(self) -> str:
        size, masks = "{}x{}".format(*self.infrared.shape), self.target_mask is not None
        visible = "colour" if self.visible.ndim == 3 else "grey"
        arrays = "infrared, visible" + ", target_mask, texture_mask" * masks
        return f"Pair({self.name!r}, {self.title!r}, {size}, {visible}; {arrays})"

    def _repr_html_(self) -> str:
        from .display import figure

        return figure({"infrared": self.infrared, "visible": self.visible}, self.title)


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


def vifb_registry() -> dict[str, Any]:
    """Return names, checksums, source and licence note of the pairs of VIFB."""
    return json.loads(_text("vifb_registry.json"))


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


def vifb_dir() -> Path:
    """Return the folder of VIFB, with the subfolders ``IR`` and ``VI``.

    ``vifb`` in the folder ``FUSIONLIB_DATA`` if that is set, else in the cache folder
    of the platform. If it is not there, ``vifb/input`` in ``FUSIONLIB_REFERENCE``.
    """
    named = os.environ.get("FUSIONLIB_DATA")
    folder = (Path(named) if named else data_dir().parent) / "vifb"
    reference = os.environ.get("FUSIONLIB_REFERENCE")
    if reference and not folder.is_dir():
        stored = Path(reference) / "vifb" / "input"
        folder = stored if stored.is_dir() else folder
    return folder


def _vifb_names() -> list[str]:
    """Return the names of the pairs of VIFB, without ``vifb:``."""
    return list(dict.fromkeys(Path(file).stem for file in vifb_registry()["files"]))


def vifb_pairs() -> list[str]:
    """Return the names of the pairs of VIFB that are on this machine.

    Raises
    ------
    InputError
        If the system does not let us look into the folder.
    """
    return [f"{VIFB}:{name}" for name in _vifb_names() if _are_here(_vifb_files(name))]


class _File(NamedTuple):
    """A file that can be downloaded; ``folder`` is that of its set."""

    name: str
    path: Path
    folder: Path
    sha256: str
    url: str


def _vifb_files(name: str) -> list[_File]:
    """Return the infrared and the visible file of a pair."""
    known, folder, files = vifb_registry(), vifb_dir(), []
    for file in (f"IR/{name}.jpg", f"VI/{name}.jpg"):
        original = known["renamed"].get(file, file)
        copied = folder / original  # as a clone of the repository has it
        path = copied if is_file(copied, _argument()) else folder / file
        url, digest = known["base_url"] + original, known["files"][file]
        files.append(_File(f"vifb/{file}", path, folder, digest, url))
    return files


def _tno_files(number: int) -> list[_File]:
    known, folder = registry(), data_dir()
    digests, base = known["files"], known["base_url"]
    return [
        _File(file, folder / file, folder, digests[file], base + file)
        for file in (f"IR{number}.png", f"VIS{number}.png")
    ]


def _are_here(files: Iterable[_File]) -> bool:
    return all(is_file(file.path, _argument()) for file in files)


def _all_files(pairs: Iterable[int | str]) -> list[_File]:
    """Return the files of pairs by number, ``vifb:NAME``, or ``vifb`` for all."""
    files = []
    for pair in pairs:
        text = shown(pair) if isinstance(pair, int) else pair.strip().lower()
        number = as_whole_number(text.removeprefix("tno"))
        if number is not None and number in NUMBERS:
            files += _tno_files(number)
        elif text == VIFB:
            files += [file for name in _vifb_names() for file in _vifb_files(name)]
        elif text.startswith(VIFB):
            files += _vifb_files(find_vifb(text))
        else:
            raise InputError(
                f"pair must be a number from 1 to {NUMBERS[-1]}, vifb or vifb:NAME, "
                f"got {shown(pair)}"
            )
    return files


def find_vifb(pair: str) -> str:
    """Return the name of a pair of VIFB as VIFB writes it, without ``vifb:``.

    Parameters
    ----------
    pair : str
        ``vifb:carLight``; capital letters and spaces around it do not matter.

    Raises
    ------
    InputError
        If there is none; the message has similar names.
    """
    text = pair.strip().lower().removeprefix(VIFB).removeprefix(":").strip()
    known = {name.lower(): name for name in _vifb_names()}
    if text not in known:
        near = hint(text, known.values()) or f"; there are {', '.join(known.values())}"
        raise InputError(f"pair must be one of the 21 of VIFB, got {pair!r}{near}")
    return known[text]


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
    return [number for number in NUMBERS if _are_here(_tno_files(number))]


def list_pairs() -> list[PairInfo]:
    """Return all pairs: synthetic scenes first, then the real ones.

    Those of VIFB only where they are on this machine.
    """
    present = set(real_pairs())
    synthetic = [PairInfo(n, s["title"], False, True) for n, s in scenes().items()]
    return [
        *synthetic,
        *(PairInfo(f"tno{n}", f"TNO pair {n}", True, n in present) for n in NUMBERS),
        *(PairInfo(name, _vifb_title(name), True, True) for name in vifb_pairs()),
    ]


def _vifb_title(name: str) -> str:
    return f"VIFB pair {name.partition(':')[2]}"


def load_pair(name: str | int) -> Pair:
    """Return a pair by name or number.

    Parameters
    ----------
    name : str or int
        Name of a synthetic scene (``"street"``), or a real pair as a number
        (``1`` .. ``21``) or name (``"tno1"``, ``"vifb:carLight"``); capital letters and
        spaces around it do not matter.

    Returns
    -------
    Pair
        The pair.

    Raises
    ------
    InputError
        If there is no such pair, or a real one has not been fetched or is damaged.
    """
    text = shown(name) if isinstance(name, int) else str(name)
    text = text.strip().lower()
    if text.startswith(VIFB):
        return _load_vifb(find_vifb(text))
    number = as_whole_number(text.removeprefix("tno"))
    if number in NUMBERS:
        return _load_real(number)
    names = list(scenes())
    if text not in names:
        raise InputError(
            f"pair must be a scene ({', '.join(names)}), a number from 1 to "
            f"{NUMBERS[-1]}, or one of VIFB as vifb:carLight, got {shown(name)}"
            f"{hint(text, names)}"
        )
    return _load_scene(text)


def open_sources(given: Sequence[Any], names: Sequence[str] = ()) -> Any:
    """Return images that are given as a pair, by its name, as files or as arrays.

    Parameters
    ----------
    given : sequence
        One pair, name or sequence of images; or two images and more. An image is an
        array or the path of a file.
    names : sequence of str, optional
        What to call the images in messages.

    Returns
    -------
    sequence of array_like
        The images, files in 8 or 16 bits; what holds none is returned as it is.

    Raises
    ------
    InputError
        If a pair or a file cannot be used.
    """
    one = len(given) == 1 and not isinstance(given[0], str | os.PathLike)
    sources = given[0] if one else given
    if not isinstance(sources, list | tuple | Pair):
        return sources
    items = list(sources)
    paths = [item for item in items if isinstance(item, str | os.PathLike)]
    if paths == items and len(paths) == 1 and look_at(paths[0], "sources") is None:
        try:
            return list(load_pair(str(paths[0])).sources)
        except InputError as error:
            words = f"sources: {paths[0]} is neither a file nor a pair; {error}"
            raise InputError(words) from None
    for k, item in enumerate(items):
        if isinstance(item, str | os.PathLike):
            name = names[k] if k < len(names) else f"sources[{k}]"
            items[k] = read_pixels(item, name, colour=True)
    return items


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


def _read(name: str, files: Sequence[_File], *, colour: bool = False) -> list[Image]:
    """Read the files of a pair, infrared first."""
    if not _are_here(files):
        raise InputError(
            f"pair {name} is not in {files[0].folder}; get it with "
            f"'fusionlib data fetch {name}'"
        )
    images = [read_image(file.path, file.name, colour=colour) for file in files]
    check_same_shape(images, [file.name for file in files])
    return images


def _load_real(number: int) -> Pair:
    infrared, visible = _read(str(number), _tno_files(number))
    return Pair(f"tno{number}", f"TNO pair {number}", infrared, visible, True)


def _load_vifb(file: str) -> Pair:
    name = f"{VIFB}:{file}"
    infrared, visible = _read(name, _vifb_files(file), colour=True)
    # Most infrared files hold grey in three equal channels.
    return Pair(name, _vifb_title(name), luminance(infrared), visible, True)


def verify(pairs: Iterable[int | str] = NUMBERS) -> dict[str, str]:
    """Compare files with their checksums.

    Parameters
    ----------
    pairs : iterable of int or str, optional
        Which pairs: numbers, ``"vifb:carLight"``, or ``"vifb"`` for all of VIFB. By
        default the 21 of the paper.

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

    result = {}
    for file in _all_files(pairs):
        if not is_file(file.path, _argument()):
            result[file.name] = "missing"
        else:
            check_file(file.path, _argument())
            is_same = has_hash(file.path, file.sha256)
            result[file.name] = "ok" if is_same else "changed"
    return result


def fetch(pairs: Iterable[int | str] = NUMBERS, *, progress: bool = False) -> Path:
    """Download pairs into :func:`data_dir`, those of VIFB into :func:`vifb_dir`.

    Files that are there and match their checksum are not downloaded again, so an
    interrupted call is continued by calling again; a file appears under its name
    only when it is complete. The first download that fails ends the call.

    Parameters
    ----------
    pairs : iterable of int or str, optional
        Which pairs, as :func:`verify` takes them.
    progress : bool, optional
        Show a progress bar on stderr.

    Returns
    -------
    pathlib.Path
        The folder; of pairs of both kinds, that of the last one.

    Raises
    ------
    InputError
        If the folder cannot be written or a download fails.
    """
    from tqdm import tqdm

    from ._download import download, temporary_folder

    pairs = list(pairs)
    files, states = _all_files(pairs), verify(pairs)
    wanted = [file for file in files if states[file.name] != "ok"]
    try:
        for file in tqdm(wanted, unit="file", desc="pairs", disable=not progress):
            with temporary_folder(file.folder) as temporary:
                partial = temporary / file.path.name
                known_hash = f"sha256:{file.sha256}"
                download(file.url, partial, known_hash=known_hash, size=LARGEST_FILE)
                file.path.parent.mkdir(exist_ok=True)
                os.replace(partial, file.path)
    except InputError as error:
        raise InputError(f"data: fetching failed: {error}") from None
    return files[-1].folder if files else data_dir()
