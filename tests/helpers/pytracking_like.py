"""Checkpoints shaped like those of pytracking, made with classes that exist while one is saved."""

from __future__ import annotations

import sys
import types
from collections import OrderedDict
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

KWDS = {
    "filter_size": 1,
    "label_encoder_dims": (16, 32, 64, 128),
    "use_bn_in_label_enc": False,
    "init_filter": None,
    "gauss": 1.5,
    "layers": ["layer4", "layer3"],
}


def checkpoint_of(net: dict[str, Tensor], path: Path, legacy: bool = False) -> Path:
    """Save a training state as that package does: objects of its classes around ``net``."""

    def make(module: str, name: str) -> type:
        cls = type(name, (), {"__module__": module, "__qualname__": name})
        modules.setdefault(module, types.ModuleType(module)).__dict__[name] = cls
        return cls

    modules: dict[str, types.ModuleType] = {}
    constructor = make("ltr.admin.model_constructor", "NetConstructor")()
    constructor.fun_name, constructor.fun_module = "rts50", "ltr.models.rts.rts"
    constructor.args, constructor.kwds = ["max"], dict(KWDS)
    meter = make("ltr.admin.stats", "AverageMeter")()
    meter.history, meter.has_new_data = [0.5, 0.25], True
    settings = make("ltr.admin.settings", "Settings")()
    settings.env, settings.description = make("ltr.admin.local", "Env")(), "RTS"
    state = {
        "epoch": 40,
        "actor_type": "RTSActor",
        "net_type": "RTSNet",
        "net": OrderedDict(net),
        "net_info": {"version": 1},
        "constructor": constructor,
        "optimizer": {"state": {0: {"step": 3, "exp_avg": torch.ones(2)}}, "param_groups": [{}]},
        "stats": {"train": OrderedDict(loss=meter)},
        "settings": settings,
    }
    parents = {name.rsplit(".", n)[0] for name in modules for n in (1, 2)} - modules.keys()
    packages = {name: types.ModuleType(name) for name in parents}
    with mock.patch.dict(sys.modules, packages | modules):
        torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    assert "ltr.admin.model_constructor" not in sys.modules
    return path
