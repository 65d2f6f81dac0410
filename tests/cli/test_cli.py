"""The command line: what it writes, and one line and exit 2 for bad input."""

import json
import logging
import os
import re
import shlex
import subprocess
import sys
import types
import warnings

import numpy as np
import pytest
from PIL import Image

import fusionlib
from fusionlib import FusionConfig, fuse, load_pair, read_image
from fusionlib.cli import COMMANDS, build_parser, main
from fusionlib.images.io import to_uint8
from fusionlib.vgg.weights import KINDS

from ..conftest import assert_same_image
from ..support.command import refused
from ..support.odd_files import bad_files, odd_paths


@pytest.fixture
def pair(tmp_path):
    rng = np.random.RandomState(0)
    paths = []
    for name in ("ir.png", "vis.png", "third.png"):
        pixels = rng.randint(0, 256, (21, 34)).astype(np.uint8)
        Image.fromarray(pixels).save(tmp_path / name)
        paths.append(str(tmp_path / name))
    return paths


def fuse_args(*sources, out, extra=()):
    return ["fuse", *sources, "-o", str(out), "--weights", "seeded", *extra]


def test_fuse_writes_what_the_library_computes(pair, tmp_path, capsys):
    out = tmp_path / "out.png"
    options = ("--preset", "released", "--lam", "7", "--radius", "2", "--json",
               "--layers", "relu1_1,relu3_1", "--input-scale", "255")  # fmt: skip
    assert main(fuse_args(*pair, out=out, extra=options)) == 0
    config = FusionConfig(
        before_relu=True, lam=7, radius=2, layers="relu1_1,relu3_1", input_scale=255
    )
    expected = fuse([read_image(p) for p in pair], config=config, weights="seeded")
    assert_same_image(Image.open(out), to_uint8(expected.image))
    captured = capsys.readouterr()
    record = json.loads(captured.out)
    assert record["version"]
    assert record["preset"] == "custom"
    assert record["weights"]["name"] == "seeded"
    assert len(record["weights"]["sha256"]) == 64
    assert record["seconds"]["total"] >= record["seconds"]["features"]


def test_a_memory_budget_gives_the_same_image(pair, tmp_path, capsys):
    out, small = tmp_path / "out.png", tmp_path / "small.png"
    assert main(fuse_args(*pair, out=out)) == 0
    assert main(fuse_args(*pair, out=small, extra=("--max-memory", "1GB"))) == 0
    assert_same_image(Image.open(small), Image.open(out))
    assert main(fuse_args(*pair, out=small, extra=("--max-memory", "0.4GB"))) == 2
    assert "max_memory: 0.4 GB are too little" in capsys.readouterr().err


def test_a_run_says_in_one_line_what_it_wrote(pair, tmp_path, capsys, monkeypatch):
    out = tmp_path / "x.png"
    how = {
        (): rf"weights seeded: {KINDS['random']}",
        ("--method", "mean"): "method mean",
    }
    for extra, words in how.items():
        command = ["fuse", *pair[:2], "-o", str(out), *extra]
        assert main(command if extra else fuse_args(*pair[:2], out=out)) == 0
        captured = capsys.readouterr()
        assert captured.out == ""
        line = rf"wrote {out} \(21x34 pixels, \d+\.\d s, {words}\)\n"
        assert re.fullmatch(line, captured.err)


