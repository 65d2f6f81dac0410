"""Equation (4): our stream is torchvision's VGG-19, cut after relu4_1."""

import concurrent.futures
import copy
import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fusionlib.config import FusionConfig
from fusionlib.errors import InputError
from fusionlib.features import (
    Network,
    activities,
    build_network,
    feature_maps,
)
from fusionlib.vgg import layers as architecture
from fusionlib.vgg.convolution import (
    Convolver,
    check_precision,
    resolve_device,
)
from fusionlib.vgg.layers import CONVOLUTIONS, LAYERS, PAPER_LAYERS

from .support.vision import vgg19_features


@pytest.fixture(scope="module")
def detail():
    return np.random.RandomState(3).standard_normal((24, 32)) * 0.03


@pytest.fixture(scope="module")
def theirs(seeded):
    """The first 21 modules of torchvision's VGG-19, with the seeded weights."""
    modules = vgg19_features()[:21].to_empty(device="cpu")
    state = {key.removeprefix("features."): a for key, a in seeded.arrays.items()}
    modules.load_state_dict({key: torch.tensor(a) for key, a in state.items()})
    return modules.eval()


def test_layer_table_is_torchvisions():
    expected = {}
    for convolution in CONVOLUTIONS:
        expected[convolution.index] = convolution.inputs, convolution.outputs
        expected[convolution.index + 1] = torch.nn.ReLU
    modules = vgg19_features()[:21]
    for index, module in enumerate(modules):
        if isinstance(module, torch.nn.Conv2d):
            assert expected[index] == (module.in_channels, module.out_channels)
            assert module.kernel_size == (3, 3)
            assert module.padding == module.stride == module.dilation == (1, 1)
        elif isinstance(module, torch.nn.MaxPool2d):
            assert index not in expected
            assert (module.kernel_size, module.stride, module.padding) == (2, 2, 0)
        else:
            assert type(module) is expected[index] is torch.nn.ReLU
    names = {name for name, _ in modules.named_parameters()}
    keys = (key for convolution in CONVOLUTIONS for key in convolution.keys)
    assert names == {key.removeprefix("features.") for key in keys}


def test_network_gives_torchvisions_outputs_layer_by_layer(seeded, theirs):
    ours = build_network(seeded)
    assert [type(module) for module in ours] == [type(module) for module in theirs]
    x = y = torch.rand(1, 3, 16, 24)
    for module, reference in zip(ours, theirs, strict=True):
        with torch.no_grad():
            x, y = module(x), reference(y)
        assert torch.allclose(x, y, rtol=1e-5, atol=1e-6)


def test_torchvisions_pooling_drops_an_odd_row_ours_keeps_it(seeded, theirs):
    """Rounding up is the only difference: where theirs does it, outputs are equal."""
    ours, theirs = build_network(seeded), copy.deepcopy(theirs)
    x = torch.rand(1, 3, 17, 24)
    with torch.no_grad():
        assert ours(x).shape == (1, 512, 3, 3)
        assert theirs(x).shape == (1, 512, 2, 3)
        for module in theirs:
            if isinstance(module, torch.nn.MaxPool2d):
                module.ceil_mode = True
        assert torch.allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("before_relu", [False, True])
@pytest.mark.parametrize("layer", ["relu1_1", "relu3_2", "relu4_1"])
def test_one_channel_collapse_is_three_equal_channels(
    seeded, detail, layer, before_relu
):
    index = architecture.layer(layer).index + (0 if before_relu else 1)
    network = build_network(seeded)[: index + 1]
    x = torch.tensor(detail, dtype=torch.float32).expand(1, 3, -1, -1)
    with torch.no_grad():
        expected = network(x)[0].numpy()
    found = feature_maps(detail, seeded, layer, before_relu=before_relu)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() < 2e-5


def test_each_layer_comes_once_and_in_order(seeded, detail):
    for before_relu in (False, True):
        found = dict(
            Network(seeded, "cpu").features([detail], LAYERS, before_relu=before_relu)
        )
        assert tuple(found) == LAYERS
        for name, features in found.items():
            spatial = architecture.map_shape(24, 32, name)
            assert features.shape == (1, architecture.layer(name).outputs, *spatial)


def test_inference_mode_does_not_leak_out_of_the_generator(seeded, detail):
    for _ in Network(seeded, "cpu").features([detail], LAYERS):
        assert not torch.is_inference_mode_enabled()


