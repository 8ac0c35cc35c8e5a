"""Aligned faces → vectors: faces a second of each embedder in both precisions beside the plain ways to run the same
network, one by one and some at a time, and how far apart their vectors are. The contestants see the same faces in turn.

    .venv/bin/python benchmarks/embed.py --photos LFW
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import onnx
import onnxruntime
import torch
import typer
from detect import rgb
from floor import multiply_adds, multiply_adds_per_second
from made_up import MODELS, embed_settings, inception
from rich.console import Console
from rich.table import Table
from timing import Contestant, batches_of, in_turn, machine, ratio, spread, total, use_threads, write
from torch.nn.functional import normalize

from facejoin.conf.settings import ComputeSettings, MtcnnSettings
from facejoin.udfs.vision.detection.mtcnn import Mtcnn
from facejoin.udfs.vision.embedding.embed import EMBEDDERS, Embedder
from facejoin.udfs.vision.engines.runtime import Runtime, choose_runtime

BATCH = 32  # faces between two turns
PEER_BATCH = 16
PRECISE, FAST = "float32", "bfloat16"
PEERS = {"sface": "onnxruntime", "inception_resnet_v1": "torch"}  # one by one


def main(
    photos: Annotated[Path, typer.Option(help="Folder with JPEGs of faces.", exists=True, file_okay=False)],
    threads: Annotated[int, typer.Option(min=1)] = 1,
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/embed.json"),
    most: Annotated[int, typer.Option(min=1, help="Photos that are read.")] = 96,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
) -> None:
    use_threads(threads)
    faces = found(spread(sorted(photos.rglob("*.jpg")), most))
    runtimes = {name: choose_runtime(ComputeSettings.model_validate({"precision": name})) for name in (PRECISE, FAST)}
    rates = {name: multiply_adds_per_second(runtime) for name, runtime in runtimes.items()}
    report: dict[str, Any] = {"machine": machine(threads), "faces": len(faces), "rounds": rounds}
    report["multiply_adds_per_second"] = rates
    for model in MODELS:
        report[model] = measured(model, out.parent, faces, runtimes, rates, rounds)
    write(report, out)
    Console().print(table(report))


def found(paths: Sequence[Path]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The photo and the five landmarks of the surest face of each."""
    detector = Mtcnn(MtcnnSettings(), choose_runtime(ComputeSettings()))
    photos = [rgb(path) for path in paths]
    return [(photo, seen.landmarks[:1]) for photo, seen in zip(photos, detector.detect(photos), strict=True) if seen]


def measured(
    model: str,
    folder: Path,
    faces: Sequence[tuple[np.ndarray, np.ndarray]],
    runtimes: Mapping[str, Runtime],
    rates: Mapping[str, float],
    rounds: int,
) -> dict[str, Any]:
    settings, weights = embed_settings(model, folder)
    ours = {name: Embedder(settings, weights, runtime) for name, runtime in runtimes.items()}
    crops = [ours[PRECISE].crops(*face)[0] for face in faces]
    peers = {"sface": lambda: plain_sface(weights), "inception_resnet_v1": plain_inception}[model]()
    contestants = {f"ours_{name}": embedder.embed for name, embedder in ours.items()} | peers
    for contestant in contestants.values():
        contestant(crops[:PEER_BATCH])
    seconds = in_turn(contestants, batches_of(crops, BATCH), rounds)
    kind = EMBEDDERS[model]
    work = multiply_adds(kind.load(weights), (1, 3, kind.size, kind.size)) * len(crops)
    floors = {name: work / rates[FAST if name.endswith(FAST) else PRECISE] for name in contestants}
    return {
        "million_multiply_adds": round(work / len(crops) / 1e6),
        "faces_per_second": {name: round(len(crops) / total(own), 1) for name, own in seconds.items()},
        "ratio": {name: ratio(seconds[PEERS[model]], own) for name, own in seconds.items()},
        "floor_share": {name: round(floors[name] / total(own), 3) for name, own in seconds.items()},
        "cosine": cosines(ours, contestants[PEERS[model]], crops),
    }


def plain_sface(path: Path) -> dict[str, Contestant]:
    """The packaged file in onnxruntime. Its graph fixes the batch at one, and lists its weights as inputs, too."""
    onnxruntime.set_default_logger_severity(4)
    graph = onnx.load(str(path))
    (faces,) = (value for value in graph.graph.input if value.name == "data")
    del graph.graph.input[:]
    graph.graph.input.append(faces)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def run(crops: Sequence[np.ndarray]) -> np.ndarray:
        planes = [crop.transpose(2, 0, 1)[None].astype(np.float32) for crop in crops]
        vectors = np.concatenate([session.run(None, {"data": plane})[0] for plane in planes])
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    return {PEERS["sface"]: run}


def plain_inception() -> dict[str, Contestant]:
    """facenet-pytorch's network in torch, as it comes."""
    network = inception()

    @torch.inference_mode()
    def run(crops: Sequence[np.ndarray], batch: int) -> np.ndarray:
        faces = (torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() - 127.5) / 128
        return normalize(torch.cat([network(part) for part in torch.split(faces, batch)])).numpy()

    return {
        PEERS["inception_resnet_v1"]: lambda crops: run(crops, 1),
        f"torch_by_{PEER_BATCH}": lambda crops: run(crops, PEER_BATCH),
    }


def cosines(ours: Mapping[str, Embedder], peer: Contestant, crops: Sequence[np.ndarray]) -> dict[str, Any]:
    """Between the vectors of one face: in both precisions, of ours and the peer's, and alone and in a batch."""
    vectors = {name: embedder.embed(crops) for name, embedder in ours.items()}
    alone = {name: np.concatenate([embedder.embed([crop]) for crop in crops]) for name, embedder in ours.items()}
    precise, others = vectors[PRECISE], 1 - np.eye(len(crops))
    return {
        "between_precisions": _summary(precise, vectors[FAST]),
        "with_the_peer": {name: _summary(own, peer(crops)) for name, own in vectors.items()},
        "alone_and_in_a_batch": {name: _summary(own, alone[name]) for name, own in vectors.items()},
        "of_different_faces_mean": round(float((precise @ precise.T * others).sum() / others.sum()), 4),
    }


def _summary(left: np.ndarray, right: np.ndarray) -> dict[str, float]:
    cosine = (left.astype(np.float64) * right).sum(1)
    return {"lowest": round(float(cosine.min()), 6), "mean": round(float(cosine.mean()), 6)}


def table(report: Mapping[str, Any]) -> Table:
    rows = Table("model", "run by", "faces/s", "× plain", "of the floor")
    for model in MODELS:
        figures = report[model]
        for name, rate in figures["faces_per_second"].items():
            rows.add_row(model, name, str(rate), str(figures["ratio"][name]), str(figures["floor_share"][name]))
    return rows


if __name__ == "__main__":
    typer.run(main)
