"""A trained gallery: who is in it, what a face is compared with, what strangers score; and how it is stored."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np

from facejoin.udfs.recognition.calibration import Curve
from facejoin.udfs.recognition.classifier_content import content
from facejoin.udfs.recognition.impostors import Impostors
from facejoin.udfs.recognition.nonface_filter import NonfaceFilter, load_nonfaces
from facejoin.udfs.recognition.scorer import Scorer

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

# What a stored classifier consists of beyond skops' own list; read, all only hold numbers.
TRUSTED = [
    "facejoin.udfs.recognition.mixture.MixtureClassifier",
    "facejoin.udfs.recognition.tree.TreeClassifier",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
]


@dataclass(frozen=True)
class Parameters:
    """The part of a gallery that is stored as JSON."""

    kind: str  # one of kinds.KINDS
    model_version: str  # of the vectors
    people: tuple[str, ...]
    files: tuple[str, ...]  # one a reference
    threshold: float  # of the score: the similarity, or a classifier's confidence
    threshold_from: str  # how it was found, for the reader
    impostors_from: str  # who the strangers were
    curve: Curve  # from similarity to confidence; a classifier has its own


@dataclass(frozen=True)
class Gallery:
    parameters: Parameters
    scorer: Scorer
    references: np.ndarray  # (references, d): unit rows, as embedded
    owners: np.ndarray  # (references,): row of `scorer.means` that each reference belongs to
    impostors: Impostors
    nonfaces: NonfaceFilter | None = None  # None: every detection is taken for a face

    @property
    def digest(self) -> str:
        """Names exactly this gallery: equal references, kind, settings and classifier, equal name."""
        return self._named(b"" if self.scorer.classifier is None else b"\0".join(content(self.scorer.classifier)))

    def is_named(self, digest: str) -> bool:
        """Whether this is what was stored by that name. Older versions left the classifier out of it."""
        return digest in (self.digest, self._named(b""))

    def _named(self, classifier: bytes) -> str:
        arrays = b"".join(np.ascontiguousarray(array).tobytes() for array in self._arrays().values())
        return hashlib.sha256(self.parameters_json().encode() + arrays + classifier).hexdigest()[:16]

    def arrays(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self._arrays())
        return buffer.getvalue()

    def classifier_file(self) -> bytes | None:
        if self.scorer.classifier is None:
            return None
        from skops.io import dumps  # takes seconds to import, which most galleries do not need

        return dumps(self.scorer.classifier)

    def parameters_json(self) -> str:
        return json.dumps(asdict(self.parameters), sort_keys=True)

    def _arrays(self) -> dict[str, np.ndarray]:
        """By the names that stored galleries have; their order is part of the digest."""
        arrays = {
            "centre": self.scorer.centre,
            "means": self.scorer.means,
            "references": self.references,
            "owners": self.owners,
            "impostor_scores": self.impostors.evidence,
            "impostor_people": self.impostors.people,
            "impostor_groups": self.impostors.groups,
        }
        return arrays if self.nonfaces is None else arrays | self.nonfaces.arrays()


def load_gallery(parameters: str, arrays: bytes, classifier: bytes | None) -> Gallery:
    """From what `Gallery` wrote: JSON, npz and a skops file, none of which can run code."""
    values = json.loads(parameters)
    values["people"], values["files"] = tuple(values["people"]), tuple(values["files"])
    values["curve"] = Curve(**values["curve"])
    with np.load(io.BytesIO(arrays), allow_pickle=False) as stored:
        loaded = dict(stored)
    strangers = (loaded[f"impostor_{name}"] for name in ("scores", "people", "groups"))
    return Gallery(
        Parameters(**values),
        Scorer(loaded["centre"], loaded["means"], _load_classifier(classifier)),
        references=loaded["references"],
        owners=loaded["owners"],
        impostors=Impostors(*strangers),
        nonfaces=load_nonfaces(loaded),
    )


def _load_classifier(stored: bytes | None) -> ClassifierMixin | None:
    if stored is None:
        return None
    from skops.io import loads  # as above

    return loads(stored, trusted=TRUSTED)