@pytest.mark.parametrize("before_relu", [False, True])
def test_features_are_not_overwritten_by_the_layers_after(seeded, before_relu):
    large = np.random.RandomState(4).standard_normal((160, 160)) * 0.03
    network = Network(seeded, "cpu")
    kept = dict(network.features([large], LAYERS, before_relu=before_relu))
    for name in LAYERS:
        alone = feature_maps(large, network, name, before_relu=before_relu)
        error = np.abs(kept[name][0].numpy() - alone).max()
        assert error < 1e-5 * np.abs(alone).max(), name


def test_pooling_rounds_up_or_down(seeded):
    odd = np.zeros((9, 17))
    assert feature_maps(odd, seeded, "relu4_1").shape == (512, 2, 3)
    assert feature_maps(odd, seeded, "relu4_1", pooling="floor").shape == (512, 1, 2)
    with pytest.raises(InputError, match="too small for relu4_1"):
        feature_maps(odd[:7], seeded, "relu4_1", pooling="floor")


def test_activities_do_not_depend_on_company(seeded, detail):
    """A source's activity is the same first, second and alone, but for the order of
    float32 sums."""
    config = FusionConfig()
    other = np.flipud(detail) * 2
    alone = dict(activities([detail], seeded, config))
    first = dict(activities([detail, other], seeded, config))
    second = dict(activities([other, detail], seeded, config))
    for name in PAPER_LAYERS:
        assert np.allclose(second[name][1], first[name][0], rtol=1e-5, atol=0)
        assert np.allclose(alone[name][0], first[name][0], rtol=1e-5, atol=0)


def test_after_the_relu_nothing_is_negative(seeded, detail):
    assert feature_maps(detail, seeded, "relu2_1").min() >= 0
    assert feature_maps(detail, seeded, "relu2_1", before_relu=True).min() < 0


@pytest.mark.parametrize("pooling", ["ceil", "floor"])
def test_the_network_of_torch_pools_as_it_is_told(seeded, pooling):
    shape = build_network(seeded, pooling)(torch.zeros(1, 3, 9, 17)).shape[2:]
    assert tuple(shape) == architecture.map_shape(9, 17, "relu4_1", pooling)
    with pytest.raises(InputError, match="pooling"):
        build_network(seeded, "round")


def test_devices_that_are_not_there_are_refused(monkeypatch):
    for name in ("tpu", "auto:1", "cpu:x", "cpu:1", "", None, "cpu:-3"):
        with pytest.raises(InputError, match="^device"):
            resolve_device(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    for name in ("cuda:2", "cuda:7", "cuda:99999999999999999999"):
        with pytest.raises(InputError, match="^device"):
            resolve_device(name)


@pytest.mark.parametrize(
    ("layer", "side"), [("relu1_1", 3), ("relu2_1", 10), ("relu3_1", 24)]
)
def test_receptive_field_is_what_the_network_sees(seeded, layer, side):
    """Change one pixel: the samples that change lie within the receptive field."""
    assert architecture.receptive_field(layer) == side
    sample = 32 // architecture.layer(layer).stride
    probes = np.zeros((65, 64, 64))
    probes[np.arange(64), :, np.arange(64)] = 1  # one column each, and one blank
    network = Network(seeded, "cpu")
    _, features = next(network.features(probes, [layer], before_relu=True))
    seen = features[:, :, sample, sample].numpy()
    # More than rounding, which Winograd's convolution spreads over its blocks.
    change = np.abs(seen[:64] - seen[64]).max(axis=1)
    touched = change > 1e-5 * change.max()
    assert touched.sum() == side
    corner = architecture.receptive_box(layer, sample, sample)
    assert corner == (*2 * (np.flatnonzero(touched)[0],), side)


def test_cost_of_the_network():
    """By hand: 9 (3 64 + 64 64 + (64 128 + 128 128) / 4 + ...) = 241 344 a pixel."""
    total = architecture.multiply_adds(480, 640, "relu4_1", channels=3)
    assert total == 241_344 * 480 * 640
    one_channel = architecture.multiply_adds(480, 640, "relu4_1")
    assert total - one_channel == 9 * 2 * 64 * 480 * 640


def test_bf16_is_close_to_fp32_and_recorded(seeded, detail):
    """106 to 109 dB in the fused image, measured; here the activities, to 1%."""
    single, half = (
        dict(activities([detail], seeded, FusionConfig(precision=precision)))
        for precision in ("fp32", "bf16")
    )
    for name in PAPER_LAYERS:
        assert np.allclose(half[name], single[name], rtol=1e-2)
        assert not np.array_equal(half[name], single[name])


def has_hardware(monkeypatch, answer):
    for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: answer, raising=False)


