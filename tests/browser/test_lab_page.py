"""The lab page in a browser without network, held to the library."""

from __future__ import annotations

import base64
import functools
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage
from scipy.ndimage import gaussian_filter

from fusionbook.colours import LAYER_COLOURS, rgb
from fusionlib import FusionConfig, fuse, fusion, metrics
from fusionlib.activity import block_average
from fusionlib.baselines import laplacian, mean
from fusionlib.config import PRESETS
from fusionlib.data import load_pair, scenes
from fusionlib.decomposition import decompose
from fusionlib.fusion import fuse_details, select
from fusionlib.images.colour import luminance
from fusionlib.images.filters import guided_filter
from fusionlib.images.io import read_image, to_uint8
from fusionlib.metrics import ssim_map
from fusionlib.vgg.layers import PAPER_LAYERS
from fusionlib.weight_maps import upsample, weights_from_activity

from ..support.files import load_script
from ..support.missing import missing
from ..support.pages import COLOURS, contrast, move

LAB = Path(__file__).parents[2] / "book" / "lab"

PAGE = (
    '<!doctype html><html lang="en"{theme}><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<title>Lab</title></head><body>{body}</body></html>"
)

STAGES = 27

#: A setting beyond the paper of every kind, and the link to it.
EVERYTHING = {
    "lam": 20, "input_scale": 255, "selection": "absmax", "base": "activity",
    "base_power": 3, "guided_radius": 8, "mirror": 32, "above_floor": True,
    "power": 4, "gain": 1.3, "upsampling": "bilinear", "radius": 2,
}  # fmt: skip
LINK = {
    "lambda": 20, "scale": 255, "selection": "absmax", "base": "activity",
    "base-power": 3, "guided": 8, "mirror": 32, "floor": "on", "power": 4,
    "gain": 1.3, "upsampling": "bilinear", "radius": 2,
}  # fmt: skip


def module(name):
    """Return a script of ``book/lab`` as a module."""
    return load_script(LAB / f"{name}.py")


def body():
    """Return the HTML in the page's source."""
    text = (LAB / "index.md").read_text("utf-8")
    return re.search(r"```\{raw\} html\n(.*?)```", text, re.S)[1]


def write_pages(folder):
    """Write the page, light and dark, and what it loads besides the runtime."""
    place = folder / "book" / "lab"
    place.mkdir(parents=True)
    for theme in ("light", "dark"):
        page = PAGE.format(theme=f' data-theme="{theme}"', body=body())
        (place / f"{theme}.html").write_text(page, "utf-8")
    module("scenes").write_lab_files(folder / "_static" / "lab")


@pytest.fixture(scope="session")
def folder(tmp_path_factory, browser):
    """The page with runtime and networks, or a skip that says what is missing."""
    pytest.importorskip("onnx", reason="onnx is not installed: no lab page")
    from fusionlib.vgg.onnx import export_onnx
    from fusionlib.vgg.weights import quiet_weights

    build = module("build")
    place = tmp_path_factory.mktemp("lab")
    model = build.build(place / "_static" / "lab")
    if not model["available"]:
        missing("BROWSER", f"the lab page cannot be built: {model['reason']}")
    write_pages(place)
    export_onnx(quiet_weights(), place / "_static" / "lab" / "fp32.onnx")
    return place


@pytest.fixture(scope="session")
def plain(tmp_path_factory, browser):
    """The page of a build without npm."""
    place = tmp_path_factory.mktemp("plain")
    write_pages(place)
    module("build").missing(place / "_static" / "lab", "npm is not there")
    return place


@pytest.fixture(scope="session")
def addresses(folder, serve):
    return {"file": folder.as_uri(), "http": serve(folder)}


def small_sources():
    """Every third row and column of a scene: 75 x 93 pixels."""
    return [band[:225:3, :279:3] for band in load_pair("harbour").sources]


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    """A small pair of odd size on disk: two files and the images in them."""
    place = tmp_path_factory.mktemp("pair")
    files, images = [], small_sources()
    for name, image in zip(("ir.png", "vis.png"), images, strict=True):
        PILImage.fromarray(to_uint8(image)).save(place / name)
        files.append(str(place / name))
    return files, images


@functools.cache
def library(scene=None, **changes):
    """The library's result for a scene, or for the pair on disk."""
    sources = load_pair(scene).sources if scene else small_sources()
    return fuse(sources, config=FusionConfig(**changes))


def psnr(first, second):
    """Peak signal-to-noise ratio of two 8-bit images in dB."""
    error = np.mean((first.astype(float) - second) ** 2)
    return np.inf if error == 0 else 10 * np.log10(255**2 / error)


def wait(page, state="done", seconds=120):
    page.wait_for_function(
        "s => document.querySelector('.fl-lab').dataset.state === s",
        arg=state, timeout=1000 * seconds,
    )  # fmt: skip


def load(page, files, seconds=120):
    """Choose two files and wait for their result."""
    for k, file in enumerate(files):
        page.locator(".lab-drop input").nth(k).set_input_files(file)
        if k == 0:
            page.wait_for_selector(".lab-drop.lab-filled")
    wait(page, seconds=seconds)


def use_scene(page, name):
    page.select_option(".lab-scene select", name)
    page.click(".lab-go")
    page.wait_for_selector(".lab-drop.lab-filled")
    wait(page, "busy")
    wait(page)