def test_progress_is_for_a_terminal(pair, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("fusionlib.cli.fuse.is_terminal", lambda: True)
    assert (
        main(["fuse", *pair[:2], "-o", str(tmp_path / "x.png"), "--method", "mean"])
        == 0
    )
    first, last = capsys.readouterr().err.splitlines()
    assert first == f"fusing {pair[0]} and {pair[1]} ..."
    assert last.startswith("wrote ")


def test_the_output_has_a_default_name(pair, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["fuse", *pair[:2], "--method", "mean"]) == 0
    assert (tmp_path / "fused.png").is_file()


@pytest.mark.parametrize("command", [[], ["data"], ["weights"]])
def test_without_a_command_there_is_help_with_examples(command, capsys):
    """As of pip, gh and docker, the status is 0."""
    assert main(command) == 0
    text = capsys.readouterr().out
    assert text.startswith("usage: fusionlib")
    assert text.partition("examples:\n")[2].count("  fusionlib ") >= 2


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_has_examples_that_it_understands(command, capsys):
    name = command.replace("_", "-")
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.index("options:") > len(f"usage: fusionlib {name}") + 40  # described
    examples = re.findall(r"^  fusionlib (.*)$", text, re.MULTILINE)
    assert examples
    for example in examples:
        arguments = build_parser().parse_args(shlex.split(example))
        assert arguments.command == name


def test_help_has_the_true_defaults(capsys):
    main(["fuse", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    paper = FusionConfig()
    for name in ("lam", "radius", "input_scale"):
        flag = name.replace("_", "-")
        told = re.search(rf"--{flag} NUMBER (?:(?! --).)*?paper: ([\d.]+)\)", text)
        assert float(told[1]) == getattr(paper, name)
    assert f"paper: {','.join(paper.layers)})" in text


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["fuze"], "did you mean fuse?"),
        (["export_onnx"], "did you mean export-onnx?"),
        (["weights", "verfy"], "did you mean verify?"),
        (["fuse", "street", "--lamda", "5"], "did you mean --lam?"),
        (["fuse", "street", "--method", "csb"], "did you mean cbf?"),
        (["fuse", "street", "--preset", "relased"], "did you mean released?"),
        (["evaluate", "a", "b", "c", "--metrics", "Qabf"], "did you mean Q_abf?"),
    ],
)
def test_what_was_meant(command, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(command) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.rstrip().endswith(words)


def test_info_is_what_a_bug_report_needs(clean_home, monkeypatch, capsys):
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", "seeded")
    assert main(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in lines)
    assert facts["fusionlib"].startswith(fusionlib.__version__)
    assert facts["numpy"] == np.__version__
    assert facts["weights"].startswith(f"seeded ({KINDS['random']}), 14 MB")
    assert facts["data"] == "0 of 21 real pairs"
    assert facts["FUSIONLIB_WEIGHTS"] == "seeded"
    monkeypatch.setenv("FUSIONLIB_WEIGHTS", "none.pth")
    assert main(["info"]) == 0
    assert "'none.pth' is neither one of" in capsys.readouterr().out


def test_a_shell_that_completes_gets_no_run(monkeypatch):
    """argcomplete is asked with the whole parser, and ends the program itself."""
    seen = []

    def autocomplete(parser):
        seen.append(parser.format_help())
        raise SystemExit(0)

    monkeypatch.setenv("_ARGCOMPLETE", "1")
    fake = types.SimpleNamespace(autocomplete=autocomplete)
    monkeypatch.setitem(sys.modules, "argcomplete", fake)
    assert main(["fuse", "no.png", "file.png"]) == 0
    assert len(seen) == 1
    assert all(name.replace("_", "-") in seen[0] for name in COMMANDS)


def test_bad_files_are_refused(pair, tmp_path, capsys):
    cases = list(bad_files(tmp_path, tmp_path / "ir.png"))
    for name, content, _ in cases:
        if name in ("colour", "palette"):
            continue  # not bad: one colour source is fused, see below
        path = tmp_path / f"bad-{name}.png"
        path.write_bytes(content)
        out = tmp_path / "out.png"
        line = refused(capsys, fuse_args(pair[0], str(path), out=out), out)
        assert "VIS" in line, name


@pytest.fixture
def colour(tmp_path):
    pixels = np.random.RandomState(9).randint(0, 256, (21, 34, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "colour.png")
    return str(tmp_path / "colour.png")


def test_a_colour_source_gives_a_colour_image(pair, colour, tmp_path, capsys):
    out = tmp_path / "out.png"
    assert main(fuse_args(pair[0], colour, out=out, extra=["--json"])) == 0
    assert json.loads(capsys.readouterr().out)["colour_source"] == 1
    sources = [read_image(pair[0]), read_image(colour, colour=True)]
    expected = to_uint8(fuse(sources, weights="seeded").image)
    assert expected.shape == (21, 34, 3)
    assert_same_image(Image.open(out), expected)


def test_two_colour_sources_are_refused(pair, colour, tmp_path, capsys):
    out = tmp_path / "out.png"
    line = refused(capsys, fuse_args(pair[0], colour, colour, out=out), out)
    assert "at most one colour image" in line
    assert colour in line


def test_colour_and_a_memory_budget_go_together(pair, colour, tmp_path):
    whole, small = tmp_path / "whole.png", tmp_path / "small.png"
    assert main(fuse_args(pair[0], colour, out=whole)) == 0
    extra = ["--max-memory", "1GB"]
    assert main(fuse_args(pair[0], colour, out=small, extra=extra)) == 0
    assert small.read_bytes() == whole.read_bytes()


def test_the_convention_says_what_is_evaluated_of_colour_files(pair, colour, capsys):
    from fusionlib.images.colour import luminance
    from fusionlib.metrics import evaluate

    arguments = ["evaluate", *pair[:2], colour, "--metrics", "PSNR", "--json"]
    rgb, sources = read_image(colour, colour=True), [read_image(p) for p in pair[:2]]
    channels = [rgb[..., k] for k in range(3)]
    cases = [
        ("published", [], "luminance", [luminance(rgb)]),
        ("tang", [], "luminance", [luminance(rgb)]),
        ("vifb", [], "channels", channels),
        ("vifb", ["--luminance"], "luminance", [luminance(rgb)]),
    ]
    for convention, more, computed_on, planes in cases:
        assert main([*arguments, "--convention", convention, *more]) == 0
        record = json.loads(capsys.readouterr().out)
        expected = [evaluate(x, sources, convention=convention)["PSNR"] for x in planes]
        assert record["computed_on"] == computed_on
        assert record["PSNR"] == pytest.approx(sum(expected) / len(planes), abs=1e-12)


def test_other_bad_input_is_refused(pair, tmp_path, capsys):
    out = tmp_path / "out.png"
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(tmp_path / "small.png")
    cases = [
        ([pair[0], str(tmp_path / "small.png")], (), "must have the same size"),
        ([pair[0], str(tmp_path / "none.png")], (), "does not exist"),
        ([pair[0]], (), "at least 2 images or the name of a pair, got 1"),
        (pair, ("--lam", "0"), "lam must be"),
        (pair, ("--lam", "-3"), "lam must be"),
        (pair, ("--lam", "x"), "lam"),
        (pair, ("--radius", "0"), "radius must be"),
        (pair, ("--radius", "-1"), "radius must be"),
        (pair, ("--layers", "relu5_1"), "layers must be one of relu1_1"),
        (pair, ("--preset", "best"), "preset must be one of paper, released"),
        (pair, ("--weights", "none.safetensors"), "weights: 'none.safetensors'"),
        (pair, ("--weights", pair[0]), "must end in one of"),
        (pair, ("--device", "tpu"), "device must be one of"),
        (pair, ("--input-scale", "0"), "input_scale must be"),
        (pair, ("--max-memory", "lots"), "max_memory must be"),
        (pair, ("--precision", "fp8"), "precision must be"),
    ]
    for sources, extra, message in cases:
        line = refused(capsys, fuse_args(*sources, out=out, extra=extra), out)
        assert message in line, (message, line)


def test_unwritable_outputs_are_refused_before_the_work(pair, tmp_path, capsys):
    for out in (tmp_path / "none" / "out.png", tmp_path / "out.jpg", tmp_path):
        assert "output" in refused(capsys, fuse_args(*pair, out=out), out)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder_is_refused(pair, tmp_path, capsys):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    line = refused(capsys, fuse_args(*pair, out=folder / "x.png"), folder / "x.png")
    assert "cannot write" in line


def test_an_output_never_replaces_a_source(pair, tmp_path, capsys):
    before = (tmp_path / "vis.png").read_bytes()
    (tmp_path / "link.png").symlink_to("vis.png")
    (tmp_path / "again").mkdir()
    for out in ("vis.png", "link.png", "again/../vis.png"):
        for extra in ((), ("--max-memory", "1GB"), ("--method", "mean")):
            arguments = ["fuse", *pair[:2], "-o", str(tmp_path / out), *extra]
            line = refused(capsys, arguments, tmp_path / out)
            assert "is one of the sources" in line
    assert (tmp_path / "vis.png").read_bytes() == before


def test_odd_paths_are_one_line(pair, tmp_path, capsys, monkeypatch):
    """As sources, output, weights, dictionary, data and reference folder."""
    folder, out = tmp_path / "odd", tmp_path / "out.png"
    folder.mkdir()
    reference = ["reproduce", "-o", str(tmp_path / "run"), "--images", "1"]
    for path, _ in odd_paths(folder):
        refused(capsys, fuse_args(pair[0], path, out=out), out)
        refused(capsys, ["evaluate", *pair[:2], path], out)
        method = ["--method", "jsr", "--dictionary", path]
        refused(capsys, ["fuse", *pair[:2], "-o", str(out), *method], out)
        if not os.path.isdir(path):  # a folder without dictionaries is fine
            refused(capsys, [*reference, "--dictionaries", path], out)
        if not re.search("none.png|two|dangling", path):  # these are fine
            refused(capsys, fuse_args(*pair[:2], out=path), out)
            if not os.path.isdir(path):
                refused(capsys, ["ablation", "-o", path, "--weights", "seeded"], out)
    monkeypatch.setenv("FUSIONLIB_DATA", str(folder / "loop.png"))
    for arguments in (["data", "list"], ["data", "verify", "1"]):
        assert "FUSIONLIB_DATA" in refused(capsys, arguments, out)


def test_what_the_system_refuses_is_one_line(pair, tmp_path, capsys, monkeypatch):
    """Whatever fails where nobody thought of it."""
    out = tmp_path / "out.png"
    for error, message in (
        (OSError(28, "No space left on device"), "no space left on device"),
        (
            PermissionError(13, "Permission denied", "/a\nb"),
            "/a\\nb: permission denied",
        ),
        (MemoryError(), "there is not enough memory"),
        (ImportError("libtorch.so: failed to map segment"), "enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "enough memory"),
    ):

        def fail(*_, error=error, **__):
            raise error

        monkeypatch.setattr("fusionlib.evaluation.files.fuse_files", fail)
        assert message in refused(capsys, fuse_args(*pair, out=out), out)
    monkeypatch.setattr("fusionlib.evaluation.files.fuse_files", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        main(fuse_args(*pair, out=out))


def in_shell(command, **environment):
    """Run a command line with `fusionlib` in it; return the status and both streams."""
    command = command.replace("fusionlib", f"{sys.executable} -m fusionlib", 1)
    environment = os.environ | {"PYTHONUNBUFFERED": ""} | environment
    done = subprocess.run(command, shell=True, capture_output=True, env=environment)
    return done.returncode, done.stdout, done.stderr.decode()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_standard_output_is_one_line(pair, tmp_path):
    for command in ("fusionlib methods", "fusionlib methods --json", "fusionlib -h"):
        status, _, error = in_shell(f"{command} > /dev/full")
        assert status == 2
        assert error.startswith("fusionlib: error: standard output cannot be written")
        assert error.count("\n") == 1


def test_closed_streams(pair, tmp_path):
    """Without a standard output only what prints fails, and before the work."""
    out = tmp_path / "out.png"
    command = f"fusionlib fuse {pair[0]} {pair[1]} -o {out} --method mean"
    status, _, error = in_shell(f"{command} --json >&-")
    assert (status, error.count("\n"), out.exists()) == (2, 1, False)
    assert "standard output is closed" in error
    for printed in ("data list", "weights list", "weights verify"):
        status, _, error = in_shell(f"fusionlib {printed} >&-")
        assert (status, error.count("\n")) == (2, 1), printed
        assert "standard output is closed" in error
    assert in_shell(f"{command} >&- 2>&-")[0] == 0
    assert out.exists()
    status, output, _ = in_shell("fusionlib fuse none none -o x.png 2>&-")
    assert (status, output) == (2, b"")


def test_names_that_standard_output_cannot_write(pair, tmp_path):
    """A letter that ASCII lacks, and bytes that are no text."""
    for name in (os.fsencode("größe.png"), b"\xff.png"):
        path = os.fsencode(tmp_path) + b"/" + name
        os.link(pair[0], path)
        for encoding in ("ascii", "utf-8:strict"):
            command = [sys.executable, "-m", "fusionlib", "fuse", path, pair[1], "-o",
                       tmp_path / "o.png", "--method", "mean", "--json"]  # fmt: skip
            environment = os.environ | {"PYTHONIOENCODING": encoding}
            done = subprocess.run(command, capture_output=True, env=environment)
            assert done.returncode == 0, done.stderr
            assert os.fsencode(json.loads(done.stdout)["inputs"][0]) == path


def test_numbers_of_thousands_of_digits(pair, tmp_path, clean_home, capsys):
    many = "9" * 5000
    out = tmp_path / "out.png"
    for arguments in (
        ["data", "verify", many],
        ["data", "fetch", f"tno{many}"],
        ["ablation", "-o", str(tmp_path / "s"), "--crop", f"{many}x1"],
        ["ablation", "-o", str(tmp_path / "s"), "--pairs", many],
        ["reproduce", "-o", str(tmp_path / "run"), "--images", many],
        ["reproduce", "-o", str(tmp_path / "run"), "--workers", many],
        ["batch", str(tmp_path / "i*"), str(tmp_path / "v*"), "-o", str(tmp_path / "b"),
         "--workers", "100000"],
        ["reproduce", "-o", str(tmp_path / "run"), "--workers", "100000"],
        fuse_args(*pair, out=out, extra=["--lam", many]),
        fuse_args(*pair, out=out, extra=["--radius", many]),
        fuse_args(*pair, out=out, extra=["--max-memory", many]),
        ["fuse", *pair[:2], "-o", str(out), "--method", "cbf", "--param",
         f"ksize={many}"],
    ):  # fmt: skip
        refused(capsys, arguments, out)


def test_a_huge_input_scale_is_named(pair, tmp_path, capsys):
    out = tmp_path / "out.png"
    for scale in ("1e38", "1e308"):
        arguments = fuse_args(*pair, out=out, extra=["--input-scale", scale])
        assert "input_scale" in refused(capsys, arguments, out)


def test_the_program_leaves_the_process_as_it_was(pair, tmp_path, capsys, monkeypatch):
    """It may be called from another program."""
    monkeypatch.setattr(warnings, "formatwarning", lambda *_, **__: "own")

    def state():
        root, own = logging.getLogger(), logging.getLogger("fusionlib")
        loggers = [(*logger.handlers, logger.level) for logger in (root, own)]
        return loggers, warnings.showwarning, warnings.formatwarning, sys.stdout.errors

    before = state()
    assert main(["-v", "methods"]) == 0
    assert main(["-v", "fuse", *pair, "-o", str(tmp_path / "x.png"), "--lam", "0"]) == 2
    assert state() == before
    capsys.readouterr()


def test_data_and_weights_lists(clean_home, capsys):
    assert main(["data", "list"]) == 0
    listed = capsys.readouterr().out
    assert "tno21" in listed
    assert "not fetched" in listed
    assert main(["weights", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()[1:]
    kinds = {
        line.split()[0]: next(k for k, words in KINDS.items() if f"  {words}  " in line)
        for line in lines[:-1]
    }
    assert lines[-1].startswith("cnn ")
    assert kinds == {
        "oxford": "paper", "imagenet": "other", "vgg16": "other", "seeded": "random",
    }  # fmt: skip
    assert main(["data", "verify", "1"]) == 1
    assert "missing" in capsys.readouterr().out
    assert main(["data", "fetch", "99"]) == 2
    assert main(["weights", "verify"]) == 0
    assert main(["weights", "fetch", "resnet"]) == 2
    assert main(["weights", "import", "none.h5"]) == 2
    assert main(["--version"]) == 0


def test_as_a_module_and_as_a_pipe(tmp_path):
    """A reader that goes away is no error; `python -m` is the same program."""
    command = f"{sys.executable} -m fusionlib data list | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.startswith("NAME")


def test_importing_the_package_loads_nothing_heavy():
    heavy = ["torch", "numba", "skimage", "matplotlib", "ipywidgets", "scipy", "pooch"]
    code = (
        "import sys, fusionlib, fusionlib.cli; fusionlib.cli.build_parser();"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_fusing_by_the_paper_imports_no_more_than_it_needs(tmp_path):
    heavy = ["scipy", "numpy.ma", "matplotlib", "numba", "skimage", "h5py"]
    command = ["fuse", "street", "-o", str(tmp_path / "out.png"), "--weights", "seeded"]
    code = (
        f"import sys, fusionlib.cli; fusionlib.cli.main({command!r});"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_the_library_never_imports_plotting_widgets_or_torchvision():
    code = (
        "import sys, pkgutil, importlib, fusionlib\n"
        "skip = ('__main__',)\n"
        "for m in pkgutil.walk_packages(fusionlib.__path__, 'fusionlib.'):\n"
        "    if not any(s in m.name for s in skip): importlib.import_module(m.name)\n"
        "bad = ('matplotlib', 'ipywidgets', 'IPython', 'torchvision')\n"
        "print([m for m in bad if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_a_pair_is_fused_by_its_name(tmp_path, capsys):
    out = tmp_path / "out.png"
    assert main(["fuse", "street", "-o", str(out), "--weights", "seeded"]) == 0
    expected = fuse(load_pair("street").sources, weights="seeded").image
    assert_same_image(to_uint8(read_image(out)), to_uint8(expected))
    assert main(["fuse", "Street", "-o", str(out), "--method", "laplacian"]) == 0
    capsys.readouterr()
    line = refused(capsys, ["fuse", "strete", "-o", str(out)], out)
    assert "strete is neither a file nor a pair; pair must be a scene (street" in line