@pytest.mark.parametrize("hardware", [True, False])
def test_the_default_is_fp32_whatever_the_processor_has(seeded, monkeypatch, hardware):
    has_hardware(monkeypatch, hardware)
    assert Network(seeded, "cpu").precision == "fp32"
    assert FusionConfig().precision == "fp32"
    with pytest.raises(InputError, match="precision must be one of fp32, bf16, got"):
        FusionConfig(precision="auto")
    with pytest.raises(InputError, match="precision must be one of fp32, bf16, got"):
        check_precision("auto", torch.device("cpu"))


def test_bf16_without_hardware_is_warned_of(seeded, monkeypatch):
    has_hardware(monkeypatch, False)
    with pytest.warns(RuntimeWarning, match="no hardware for bf16"):
        assert Network(seeded, "cpu", "bf16").precision == "bf16"
    has_hardware(monkeypatch, True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Network(seeded, "cpu", "bf16")


CUDNN_FLAGS = ("enabled", "benchmark", "deterministic", "allow_tf32")


def test_flags_of_cudnn_stay_as_they_are_after_threads(seeded, monkeypatch):
    flags = [getattr(torch.backends.cudnn, name) for name in CUDNN_FLAGS]
    network = Network(seeded, "cpu", "bf16")
    details = [np.zeros((16, 16)), np.full((16, 16), 0.1)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: dict(activities(details, network, FusionConfig())),
                      range(20)))  # fmt: skip
    assert [getattr(torch.backends.cudnn, name) for name in CUDNN_FLAGS] == flags


def test_cudnn_is_used_without_tf32_and_gives_the_convolution(monkeypatch):
    """The operator of cuDNN is replaced: there may be no such device here."""
    asked = {}

    def cudnn(x, weight, *, padding, stride, dilation, groups, **flags):
        asked.update(flags)
        return F.conv2d(x, weight, None, stride, padding, dilation, groups)

    monkeypatch.setattr(torch.backends.cudnn, "is_acceptable", lambda x: True)
    monkeypatch.setattr(torch, "cudnn_convolution", cudnn)
    x, weight, bias = torch.randn(2, 4, 9, 7), torch.randn(6, 4, 3, 3), torch.randn(6)
    convolve = Convolver(weight.bfloat16(), bias.bfloat16())
    result = convolve(x.bfloat16()).float()
    assert asked["allow_tf32"] is False
    expected = F.conv2d(x, weight, bias, padding=1)
    assert torch.allclose(result, expected, atol=0.02 * expected.abs().max())


@pytest.mark.parametrize("layers", ["relu9_1", ["conv1_1"], [], "relu1_1,relu1_1", 5])
def test_bad_layers_are_refused(layers):
    with pytest.raises(InputError, match="layers"):
        FusionConfig(layers=layers)


@pytest.mark.parametrize("tiles", [1, 10**6])
@pytest.mark.parametrize(("above", "below"), [(1, 1), (0, 1), (1, 0), (0, 0)])
def test_both_backends_convolve_bands(monkeypatch, tiles, above, below):
    monkeypatch.setattr("fusionlib.vgg.convolution.WINOGRAD_TILES", tiles)
    random = torch.Generator().manual_seed(0)
    x = torch.randn(1, 64, 40, 50, generator=random)
    weight, bias = torch.randn(64, 64, 3, 3, generator=random) / 24, torch.ones(64)
    convolve = Convolver(weight, bias)
    expected = F.relu(F.conv2d(x, weight, bias, padding=1))
    expected = expected[:, :, 1 - above : 39 + below]
    x = x.contiguous(memory_format=torch.channels_last)
    found = convolve(x, relu=True, above=above, below=below)
    assert torch.allclose(found, expected, atol=1e-5 * expected.max())


def test_unknown_devices_are_refused(seeded):
    with pytest.raises(InputError, match="device must be one of auto, cpu, cuda"):
        Network(seeded, "tpu")
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="no CUDA device"):
            Network(seeded, "cuda")
