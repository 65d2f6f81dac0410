"""Many pairs at once: a folder of fused images and the manifest of how each was made.

See :mod:`fusionlib.evaluation.runner` for what is done once and what again.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import FusionConfig
from ..errors import InputError
from ..images.io import file_digest
from ..vgg.memory import parse_memory
from .files import fuse_files
from .pairing import FilePair
from .pools import Pool
from .runner import Item, Record, Runner, code_digest

if TYPE_CHECKING:
    from ..fusion import Model
    from ..vgg.weights import VGGWeights

__all__ = ["Fuser", "run_batch"]

#: Ending of the fused images.
SUFFIX = ".png"


@dataclass(eq=False)
class Fuser:
    """What a worker needs to fuse pairs; the network is built once in each process.

    Travels to the workers as weights and options.

    Parameters
    ----------
    weights : VGGWeights
        The nine convolutions.
    config : FusionConfig
        Parameters of the method.
    device : str, optional
        See :func:`fusionlib.vgg.convolution.resolve_device`.
    register : bool, optional
        See :func:`fusionlib.fusion.fuse`.
    max_memory : str, optional
        See :func:`fusionlib.evaluation.files.fuse_files`.

    Raises
    ------
    InputError
        If ``max_memory`` is not an amount of memory.
    """

    weights: VGGWeights
    config: FusionConfig = field(default_factory=FusionConfig)
    device: str = "auto"
    register: bool = False
    max_memory: str | None = None

    def __post_init__(self) -> None:
        if self.max_memory is not None:
            parse_memory(self.max_memory)
        self._model: Model | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Fuser, tuple(getattr(self, f.name) for f in fields(self))

    def settings(self, kind: str) -> Record:
        """Return what decides the pixels besides the sources.

        Parameters
        ----------
        kind : str
            Kind of device that computes, ``cpu`` or ``cuda``.
        """
        return {
            "code": code_digest("fusion", "evaluation/files.py"),
            "config": self.config.as_dict(),
            "register": self.register,
            "weights": self.weights.sha256,
            "device": kind,
        }

    def __call__(self, ir: str, vis: str, output: str) -> Record:
        """Fuse one pair of files.

        Returns
        -------
        dict
            How it was done, for the manifest.
        """
        from ..fusion import load_model

        if self._model is None:
            self._model = load_model(self.weights, self.device, self.config.precision)
        made = fuse_files(
            [ir, vis],
            output,
            config=self.config,
            weights=self._model,
            register=self.register,
            max_memory=self.max_memory,
        )
        return {
            "ir": ir,
            "vis": vis,
            "weights": self.weights.name,
            "device": made["device"],
            "precision": made["precision"],
        }


def run_batch(
    pairs: Sequence[FilePair],
    folder: str | os.PathLike[str],
    fuser: Fuser,
    pool: Pool | None = None,
    *,
    progress: Callable[[Record, bool], None] | None = None,
) -> list[Record]:
    """Fuse all pairs that are not done yet.

    Parameters
    ----------
    pairs : sequence of FilePair
        See :func:`fusionlib.evaluation.pairing.find_pairs`.
    folder : path-like
        Where the fused images and the manifest go; it is made if it is not there.
    fuser : Fuser
        Weights and options.
    pool, progress : optional
        See :meth:`fusionlib.evaluation.runner.Runner.run`.

    Returns
    -------
    list of dict
        The manifest's line of every pair, in the order of ``pairs``.

    Raises
    ------
    InputError
        If the device or the folder cannot be used, or an output would replace an
        input.
    """
    place = Path(os.path.abspath(folder))
    inputs = {os.path.realpath(path) for pair in pairs for path in (pair.ir, pair.vis)}
    for pair in pairs:
        output = place / (pair.name + SUFFIX)
        if os.path.realpath(output) in inputs:
            raise InputError(
                f"output: {output} is one of the inputs; choose another folder"
            )
    pool = pool or Pool()
    # The workers must not choose each for itself: the results would differ.
    kind = pool.device(fuser.device)
    if fuser.device == "auto":
        fuser = replace(fuser, device=kind)
    settings = fuser.settings(kind)

    def item(pair: FilePair) -> Item:
        ir, vis = os.path.abspath(pair.ir), os.path.abspath(pair.vis)
        file = pair.name + SUFFIX
        digests = {"ir": _digest(ir), "vis": _digest(vis)}
        arguments = ir, vis, str(place / file)
        return Item(pair.name, digests, settings, (file,), arguments)

    with Runner(place) as runner:
        return runner.run([item(pair) for pair in pairs], fuser, pool, progress)


def _digest(path: str) -> str | None:
    """Return the digest of a source; what cannot be read fails when it is fused."""
    try:
        return file_digest(path)
    except OSError:
        return None