def download(page, stage):
    """Save a stage and return its pixels."""
    with page.expect_download() as event:
        page.click(f'.lab-save[data-stage="{stage}"]')
    assert event.value.suggested_filename.endswith(f"-{stage}.png")
    return np.asarray(PILImage.open(event.value.path()))


def error(page):
    """Wait for a message and return it."""
    page.wait_for_selector(".lab-error:not([hidden])")
    return page.inner_text(".lab-error")


# ---- modules against the library ---------------------------------------------


@pytest.fixture(scope="module")
def ask(browser, plain):
    """Evaluate JavaScript with arrays: ``ask("a => ...", array)``."""
    page = browser.new_page()
    page.goto(f"{plain.as_uri()}/book/lab/light.html")
    page.evaluate(
        """() => {
            const short = (name) => globalThis[`__fusionlib${name}`];
            Object.assign(globalThis, {
                A: short('Arithmetic'), D: short('Decomposition'), M: short('Method'),
                S: short('Similarity'), P: short('Png'), T: short('Tiling'),
                F: short('Filters'),
            });
        }"""
    )

    def run(code, *values):
        plainly = [v.ravel().tolist() if hasattr(v, "ravel") else v for v in values]
        names = ", ".join(f"v{k}" for k in range(len(values)))
        wrapped = (
            f"async ([{names}]) => {{ const r = await ({code})({names});"
            " const list = (v) => ArrayBuffer.isView(v) ? Array.from(v)"
            " : Array.isArray(v) ? v.map(list) : v; return list(r); }"
        )
        return page.evaluate(wrapped, plainly)

    yield run
    page.close()


@pytest.mark.parametrize(
    ("height", "width", "lam"),
    [(1, 1, 5.0), (3, 50, 0.1), (61, 75, 5.0), (96, 128, 5.0), (69, 71, 200.0)],
)
def test_decomposition_equals_the_library(ask, height, width, lam):
    """Lengths with small factors, and primes (69 + 32 = 101, 71 + 32 = 103)."""
    images = np.random.default_rng(0).random((2, height, width))
    found = ask(
        "(a, b, h, w, lam) => D.smooth(D.analyse(a, b, h, w), lam)",
        images[0], images[1], height, width, lam,
    )  # fmt: skip
    for base, image in zip(found, images, strict=True):
        expected = decompose(image, lam)[0]
        np.testing.assert_allclose(base, expected.ravel(), rtol=0, atol=1e-12)


