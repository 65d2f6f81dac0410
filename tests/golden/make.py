"""Golden values: what the method gives for the five scenes, on one machine.

    python -m tests.golden.make

writes, for each scene and each preset with ``seeded`` weights, the fused image
(``street_paper.png``) and, in ``values.json``, digests of the sources, samples of the
activity maps with the largest value of each layer, and the metrics of the stored image.
Tests compare with these files and never write them. Run it only when the method
changes on purpose, and say in the commit how far the values moved.
"""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fusionlib import FusionConfig, FusionResult, fuse
from fusionlib.config import PRESETS
from fusionlib.data import load_pair, scenes
from fusionlib.fusion import Model, load_model
from fusionlib.images.io import to_uint8
from fusionlib.metrics import CONVENTIONS, evaluate

FOLDER = Path(__file__).parent
VALUES = FOLDER / "values.json"

#: Scene and preset of each golden image.
CASES = [(scene, preset) for scene in scenes() for preset in PRESETS]

#: Those whose metrics are stored; two images of a scene tell as much as three.
MEASURED = [case for case in CASES if case[1] != "recommended"]

#: Samples along each side of an activity map, corners included.
ROWS, COLUMNS = 6, 8


def golden_model() -> Model:
    """Return the network that all golden values come from."""
    return load_model("seeded", "cpu")


@cache
def sources(scene: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the two sources, in [0, 1]."""
    return load_pair(scene).sources


def digest(scene: str) -> str:
    """Return the SHA-256 of the two sources, as 8-bit images."""
    images = [to_uint8(image).tobytes() for image in sources(scene)]
    return hashlib.sha256(b"".join(images)).hexdigest()


def run(scene: str, preset: str, model: Model) -> FusionResult:
    """Fuse one scene."""
    return fuse(sources(scene), config=FusionConfig.preset(preset), weights=model)


def samples(activity: np.ndarray) -> np.ndarray:
    """Return evenly spaced samples of each activity map, K x 6 x 8."""
    height, width = activity.shape[1:]
    rows = np.arange(ROWS) * (height - 1) // (ROWS - 1)
    columns = np.arange(COLUMNS) * (width - 1) // (COLUMNS - 1)
    return activity[:, rows[:, None], columns]


def image_path(scene: str, preset: str) -> Path:
    """Return where the fused image is stored."""
    return FOLDER / f"{scene}_{preset}.png"


def metric_values(scene: str, preset: str, convention: str) -> dict[str, float]:
    """Return the metrics of the stored image."""
    fused = np.asarray(Image.open(image_path(scene, preset))) / 255
    return dict(evaluate(fused, sources(scene), convention=convention))


def main() -> None:
    """Write all golden values."""
    model = golden_model()
    record: dict[str, Any] = {
        "made_by": {
            "command": "python -m tests.golden.make",
            "machine": platform.machine(),
            "weights": model.weights.provenance,
            "versions": {name: version(name) for name in ("numpy", "scipy", "torch")},
        },
        "sources_sha256": {scene: digest(scene) for scene in scenes()},
    }
    for scene, preset in CASES:
        result = run(scene, preset, model)
        image = Image.fromarray(to_uint8(result.image))
        image.save(image_path(scene, preset), optimize=True)
        record[f"{scene} {preset}"] = {
            "activities": {
                name: {
                    "largest": float(f"{activity.max():.8g}"),
                    "samples": " ".join(f"{x:.8g}" for x in samples(activity).flat),
                }
                for name, activity in result.C.items()
            },
        }
        if (scene, preset) in MEASURED:
            metrics = {c: metric_values(scene, preset, c) for c in CONVENTIONS}
            record[f"{scene} {preset}"]["metrics"] = metrics
    VALUES.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
