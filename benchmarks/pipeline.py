"""Bytes of photos in, vectors of their faces out, beside the pipeline that people write today: Pillow, and MTCNN and
InceptionResnetV1 of facenet-pytorch, photo by photo. Both see the same batch of photos in turn; the smallest face is
the same, and every face that a cascade finds is embedded.

    .venv/bin/python benchmarks/pipeline.py --photos LFW --detector yunet
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
import typer
from facenet_pytorch import MTCNN
from floor import multiply_adds, multiply_adds_per_second, work_of
from made_up import MODELS, embed_settings, inception
from PIL import Image
from rich.console import Console
from rich.table import Table
from timing import batches_of, in_turn, machine, ratio, spread, total, use_threads, write

from facejoin.conf.settings import (
    ComputeSettings,
    DecodeSettings,
    DetectSettings,
    MtcnnSettings,
    VisionSettings,
    YunetSettings,
    load_settings,
)
from facejoin.jobs.downloads.weights import fetch_needed_weights
from facejoin.udfs.vision.analyse import Analyser
from facejoin.udfs.vision.decode import decode
from facejoin.udfs.vision.embedding.embed import EMBEDDERS
from facejoin.udfs.vision.engines.runtime import choose_runtimes

BATCH = 32  # photos
MIN_FACE = 20  # pixels
DETECT: dict[str, DetectSettings] = {
    "mtcnn": MtcnnSettings(min_face=MIN_FACE, min_score=0),  # every face that the cascade finds, as the peer's
    "yunet": YunetSettings(min_face=MIN_FACE),
}
OURS, PLAIN = "face_join", "plain"

Bodies = Sequence[bytes]


def main(
    photos: Annotated[Path, typer.Option(help="Folder with JPEGs.", exists=True, file_okay=False)],
    threads: Annotated[int, typer.Option(min=1)] = 1,
    out: Annotated[Path, typer.Option(help="JSON report.")] = Path("build/benchmarks/pipeline.json"),
    model: Annotated[str | None, typer.Option(help="sface or inception_resnet_v1; both if left out.")] = None,
    detector: Annotated[Literal["mtcnn", "yunet"], typer.Option(help="Ours; the plain pipeline's is MTCNN.")] = "mtcnn",
    limit: Annotated[int, typer.Option(min=1, help="Photos, evenly spaced.")] = 320,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
) -> None:
    use_threads(threads)
    fetch_needed_weights(load_settings().networks)
    bodies = [path.read_bytes() for path in spread(sorted(photos.rglob("*.jpg")), limit)]
    if not bodies:
        raise typer.BadParameter(f"no *.jpg below {photos}")
    models = [name for name in MODELS if model is None or name == model]
    by_model = {name: measured(name, DETECT[detector], out.parent, bodies, rounds) for name in models}
    first, *_ = by_model.values()
    work = {"detector": detector, "photos": len(bodies), "rounds": rounds}
    report = {"machine": machine(threads), **work, **first, "by_model": by_model}
    write(report, out)
    Console().print(table(by_model))


def measured(model: str, detect: DetectSettings, folder: Path, bodies: Bodies, rounds: int) -> dict[str, Any]:
    embed, weights = embed_settings(model, folder)
    runtimes = choose_runtimes(ComputeSettings())
    settings = VisionSettings(decode=DecodeSettings(min_bytes=0), detect=detect, embed=embed)
    folders = [Path(load_settings().cache)]
    analyser, plain = Analyser(settings, folders, runtimes), plain_pipeline()
    batches = batches_of(bodies, BATCH)
    faces = sum(map(plain, batches))  # warms up as well
    own_faces = sum(len(analysis.faces) for batch in batches for analysis in analyser.analyse(batch))
    photos = ([decode(body, settings.decode) for body in batch] for batch in batches)
    work = work_of(detect, folders, runtimes.detect, photos) + own_faces * _work_of_a_face(model, weights)
    seconds = in_turn({OURS: analyser.analyse, PLAIN: plain}, batches, rounds)
    rates = {name: len(bodies) / total(own) for name, own in seconds.items()}
    return {
        "ratio": ratio(seconds[PLAIN], seconds[OURS]),
        "photos_per_second": round(rates[OURS], 1),
        "plain_photos_per_second": round(rates[PLAIN], 1),
        "floor_share": round(work / multiply_adds_per_second(runtimes.detect) / total(seconds[OURS]), 3),
        "faces": {OURS: own_faces, PLAIN: faces},
        "milliseconds": milliseconds(analyser, batches),
    }


def plain_pipeline() -> Callable[[Bodies], int]:
    detector = MTCNN(min_face_size=MIN_FACE, keep_all=True, image_size=160, device="cpu")
    network = inception()

    @torch.inference_mode()
    def vectors(bodies: Bodies) -> int:
        """Their number."""
        count = 0
        for body in bodies:
            faces = detector(Image.open(io.BytesIO(body)).convert("RGB"))
            count += 0 if faces is None else len(network(faces))
        return count

    return vectors


def _work_of_a_face(model: str, weights: Path) -> int:
    """Multiply-adds of its embedding."""
    kind = EMBEDDERS[model]
    return multiply_adds(kind.load(weights), (1, 3, kind.size, kind.size))


def milliseconds(analyser: Analyser, batches: Sequence[Bodies]) -> dict[str, float]:
    """Of a mean photo, by step."""
    seconds = [analysis.seconds for batch in batches for analysis in analyser.analyse(batch)]
    steps = seconds[0]
    return {step: round(sum(photo[step] for photo in seconds) / len(seconds) * 1000, 2) for step in steps}


def table(by_model: Mapping[str, Mapping[str, Any]]) -> Table:
    rows = Table("model", "photos/s", "plain photos/s", "ratio", "of the floor")
    for model, figures in by_model.items():
        names = ("photos_per_second", "plain_photos_per_second", "ratio", "floor_share")
        rows.add_row(model, *(str(figures[name]) for name in names))
    return rows


if __name__ == "__main__":
    typer.run(main)
