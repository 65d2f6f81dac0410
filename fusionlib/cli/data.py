"""``fusionlib data``: list, fetch, verify and export image pairs."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import one_line
from .options import add_folder, is_terminal, print_text, table


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "data",
        help="list, fetch, verify or export image pairs",
        description="Pairs of images: rendered scenes, which are always here, and real "
        "pairs, which are fetched.",
        examples=(
            "fusionlib data list",
            "fusionlib data fetch",
            "fusionlib data export street harbour -o images",
        ),
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="list all pairs")
    listing.set_defaults(run=run_list)
    pairs = {
        "metavar": "PAIR",
        "nargs": "*",
        "help": "1 to 21 for a TNO pair, vifb for the benchmark VIFB, vifb:carLight "
        "for a pair of it (default: all TNO pairs)",
    }
    fetching = actions.add_parser("fetch", help="download the real pairs")
    fetching.add_argument("pairs", **pairs)
    fetching.set_defaults(run=run_fetch)
    verifying = actions.add_parser("verify", help="compare files with checksums")
    verifying.add_argument("pairs", **pairs)
    verifying.set_defaults(run=run_verify)
    exporting = actions.add_parser(
        "export",
        help="write pairs as image files",
        description="Write NAME_infrared.png and NAME_visible.png of each pair, and "
        "the masks of a scene.",
        examples=("fusionlib data export -o images",),
    )
    exporting.add_argument(
        "pairs", metavar="PAIR", nargs="*", help="names of pairs (default: all scenes)"
    )
    add_folder(exporting)
    exporting.set_defaults(run=run_export)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the pairs and whether they are here."""
    from ..data import data_dir, list_pairs

    rows = [
        (pair.name, "here" if pair.available else "not fetched", pair.title)
        for pair in list_pairs()
    ]
    print_text(table(("NAME", "STATE", "TITLE"), rows))
    print_text(f"real pairs are kept in {one_line(str(data_dir()))}")
    return 0


def run_fetch(arguments: argparse.Namespace) -> int:
    """Download pairs."""
    from ..data import NUMBERS, VIFB, fetch, registry, vifb_registry

    vifb = [p for p in arguments.pairs if p.strip().lower().startswith(VIFB)]
    real = [p for p in arguments.pairs if p not in vifb] or ([] if vifb else NUMBERS)
    for pairs, source in ((real, registry), (vifb, vifb_registry)):
        if pairs:
            folder = fetch(pairs, progress=is_terminal())
            print_text(f"{one_line(str(folder))}\n{source()['licence']}")
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Print each file's state; the status is 1 if one is not ok."""
    from ..data import NUMBERS, verify

    states = verify(arguments.pairs or NUMBERS)
    print_text(table(("FILE", "STATE"), list(states.items())))
    return 0 if set(states.values()) == {"ok"} else 1


def run_export(arguments: argparse.Namespace) -> int:
    """Write pairs as files, in 8 bits."""
    from pathlib import Path

    from ..data import load_pair, scenes
    from ..images.io import check_folder, write_image

    for name in arguments.pairs or scenes():
        pair = load_pair(name)
        folder = Path(arguments.output)
        check_folder(folder.parent, "output")
        folder.mkdir(exist_ok=True)
        for part in ("infrared", "visible", "target_mask", "texture_mask"):
            image = getattr(pair, part)
            if image is not None:
                path = folder / f"{pair.name.replace(':', '_')}_{part}.png"
                write_image(path, image.astype(float))
                print_text(one_line(str(path)))
    return 0