def test_activity_weights_and_selection_equal_the_library(ask):
    rng = np.random.default_rng(1)
    height, width, radius = 21, 26, 2
    details = rng.normal(0, 0.1, (2, height, width))
    activity = {}
    for k, name in enumerate(PAPER_LAYERS):
        stride = 2**k
        maps = rng.random((2, -(-height // stride), -(-width // stride)))
        activity[name] = np.where(maps < 0.2, 0, maps)
    activity["relu1_1"][:, :8, :8] = 0  # both silent, blocks included
    averaged, weights, candidates, *_ = fuse_details(
        activity, details, FusionConfig(radius=radius)
    )
    for k, (name, maps) in enumerate(activity.items()):
        _, h, w = maps.shape
        found = ask(
            "(a, b, h, w, r) => { const c = [a, b].map((m) =>"
            " M.blockAverage(m, h, w, r)); return [c, M.shares(...c)]; }",
            maps[0], maps[1], h, w, radius,
        )  # fmt: skip
        np.testing.assert_allclose(
            np.reshape(found[0], maps.shape), averaged[name], rtol=1e-13
        )
        np.testing.assert_allclose(
            np.reshape(found[1], maps.shape), weights[name], rtol=1e-12
        )
        candidate = ask(
            "(a, b, d, e, h, w, s) => M.candidate([a, b], [d, e], h, w, s)",
            *weights[name], *details, height, width, 2**k,
        )  # fmt: skip
        np.testing.assert_allclose(candidate, candidates[name].ravel(), atol=1e-15)
    stack = np.round(np.stack(list(candidates.values())), 2)  # with ties
    detail, winner = select(stack)
    found = ask(
        "(a, b, c, d) => { const r = M.select([a, b, c, d]);"
        " return [r.detail, r.winner]; }",
        *stack,
    )
    np.testing.assert_array_equal(found[0], detail.ravel())
    np.testing.assert_array_equal(found[1], winner.ravel())


def test_silence_gives_equal_weights(ask):
    silent = np.zeros((2, 3, 4))
    assert weights_from_activity(block_average(silent)).tolist() == (
        np.full((2, 3, 4), 0.5).tolist()
    )
    assert ask("(a, b) => M.shares(a, b)", *silent) == [[0.5] * 12] * 2


@pytest.mark.parametrize("shape", [(1, 9), (37, 46), (64, 33)])
def test_filters_equal_the_library(ask, shape):
    plane, guide = np.random.default_rng(7).random((2, *shape))
    found = ask("(p, g, h, w, r) => F.guided(p, g, h, w, r)", plane, guide, *shape, 5)
    expected = guided_filter(plane, guide, 5)
    np.testing.assert_allclose(found, expected.ravel(), atol=1e-11)
    found = ask("(a, b, h, w) => F.laplacian(a, b, h, w)", plane, guide, *shape)
    expected = laplacian([plane, guide])  # clipped, as the page does later
    np.testing.assert_allclose(np.clip(found, 0, 1), expected.ravel(), atol=1e-13)
    height, width = shape
    grown = upsample(plane[None], 4, (4 * height - 3, 4 * width - 1), "bilinear")
    found = ask(
        "(p, h, w) => F.grow(p, h, w, 4, 4 * h - 3, 4 * w - 1)", plane, height, width
    )
    np.testing.assert_allclose(found, grown.ravel(), atol=1e-13)


@pytest.mark.parametrize("radius", [0, 16])
def test_weights_of_base_parts_equal_the_library(ask, radius, monkeypatch):
    """The smoothing, the power, the growth and the guided filter; not the network."""
    rng = np.random.default_rng(8)
    images, activity = rng.random((2, 61, 75)), rng.random((2, 16, 19))
    monkeypatch.setattr(fusion, "_source_activity", lambda *_: np.stack(
        [gaussian_filter(one, fusion.BASE_SIGMA, mode="nearest") for one in activity]
    ))  # fmt: skip
    for rule, strength in (
        ("activity", "[[a, b].map((v) => M.soften(v, 61, 75)), M.BASE_STRIDE]"),
        ("contrast", "[[i, j].map(F.histogramContrast), 1]"),
    ):
        config = FusionConfig(base=rule, base_power=3, guided_radius=radius)
        expected = fusion.weigh_bases(list(images), config, None)
        found = ask(
            f"(a, b, i, j, r) => M.weighBases(...{strength}, [i, j].map((v) =>"
            " Float64Array.from(v)), 61, 75, { power: 3, radius: r })",
            *activity, *images, radius,
        )  # fmt: skip
        np.testing.assert_allclose(
            np.reshape(found, expected.shape), expected, atol=1e-10
        )


def test_rules_beyond_the_paper_equal_the_library(ask):
    rng = np.random.default_rng(9)
    activity = np.abs(rng.normal(0, 1, (2, 5, 6)))
    np.testing.assert_allclose(
        np.reshape(ask("(a, b) => M.shares(a, b, 4)", *activity), activity.shape),
        weights_from_activity(activity, 4), rtol=1e-13,
    )  # fmt: skip
    stack = rng.integers(-3, 4, (4, 9, 11)) / 8  # with ties
    detail, winner = select(stack, "absmax")
    found = ask(
        "(...c) => { const r = M.select(c, 'absmax'); return [r.detail, r.winner]; }",
        *stack,
    )
    np.testing.assert_array_equal(found[0], detail.ravel())
    np.testing.assert_array_equal(found[1], winner.ravel())


def test_metrics_equal_the_library(ask):
    images = np.random.default_rng(2).integers(0, 256, (3, 19, 23))
    unit = images / 255
    ssim = ask(
        "(a, b, h, w) => S.ssim(Float64Array.from(a), Float64Array.from(b), h, w)",
        unit[0], unit[1], 19, 23,
    )  # fmt: skip
    assert ssim == pytest.approx(ssim_map(unit[0], unit[1]).mean(), abs=1e-12)
    added = ask("(f, a, b, h, w) => A.artifacts(f, [a, b], h, w)", *images, 19, 23)
    expected = metrics.n_abf(unit[0], [unit[1], unit[2]])
    assert np.mean(added) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("budget", [12_000, 330_000])
def test_tiles_give_the_activities_of_the_whole_image(ask, budget):
    """Tiles of the page, cut and joined by it; the network is PyTorch."""
    from fusionlib.features import activities
    from fusionlib.vgg.weights import seeded_weights

    height, width, weights = 131, 205, seeded_weights()
    config = FusionConfig()
    detail = np.random.default_rng(3).normal(0, 0.03, (height, width))
    tiles = ask("(h, w, b) => T.tiles(h, w, b)", height, width, budget)
    assert (len(tiles) > 1) == (budget < height * width)
    whole = dict(activities([detail], weights, config))
    parts = []
    for tile in tiles:
        part = ask("(d, w, t) => T.cut(d, w, t, 1)", detail, width, tile)
        part = np.reshape(part, (tile["height"], tile["width"]))
        assert part.size <= budget
        parts.append(dict(activities([part], weights, config)))
    for k, name in enumerate(PAPER_LAYERS):
        joined = ask(
            """(n, w, tiles, parts, s) => {
                const map = new Float32Array(n);
                tiles.forEach((t, k) =>
                    T.paste(map, w, new Float32Array(parts[k]), t, s));
                return map;
            }""",
            whole[name].size, width, tiles, [p[name].ravel().tolist() for p in parts],
            2**k,
        )  # fmt: skip
        np.testing.assert_allclose(joined, whole[name].ravel(), rtol=2e-5)


def encoded(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return list(buffer.getvalue())


def test_png_files_are_read_as_pillow_reads_them(ask):
    rng = np.random.default_rng(4)
    grey = rng.integers(0, 256, (13, 17), np.uint8)
    colour = rng.integers(0, 256, (13, 17, 3), np.uint8)
    deep = rng.integers(0, 65536, (13, 17)).astype(np.uint16)
    smooth = PILImage.fromarray(
        np.add.outer(np.arange(64), np.arange(50)).astype(np.uint8)
    )
    few = PILImage.fromarray(colour).quantize(9)
    cases = [
        (PILImage.fromarray(grey), grey, 255),
        (smooth, np.asarray(smooth), 255),  # makes the encoder use its filters
        (PILImage.fromarray(colour), colour, 255),
        (PILImage.fromarray(deep), deep, 65535),
        (PILImage.fromarray(grey > 99), (grey > 99).astype(int), 1),
        (few, np.asarray(few.convert("RGB")), 255),
    ]
    for image, expected, top in cases:
        found = ask(
            "async (b) => { const r = await P.decode(Uint8Array.from(b));"
            " return [r.height, r.width, r.lanes, r.top, r.transparent, r.data]; }",
            encoded(image),
        )
        lanes = 3 if expected.ndim == 3 else 1
        assert found[:5] == [*expected.shape[:2], lanes, top, False], image.mode
        np.testing.assert_array_equal(found[5], expected.ravel(), image.mode)


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (9, 4, 3)])
def test_png_files_that_are_written_can_be_read(ask, shape):
    pixels = np.random.default_rng(5).integers(0, 256, shape, np.uint8)
    written = ask(
        "async (p, h, w) => { const f = await P.encode(Uint8Array.from(p), h, w);"
        " return new Uint8Array(await f.arrayBuffer()); }",
        pixels, shape[0], shape[1],
    )  # fmt: skip
    image = PILImage.open(io.BytesIO(bytes(written)))
    image.verify()
    read = np.asarray(PILImage.open(io.BytesIO(bytes(written))))
    np.testing.assert_array_equal(read, pixels)


# ---- the page ------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_a_scene_and_a_pair_from_disk_are_fused(scheme, visit, addresses, pair):
    seen = visit(f"{addresses[scheme]}/book/lab/light.html")
    page = seen.page
    use_scene(page, "street")
    assert psnr(download(page, "F"), to_uint8(library("street").F)) >= 50
    load(page, pair[0])
    assert "93 × 75" in page.inner_text(".lab-stage-name")
    result = library()
    fused = download(page, "F")
    assert psnr(fused, to_uint8(result.F)) >= 50
    said = float(re.search(r"by ([\d.]+) grey levels", page.inner_text(".lab-wins"))[1])
    gap = 255 * (result.F - np.mean(pair[1], axis=0))
    assert said == pytest.approx(np.sqrt(np.mean(gap**2)), abs=0.03)
    for name, method in (("mean", mean), ("laplacian", laplacian)):
        other = to_uint8(method(pair[1])) / 255
        cells = page.locator(f'[data-scores="{name}"] td').all_inner_texts()
        expected = [
            measure(other, pair[1]) for measure in (metrics.n_abf, metrics.ssim_a)
        ]
        assert [float(v) for v in cells[:2]] == pytest.approx(expected, abs=6e-6)
    for k in (0, 1):
        assert (download(page, f"I-{k}") == to_uint8(pair[1][k])).all()
        assert (download(page, f"Ib-{k}") == to_uint8(result.I_b[k])).all()
        grey = to_uint8(0.5 + 2 * result.I_d[k])
        assert (download(page, f"Id-{k}") == grey).all()
    assert (download(page, "Fb") == to_uint8(result.F_b)).all()
    shown = float(page.inner_text(".lab-nabf")), float(page.inner_text(".lab-ssim"))
    unit = fused / 255
    assert shown[0] == pytest.approx(metrics.n_abf(unit, pair[1]), abs=6e-6)
    assert shown[1] == pytest.approx(metrics.ssim_a(unit, pair[1]), abs=6e-6)
    assert seen.problems == []


def test_with_32_bits_the_result_is_the_librarys(visit, addresses, pair):
    """The whole of it: every stage, other settings, and the numbers at a pixel."""
    seen = visit(f"{addresses['http']}/book/lab/light.html")
    page = seen.page
    page.evaluate("globalThis.__fusionlibLabModelUrl = 'fp32.onnx'")
    load(page, pair[0])
    for changes in ({}, {"input_scale": 255.0, "before_relu": True, "radius": 3}):
        result = library(**changes)
        if changes:
            page.click(".lab-more summary")
            page.select_option('[data-control="relu"]', "before")
            put(page, "radius", 2)
            put(page, "scale", 10)
            settled(page, {"relu": "before", "radius": 3, "scale": 255})
        assert psnr(download(page, "F"), to_uint8(result.F)) >= 70
        for k, name in enumerate(PAPER_LAYERS):
            candidate = to_uint8(0.5 + 2 * result.F_d_i[name])
            assert psnr(download(page, f"Fi-{k}"), candidate) >= 70
        winner = np.array([rgb(c) for c in LAYER_COLOURS])[result.winner]
        assert (download(page, "winner") == winner).all(axis=-1).mean() > 0.999
        x, y = (int(page.input_value(f'[data-control="{c}"]')) for c in "xy")
        rows = page.evaluate(
            "[...document.querySelectorAll('.lab-pixel tbody tr')].map("
            "r => [...r.cells].map(c => c.textContent.replace('−', '-')))"
        )
        table = {row[0]: row[1:] for row in rows}
        for k in (0, 1):
            assert float(table["Base"][k]) == pytest.approx(
                255 * result.I_b[k, y, x], abs=6e-3
            )
        for name in PAPER_LAYERS:
            weight = result.weight_map(name)[:, y, x]
            assert [float(v) for v in table[f"{name} weight"][:2]] == pytest.approx(
                weight, abs=1e-4
            )
        at = page.locator(".lab-pixel tr.fl-marked th").first.inner_text()
        assert at == f"{PAPER_LAYERS[result.winner[y, x]]} activity"
    assert seen.problems == []


def test_threads_where_the_page_is_isolated(visit, folder, serve, addresses, pair):
    result = to_uint8(library().F)
    for address, threads in ((serve(folder, isolated=True), 2), (addresses["http"], 1)):
        seen = visit(f"{address}/book/lab/light.html?threads=2&engine=webgpu")
        load(seen.page, pair[0])
        root = seen.page.locator(".fl-lab")
        workers = min(seen.page.evaluate("navigator.hardwareConcurrency"), 2)
        assert root.get_attribute("data-threads") == str(workers * threads)
        # No graphics card here: what was asked for is not there.
        assert root.get_attribute("data-engine") == "wasm"
        if workers * threads > 1:
            said = seen.page.inner_text(".lab-model")
            assert f"{workers * threads} threads" in said
        assert psnr(download(seen.page, "F"), result) >= 50
        assert seen.problems == []


@pytest.mark.more
def test_a_graphics_card_gives_the_same(folder, serve, pair):
    """WebGPU by a program that stands in for the card."""
    from playwright.sync_api import sync_playwright

    from .conftest import chromium_path

    arguments = [
        "--headless", "--no-sandbox", "--enable-unsafe-webgpu",
        "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan",
        "--use-vulkan=swiftshader", "--ignore-gpu-blocklist",
    ]  # fmt: skip
    with sync_playwright() as playwright:
        path = chromium_path(playwright)
        chromium = playwright.chromium.launch(executable_path=path, args=arguments)
        page = chromium.new_page()
        page.goto(f"{serve(folder)}/book/lab/light.html?engine=webgpu")
        if not page.evaluate("navigator.gpu && navigator.gpu.requestAdapter()"):
            pytest.skip("this Chromium has no WebGPU")
        load(page, pair[0], seconds=500)
        assert page.locator(".fl-lab").get_attribute("data-engine") == "webgpu"
        assert psnr(download(page, "F"), to_uint8(library().F)) >= 50
        chromium.close()


@pytest.mark.parametrize("name", [*PRESETS, "everything"])
def test_presets_are_those_of_the_library(name, visit, addresses, pair):
    """The whole of it, with a network in 32 bits, and back by the button."""
    changes = {"everything": EVERYTHING}.get(name)
    config = FusionConfig(**changes) if changes else FusionConfig.preset(name)
    link = "#" + "&".join(f"{k}={v}" for k, v in LINK.items()) if changes else ""
    seen = visit(f"{addresses['http']}/book/lab/light.html{link}")
    page = seen.page
    page.evaluate("globalThis.__fusionlibLabModelUrl = 'fp32.onnx'")
    if not changes:
        page.select_option('[data-control="preset"]', name)
    shown = page.input_value('[data-control="preset"]')
    assert shown == ("custom" if changes else name)
    load(page, pair[0])
    result = fuse(pair[1], config=config)
    assert psnr(download(page, "F"), to_uint8(result.image)) >= 70
    assert psnr(download(page, "Fb"), to_uint8(result.F_b)) >= 70
    page.click(".lab-reset")
    settled(page, {"lambda": 5, "gain": 1, "base": "average", "left": "I-0"})
    assert page.input_value('[data-control="preset"]') == "paper"
    paper = to_uint8(library().image)
    assert psnr(download(page, "F"), paper) >= 70
    assert seen.problems == []


def put(page, name, value):
    """Set a control as an input event."""
    page.evaluate(
        """([name, value]) => {
            const box = document.querySelector(`[data-control="${name}"]`);
            box.value = value;
            box.dispatchEvent(new Event('input', {bubbles: true}));
        }""",
        [name, value],
    )


def settled(page, state):
    """Wait until the page shows a state."""
    page.wait_for_function(
        """(wanted) => {
            const lab = document.querySelector('.fl-lab');
            const now = JSON.parse(lab.dataset.drawn);
            return lab.dataset.state !== 'busy' && Object.keys(wanted).every(
                (k) => JSON.stringify(now[k]) === JSON.stringify(wanted[k]));
        }""",
        arg=state, timeout=60_000,
    )  # fmt: skip


LOOKS = """() => {
    const ink = (c) => {
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        let h = 0;
        for (const v of d) h = (Math.imul(h, 31) + v) | 0;
        return h;
    };
    const at = (q) => document.querySelector(`.fl-lab ${q}`);
    return {
        fused: ink(at('.lab-thumb[data-stage="F"] canvas')) + ' ' +
            ink(at('.lab-thumb[data-stage="winner"] canvas')),
        picture: ink(at('.fl-frame canvas')),
        table: at('.lab-pixel tbody').textContent,
    };
}"""


def test_every_control_changes_what_is_shown(visit, addresses, pair):
    seen = visit(f"{addresses['http']}/book/lab/light.html")
    page = seen.page
    load(page, pair[0])
    names = ("lambda", "radius", "relu", "scale", "layers", "preset", "selection",
             "base", "floor", "power", "upsampling", "gain", "mirror", "base-power",
             "guided")  # fmt: skip
    changes = dict.fromkeys(names, "fused")
    changes |= dict.fromkeys(("left", "right", "wipe"), "picture")
    changes |= dict.fromkeys("xy", "table")
    names = page.locator("[data-control]").evaluate_all(
        "list => list.map((e) => e.dataset.control)"
    )
    assert set(names) == set(changes)
    page.click(".lab-more summary")
    for k, name in enumerate(names):
        box = page.locator("[data-control]").nth(k)
        if name in ("base-power", "guided"):
            put(page, "base", "activity")  # else they do nothing
            wait(page)
        start = box.input_value()
        for how in ("keyboard", "mouse"):
            before = page.evaluate(LOOKS)
            move(page, box, how, presses=3)
            wait(page)
            after = page.evaluate(LOOKS)
            part = changes[name]
            assert before[part] != after[part], f"{name} by {how}"
        if name != "layers":  # off and on again; with a wide radius some never win
            put(page, name, start)
            wait(page)
    assert seen.problems == []


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_errors_are_one_sentence_in_the_page(scheme, visit, addresses, pair, tmp_path):
    seen = visit(f"{addresses[scheme]}/book/lab/light.html")
    page = seen.page
    choose = page.locator(".lab-drop input").nth
    first, second = pair[0]

    page.select_option(".lab-scene select", "")
    page.click(".lab-go")
    assert error(page).startswith("Two images are needed")
    choose(0).set_input_files(first)
    page.wait_for_selector(".lab-drop.lab-filled")
    page.wait_for_function(
        "document.querySelector('.lab-stage-name').textContent.includes('One more')"
    )
    page.click(".lab-go")
    assert error(page) == "Only one image is there: source 2 (visible) is missing."

    small = tmp_path / "small.png"
    PILImage.new("L", (60, 50)).save(small)
    choose(1).set_input_files(str(small))
    page.wait_for_function(
        "document.querySelector('.lab-error').textContent.includes('same size')"
    )
    assert error(page) == (
        "The images must have the same size, but source 1 has 93 × 75 pixels and "
        "source 2 has 60 × 50."
    )
    damaged = bytearray(small.read_bytes())
    damaged[60] ^= 255
    transparent, large = io.BytesIO(), io.BytesIO()
    PILImage.new("RGBA", (93, 75), (9, 9, 9, 99)).save(transparent, "PNG")
    PILImage.new("L", (1025, 1024)).save(large, "PNG")
    large_jpeg = io.BytesIO()
    PILImage.new("L", (1300, 1024)).save(large_jpeg, "JPEG")
    for name, content, words in (
        ("notes.txt", b"not an image", "is not an image that this page can read"),
        ("cut.png", small.read_bytes()[:60], "is not an image that this page can"),
        ("bad.png", bytes(damaged), "is not an image that this page can read"),
        ("clear.png", transparent.getvalue(), "has transparent pixels"),
        ("large.png", large.getvalue(), "has 1025 × 1024 pixels, more than"),
        ("large.jpg", large_jpeg.getvalue(), "has 1300 × 1024 pixels, more than"),
    ):
        choose(1).set_input_files(
            {"name": name, "mimeType": "image/png", "buffer": content}
        )
        page.wait_for_function(
            "n => document.querySelector('.lab-error').textContent.includes(n)",
            arg=name,
        )
        text = error(page)
        assert text.startswith(f"“{name}” ")
        assert words in text
        assert text.endswith(".")
        assert page.get_attribute(".fl-lab", "data-state") == "waiting"
    load(page, [first, second])
    assert page.is_hidden(".lab-error")
    for box in page.locator('[data-control="layers"]').all():
        box.uncheck()
    assert error(page).startswith("Switch on at least one layer")
    page.locator('[data-control="layers"]').first.check()
    wait(page)
    assert page.is_hidden(".lab-error")
    assert seen.problems == []


def test_a_failing_network_is_said_in_the_page(visit, addresses, pair):
    """And the page can be used again afterwards."""
    page = visit(f"{addresses['http']}/book/lab/light.html").page
    page.evaluate("globalThis.__fusionlibLabModelUrl = 'not-there.onnx'")
    for k, file in enumerate(pair[0]):
        page.locator(".lab-drop input").nth(k).set_input_files(file)
    wait(page, "error")
    assert error(page) == (
        "This did not work: the network could not be loaded (status 404)."
    )
    page.evaluate("globalThis.__fusionlibLabModelUrl = 'network.onnx'")
    page.click(".lab-go")
    wait(page)
    assert page.is_hidden(".lab-error")


def test_colour_and_16_bit_files(visit, addresses, pair, tmp_path):
    """Luminance of a JPEG-like colour file; 16 bits are all used."""
    rng = np.random.default_rng(6)
    colour = rng.integers(0, 256, (40, 48, 3), np.uint8)
    deep = rng.integers(20_000, 21_000, (40, 48)).astype(np.uint16)
    PILImage.fromarray(colour).save(tmp_path / "colour.png")
    PILImage.fromarray(deep).save(tmp_path / "deep.png")
    seen = visit(f"{addresses['file']}/book/lab/light.html")
    page = seen.page
    load(page, [str(tmp_path / "deep.png"), str(tmp_path / "colour.png")])
    said = page.inner_text(".lab-sources")
    assert "48 × 40, 16 bit" in said
    assert "48 × 40, colour" in said
    result = fuse([deep, luminance(colour)], config=FusionConfig())
    assert (download(page, "Ib-0") == to_uint8(result.I_b[0])).all()
    assert (download(page, "Ib-1") == to_uint8(result.I_b[1])).all()
    whole = fuse([deep, colour], config=FusionConfig())
    assert psnr(download(page, "F"), to_uint8(whole.image)) >= 50
    assert download(page, "F").shape == (40, 48, 3)
    value = page.locator(".lab-pixel tbody td").first.inner_text()
    x, y = (int(page.input_value(f'[data-control="{c}"]')) for c in "xy")
    assert float(value) == pytest.approx(255 * float(deep[y, x]) / 65535, abs=6e-3)
    assert "colours are those of the source in colour" in page.inner_text(".lab-wins")
    with page.expect_download() as event:
        page.click('.lab-keep[data-bits="16"]')
    content = Path(event.value.path()).read_bytes()
    assert content[24:26] == bytes([16, 2])  # bits, and RGB
    load(page, [str(tmp_path / "colour.png")] * 2)
    assert download(page, "F").ndim == 2
    assert "Both sources are in colour" in page.inner_text(".lab-wins")
    assert seen.problems == []


def test_photographs_are_turned_as_by_the_library(visit, addresses, tmp_path):
    """JPEG files by the browser, PNG files by the page's own reader."""
    rows = np.add.outer(np.arange(40), 3 * np.arange(48)).astype(np.uint8)
    exif = PILImage.Exif()
    exif[274] = 6
    paths = [str(tmp_path / name) for name in ("a.jpg", "b.png")]
    for path, pixels in zip(paths, (rows, rows[::-1]), strict=True):
        PILImage.fromarray(pixels).save(path, exif=exif, quality=95)
    page = visit(f"{addresses['file']}/book/lab/light.html").page
    load(page, paths)
    assert page.inner_text(".lab-sources").count("40 × 48") == 2
    result = fuse([read_image(path) for path in paths], config=FusionConfig())
    for k, least in enumerate((40, 80)):  # decoders of JPEG differ a little
        assert psnr(download(page, f"Ib-{k}"), to_uint8(result.I_b[k])) > least


def test_files_can_be_dropped(visit, addresses, pair):
    seen = visit(f"{addresses['file']}/book/lab/light.html")
    page = seen.page
    data = page.evaluate_handle(
        """(files) => {
            const data = new DataTransfer();
            for (const [name, text] of files) {
                const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                data.items.add(new File([bytes], name, {type: 'image/png'}));
            }
            return data;
        }""",
        [
            [Path(f).name, base64.b64encode(Path(f).read_bytes()).decode()]
            for f in pair[0]
        ],
    )
    zone = page.locator(".lab-drop").first
    zone.dispatch_event("dragover", {"dataTransfer": data})
    assert "lab-over" in zone.get_attribute("class")
    zone.dispatch_event("drop", {"dataTransfer": data})
    wait(page)
    assert psnr(download(page, "F"), to_uint8(library().F)) >= 50
    assert page.locator(".lab-file").all_inner_texts() == [
        "ir.png (93 × 75)", "vis.png (93 × 75)",
    ]  # fmt: skip
    assert seen.problems == []


def test_the_keyboard_is_enough(visit, addresses, pair):
    """From the top of the page to files, scene, a stage, its download, the link."""
    seen = visit(f"{addresses['http']}/book/lab/light.html")
    page = seen.page

    def tab_to(selector):
        for _ in range(100):
            page.keyboard.press("Tab")
            here = page.evaluate_handle("document.activeElement").as_element()
            if here.evaluate("(e, s) => e.matches(s)", selector):
                # The file input shows its focus on the label around it.
                outlined = here.evaluate(
                    "e => [e, e.parentElement].some((n) =>"
                    " getComputedStyle(n).outlineStyle === 'solid')"
                )
                assert outlined, f"no visible focus on {selector}"
                return
        raise AssertionError(f"{selector} cannot be reached")

    # Listening from the start: a dialog that opens before is lost.
    files = iter(pair[0])
    page.on("filechooser", lambda chooser: chooser.set_files(next(files)))
    for k in (1, 2):
        tab_to(".lab-choose input")
        page.keyboard.press("Enter")
        page.wait_for_function(
            "n => document.querySelectorAll('.lab-filled').length >= n", arg=k
        )
    wait(page)
    tab_to(".lab-scene select")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    tab_to(".lab-go")
    page.keyboard.press("Enter")
    wait(page, "busy")
    wait(page)
    chosen = list(scenes())[1]
    assert psnr(download(page, "F"), to_uint8(library(chosen).F)) >= 50
    tab_to('.lab-thumb[data-stage="winner"]')
    page.keyboard.press("Enter")
    settled(page, {"left": "winner"})
    tab_to('.lab-save[data-stage="winner"]')
    with page.expect_download() as event:
        page.keyboard.press("Enter")
    assert event.value.suggested_filename == f"{chosen}-winner.png"
    tab_to(".lab-link")
    tab_to(".lab-copy")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.lab-copied').textContent")
    assert seen.problems == []


@pytest.mark.parametrize("scheme", ["file", "http"])
def test_a_link_restores_the_settings(scheme, visit, addresses):
    address = f"{addresses[scheme]}/book/lab/light.html"
    state = {"lambda": 20, "radius": 4, "layers": [1, 3], "relu": "before", "scale": 2,
             "left": "Id-1", "right": "I-0", "wipe": 30, "x": 200, "y": 17,
             "selection": "absmax", "gain": 1.3, "mirror": 8}  # fmt: skip
    link = (
        "#scene=smoke&lambda=20&radius=4&scale=2&power=1&gain=1.3&mirror=8"
        "&base-power=2&guided=0&relu=before&floor=off&selection=absmax&base=average"
        "&upsampling=nearest&left=Id-1&right=I-0&wipe=30&x=200&y=17&layers=2.4"
    )
    page = visit(address + link).page
    settled(page, state)
    assert page.input_value(".lab-scene select") == "smoke"
    page.click(".lab-go")
    wait(page)
    settled(page, state)
    page.wait_for_timeout(400)  # the address follows a moment later
    assert page.evaluate("location.hash") == link
    assert page.get_attribute(".lab-link", "href") == link
    seen = visit(address + "#lambda=none&radius=99&left=x&layers=&x=-4&scene=zoo")
    drawn = json.loads(seen.page.get_attribute(".fl-lab", "data-drawn"))
    assert (drawn["lambda"], drawn["radius"], drawn["left"]) == (5, 1, "I-0")
    assert seen.problems == []


def test_a_pointer_reads_pixels_and_pulls_the_line(visit, addresses, pair):
    seen = visit(f"{addresses['http']}/book/lab/light.html")
    page = seen.page
    load(page, pair[0])
    canvas = page.locator(".fl-frame > canvas")
    canvas.scroll_into_view_if_needed()
    area = canvas.bounding_box()

    def place(x, y):
        return area["x"] + area["width"] * x / 93, area["y"] + area["height"] * y / 75

    page.mouse.move(*place(70.5, 8.5))
    settled(page, {"x": 70, "y": 8})
    row = page.locator(".lab-pixel tbody td").all_inner_texts()[:2]
    shown = [float(v) for v in row]
    assert shown == pytest.approx([255 * i[8, 70] for i in pair[1]], abs=6e-3)
    assert "Under the pointer: column 70, row 8" in page.inner_text(".lab-at")
    page.mouse.move(area["x"] - 20, area["y"])  # the marked pixel is back
    settled(page, {"x": 46, "y": 37})
    page.mouse.click(*place(20.5, 60.5))
    page.mouse.move(area["x"] - 20, area["y"])
    settled(page, {"x": 20, "y": 60})
    assert "At the marked pixel: column 20, row 60" in page.inner_text(".lab-at")
    middle = area["y"] + area["height"] * 0.7
    page.mouse.move(area["x"] + area["width"] / 2, middle)
    page.mouse.down()
    page.mouse.move(area["x"] + area["width"] * 0.205, middle, steps=4)
    page.mouse.up()
    settled(page, {"wipe": 20})
    assert seen.problems == []


@pytest.mark.parametrize("part", range(3))
def test_every_stage_can_be_saved(part, visit, addresses, pair):
    """In parts: Chromium allows a page ten downloads in a row."""
    page = visit(f"{addresses['file']}/book/lab/light.html").page
    load(page, pair[0])
    stages = page.locator(".lab-save").evaluate_all(
        "l => l.map((e) => e.dataset.stage)"
    )
    assert len(stages) == len(set(stages)) == STAGES
    for stage in stages[part::3]:
        assert download(page, stage).shape[:2] == (75, 93)


def test_a_build_without_npm_says_what_is_missing(plain, visit):
    seen = visit(f"{plain.as_uri()}/book/lab/light.html")
    page = seen.page
    said = page.inner_text(".lab-model")
    assert "not part of this build" in said
    assert "npm is not there" in said
    assert "make book" in said
    assert page.locator(".lab-go").is_disabled()
    assert seen.problems == []


def test_the_page_names_its_weights_and_loads_nothing_heavy(visit, addresses, folder):
    requests = []
    seen = visit("about:blank")
    seen.page.on("request", lambda r: requests.append(r.url))
    seen.page.goto(f"{addresses['file']}/book/lab/light.html")
    seen.page.wait_for_load_state("load")
    model = json.loads((folder / "_static" / "lab" / "model.json").read_text())
    said = f"Weights: {model['weights']['label']}."
    assert said in seen.page.inner_text(".lab-model")
    sizes = [(folder / r.split(folder.name + "/")[1]).stat().st_size for r in requests]
    assert len(sizes) > 5
    assert sum(sizes) < 150_000


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast_and_phone_width(theme, visit, addresses, pair):
    seen = visit(f"{addresses['file']}/book/lab/{theme}.html", width=360)
    page = seen.page
    page.select_option(".lab-scene select", "")
    page.click(".lab-go")
    kinds = [".lab-error", ".lab-model", ".lab-file", ".lab-choose", ".lab-go"]
    for kind in kinds:
        found = page.locator(kind).first.evaluate(COLOURS)
        assert contrast(found["text"], found["ground"]) >= 4.5, (kind, found)
    load(page, pair[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for kind in (".lab-under span", ".lab-save", ".fl-under", ".lab-wins", "thead th",
                 "tr.fl-marked td", ".lab-link", ".lab-stage-name"):  # fmt: skip
        found = page.locator(kind).first.evaluate(COLOURS)
        assert contrast(found["text"], found["ground"]) >= 4.5, (kind, found)
    assert seen.problems == []
