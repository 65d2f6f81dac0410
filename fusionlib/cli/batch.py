"""``fusionlib batch``: fuse many pairs on several processes or a cluster."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import InputError
from .options import (
    add_folder,
    add_fusion_options,
    add_shared,
    fusion_config,
    is_terminal,
    print_note,
    print_text,
    table,
)

if TYPE_CHECKING:
    from ..evaluation.batch import Fuser
    from ..evaluation.pairing import FilePair
    from ..evaluation.pools import Pool


def add_parser(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "batch",
        help="fuse many pairs on several processes or a cluster",
        description="Fuse all pairs of files that match two patterns into a folder. "
        "Files are a pair if the wildcards stand for the same text: 'IR*.png' "
        "'VIS*.png', or 'ir/*.png' 'vis/*.png'. DIR/manifest.jsonl has one line for "
        "each pair. The same command again does what is missing, failed or changed.",
        examples=(
            "fusionlib batch 'IR*.png' 'VIS*.png' -o fused --dry-run",
            "fusionlib batch ir vis -o fused --workers 4 --max-memory 1GB",
        ),
    )
    parser.add_argument(
        "globs",
        metavar="GLOB",
        nargs="+",
        help="patterns of the infrared and of the visible files, in quotes; or folders",
    )
    add_folder(parser)
    where = parser.add_mutually_exclusive_group()
    add_shared(where, "--workers")
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="a Dask scheduler, such as tcp://10.0.0.1:8786 or tls://10.0.0.1:8786; "
        "its workers must have the same fusionlib and see the files under the same "
        "paths; needs pip install 'irvis-fusionlib[cluster]'",
    )
    tls = parser.add_argument_group("TLS of the scheduler (all three together)")
    tls.add_argument(
        "--tls-ca-file", metavar="FILE", help="certificate of its authority (PEM)"
    )
    tls.add_argument(
        "--tls-cert", metavar="FILE", help="certificate of this client (PEM)"
    )
    tls.add_argument("--tls-key", metavar="FILE", help="private key of this client")
    add_fusion_options(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="print the pairs, and do nothing"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Find the pairs, fuse what is not done, and print a summary."""
    from ..evaluation.pairing import find_pairs

    if len(arguments.globs) != 2:
        raise InputError(
            f"IR_GLOB and VIS_GLOB must be two patterns, got {len(arguments.globs)} "
            "arguments; put each pattern in quotes, or the shell replaces it"
        )
    pairs = find_pairs(*arguments.globs)
    if arguments.dry_run:
        print_text(table(("PAIR", "INFRARED", "VISIBLE"), pairs))
        return 0

    from ..evaluation.batch import Fuser
    from ..vgg.weights import load_weights

    pool = _pool(arguments)
    fuser = Fuser(
        config=fusion_config(arguments),
        weights=load_weights(arguments.weights),
        device=arguments.device,
        register=arguments.register,
        max_memory=arguments.max_memory,
    )
    with pool as workers:
        count = _fuse(pairs, arguments.output, fuser, workers)
    parts = ", ".join(f"{number} {what}" for what, number in count.items() if number)
    print_text(f"{len(pairs)} pairs: {parts}")
    return 0 if sum(count.values()) - count["failed"] == len(pairs) else 1


def _pool(arguments: argparse.Namespace) -> contextlib.AbstractContextManager[Pool]:
    """Return where to work."""
    from ..evaluation.pools import Processes

    names = ("tls_ca_file", "tls_cert", "tls_key")
    tls = {name: getattr(arguments, name) for name in names}
    if arguments.scheduler is None:
        if any(tls.values()):
            raise InputError("the TLS options belong to --scheduler, which is missing")
        return contextlib.nullcontext(Processes(arguments.workers))
    from ..evaluation.cluster import Cluster

    return Cluster(arguments.scheduler, quiet=not arguments.verbose, **tls)


def _fuse(
    pairs: Sequence[FilePair], folder: str, fuser: Fuser, pool: Pool
) -> dict[str, int]:
    """Fuse the pairs and tell of each that fails; return how many there were."""
    from tqdm import tqdm

    from ..evaluation.batch import run_batch
    from ..evaluation.cluster import ClusterLost

    count = {"done before": 0, "done now": 0, "failed": 0}
    with tqdm(total=len(pairs), unit="pair", disable=not is_terminal()) as bar:

        def show(record: dict[str, Any], before: bool) -> None:
            if record["result"] == "done":
                count["done before" if before else "done now"] += 1
            else:
                count["failed"] += 1
                with bar.external_write_mode(file=sys.stderr):
                    line = f"pair {record['name']} failed: {record['error']}"
                    print_note(f"fusionlib: {line}")
            bar.update()

        try:
            run_batch(pairs, folder, fuser, pool, progress=show)
        except ClusterLost as error:
            bar.close()
            print_note(f"fusionlib: {error}")
    return count
