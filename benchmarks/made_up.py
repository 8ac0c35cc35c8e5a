"""An InceptionResnetV1 with weights of no use but for timing: the arithmetic is that of the published ones."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from facenet_pytorch import InceptionResnetV1
from torch.nn.modules.batchnorm import _NormBase

from facejoin.conf.settings import EmbedSettings, load_settings
from facejoin.udfs.vision.analyse import weights_file

SEED = 0
MODELS = ("sface", "inception_resnet_v1")


def inception() -> InceptionResnetV1:
    """The same one each time. Its norms have noise's own statistics: different faces get different vectors."""
    torch.manual_seed(SEED)
    network = InceptionResnetV1(pretrained=None)
    for module in network.modules():
        if isinstance(module, _NormBase):
            module.momentum = None  # the statistics are those of the pass below
    with torch.no_grad():
        network.train()(torch.rand(16, 3, 160, 160) * 2 - 1)
    return network.eval()


def embed_settings(model: str, folder: Path) -> tuple[EmbedSettings, Path]:
    """The model's settings and its weights: sface's own from the cache, inception_resnet_v1's made in `folder`."""
    settings = EmbedSettings(model=model)  # type: ignore[arg-type]
    if model == "inception_resnet_v1":
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "inception_resnet_v1.pt"
        torch.save(inception().state_dict(), path)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        settings = settings.model_copy(update={"weights": str(path), "weights_sha256": sha256})
    return settings, weights_file(settings, [Path(load_settings().cache)])
