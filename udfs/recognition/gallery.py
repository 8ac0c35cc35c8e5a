"""A trained gallery: who is in it, and what is needed to score a face against everyone at once."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, logit

from facejoin.udfs.recognition.calibration import Curve
from facejoin.udfs.recognition.impostors import Impostors
from facejoin.udfs.recognition.nonfaces import NonfaceFilter, load_nonfaces

if TYPE_CHECKING:
    from sklearn.base import ClassifierMixin

# What a stored classifier consists of beyond skops' own list; read, all only hold numbers.
TRUSTED = [
    "facejoin.udfs.recognition.mixture.MixtureClassifier",
    "facejoin.udfs.recognition.tree.TreeClassifier",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
]
SUREST = 1 - 1e-9  # confidence of a classifier beyond which its logarithmic odds are not followed


@dataclass(frozen=True)
class Parameters:
    """The part of a gallery that is stored as JSON."""

    kind: str  # one of kinds.KINDS
    model_version: str  # of the vectors
    people: tuple[str, ...]
    files: tuple[str, ...]  # one a reference
    threshold: float  # of the deciding score: the similarity, or a classifier's confidence
    threshold_from: str  # how it was found, for the reader
    impostors_from: str  # who the strangers were
    curve: Curve  # from similarity to confidence; a classifier has its own


@dataclass(frozen=True)
class Gallery:
    parameters: Parameters
    centre: np.ndarray  # (d,) taken off every vector before it is compared; zeros for a plain cosine
    means: np.ndarray  # (people, d): unit rows, the direction of a person's mean vector off the centre
    references: np.ndarray  # (references, d): unit rows, as embedded
    owners: np.ndarray  # (references,): row of `means` that each reference belongs to
    impostors: Impostors
    classifier: ClassifierMixin | None = None  # with predict_proba over rows of `means`; None: the similarity decides
    nonfaces: NonfaceFilter | None = None  # None: every detection is taken for a face

    def similarity(self, faces: np.ndarray) -> np.ndarray:
        """Cosine of every face with every person, off the centre. faces (n, d) unit rows → (n, people)."""
        return np.asarray(off_centre(faces, self.centre) @ self.means.T)

    def evidence(self, decisive: np.ndarray) -> np.ndarray:
        """The deciding score on a scale on which it adds up: a similarity is, a probability's logarithmic odds are."""
        if self.classifier is None:
            return decisive
        return log_odds(decisive)

    def least(self, threshold: float) -> float:
        """The evidence that a threshold of the deciding score asks for."""
        if self.classifier is None:
            return threshold
        if not 0 < threshold <= 1:
            return -np.inf if threshold <= 0 else np.inf
        return float(self.evidence(np.array(threshold)))

    def threshold(self, evidence: float) -> float:
        """The other way round."""
        return evidence if self.classifier is None else float(expit(evidence))

    @property
    def digest(self) -> str:
        """Names exactly this gallery: equal references, kind and settings, equal name."""
        arrays = b"".join(np.ascontiguousarray(array).tobytes() for array in self._arrays().values())
        return hashlib.sha256(self.parameters_json().encode() + arrays).hexdigest()[:16]

    def arrays(self) -> bytes:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **self._arrays())
        return buffer.getvalue()

    def classifier_file(self) -> bytes | None:
        if self.classifier is None:
            return None
        from skops.io import dumps  # takes seconds to import, which most galleries do not need

        return dumps(self.classifier)

    def parameters_json(self) -> str:
        return json.dumps(asdict(self.parameters), sort_keys=True)

    def _arrays(self) -> dict[str, np.ndarray]:
        own = {name: getattr(self, name) for name in ("centre", "means", "references", "owners")}
        own |= {f"impostor_{name}": getattr(self.impostors, name) for name in ("scores", "people", "groups")}
        return own if self.nonfaces is None else own | self.nonfaces.arrays()


def load_gallery(parameters: str, arrays: bytes, classifier: bytes | None) -> Gallery:
    """From what `Gallery` wrote: JSON, npz and a skops file, none of which can run code."""
    values = json.loads(parameters)
    values["people"], values["files"] = tuple(values["people"]), tuple(values["files"])
    values["curve"] = Curve(**values["curve"])
    with np.load(io.BytesIO(arrays), allow_pickle=False) as stored:
        loaded = dict(stored)
    return Gallery(
        Parameters(**values),
        **{name: loaded[name] for name in ("centre", "means", "references", "owners")},
        impostors=Impostors(*(loaded[f"impostor_{name}"] for name in ("scores", "people", "groups"))),
        classifier=_load_classifier(classifier),
        nonfaces=load_nonfaces(loaded),
    )


def _load_classifier(stored: bytes | None) -> ClassifierMixin | None:
    if stored is None:
        return None
    from skops.io import loads  # as above

    return loads(stored, trusted=TRUSTED)


def log_odds(confidence: np.ndarray) -> np.ndarray:
    """Of a classifier's confidences, whatever their precision: in float32 the surest would be 1, and infinite."""
    return np.asarray(logit(np.clip(confidence.astype(np.float64), 1 - SUREST, SUREST)))


def mean_vectors(references: np.ndarray, owners: np.ndarray, people: int) -> np.ndarray:
    """references (n, d) unit rows, owners (n,) → (people, d): the direction of each person's mean."""
    sums = np.zeros((people, references.shape[1]), np.float32)
    np.add.at(sums, owners, references)
    return unit(sums)


def off_centre(vectors: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(n, d) unit rows, (d,) → (n, d) unit rows."""
    return unit(vectors - centre) if centre.any() else vectors


def unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
