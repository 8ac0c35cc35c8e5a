"""Settings: one frozen, validated object per stage, read from YAML. Unknown keys are refused."""

from __future__ import annotations

import hashlib
import json
import re
from importlib.resources import files
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    FilePath,
    FiniteFloat,
    Tag,
    ValidationError,
    model_validator,
)

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Probability = Annotated[float, Field(gt=0, lt=1)]
GalleryKind = Literal["centred_cosine", "cosine", "svm_rbf", "svm_linear", "gaussian_nb", "gmm", "decision_tree"]
# A page's or a mail address, without brackets, which would end the comment that it stands in
CONTACT = r"^(https?://[!-'*-~]+\.[!-'*-~]+|(mailto:)?[!-'*-?A-~]+@[!-'*-?A-~]+\.[!-'*-?A-~]+)$"
HostPattern = Annotated[str, Field(pattern=r"^[a-z0-9.*?:-]+$")]  # lower case, without a port; * stands for anything
Device = Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$")]
Engine = Literal["auto", "torch", "openvino"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
COSINES = ("centred_cosine", "cosine")  # of these kinds; the others are classifiers
DEFAULT_CONFIG = files("facejoin.conf") / "local.yaml"
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")  # of pictures that can be read
YEARS = (1826, 2100)  # of the first photograph, and as far as a camera's clock is believed


class SettingsError(ValueError):
    """A setting or an argument that cannot work; the message says what was given and what was expected."""


class Stage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def digest(self) -> str:
        """A short name for exactly these values: equal settings, equal digest."""
        canonical = json.dumps(self._named_values(), sort_keys=True)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]

    def _named_values(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


class ManifestSettings(Stage):
    extensions: tuple[str, ...] = ("jpg", "jpeg", "png", "gif")  # of the download URL, lower case


class HostBudget(Stage):
    """What the whole cluster may ask of hosts together, however many tasks it has."""

    connections: Annotated[int, Field(ge=1)] = 4  # open at the same time; a browser opens six to a host
    requests_per_second: Annotated[FiniteFloat, Field(gt=0)] = 10.0  # in any second, so nine tenths of it on average


class HostGroup(HostBudget):
    """Hosts that belong together and share one budget."""

    hosts: Annotated[tuple[HostPattern, ...], Field(min_length=1)]  # names, or patterns such as *.example.org


# Flickr's picture hosts, old names and new. A hundred million photos take twelve days; whoever wants more asks Flickr.
FLICKR = HostGroup(hosts=("*.staticflickr.com", "*.static.flickr.com"), connections=32, requests_per_second=100.0)


class FetchSettings(Stage):
    concurrency: Annotated[int, Field(ge=1, le=512)] = 128  # downloads in flight per task: few bytes, most of the time
    connect_timeout: Annotated[float, Field(gt=0)] = 5.0  # seconds
    timeout: Annotated[float, Field(gt=0)] = 20.0  # seconds, for the whole response
    max_bytes: Annotated[int, Field(gt=0)] = 32 * 2**20
    # Of photos that a task downloads, or holds until they are analysed; there is always room for two of max_bytes
    bytes_in_flight: Annotated[int, Field(gt=0)] = 64 * 2**20
    max_redirects: Annotated[int, Field(ge=0, le=20)] = 5
    retries: Annotated[int, Field(ge=0, le=10)] = 2  # further tries after an outcome worth another one, but a timeout
    backoff: Annotated[float, Field(ge=0)] = 0.5  # seconds before the first further try, doubled each time
    max_wait: Annotated[float, Field(ge=0)] = 30.0  # seconds between two tries; a longer Retry-After ends the tries
    each_host: HostBudget = HostBudget()
    host_groups: tuple[HostGroup, ...] = (FLICKR,)  # of hosts with a budget of their own; the first that matches counts
    failures: Annotated[int, Field(ge=1)] = 10  # of a host, one after the other, after which it is left alone
    left_alone: Annotated[FiniteFloat, Field(gt=0)] = 60.0  # seconds, at first; doubled each time, up to an hour
    robots: bool = True  # honour robots.txt of every host
    user_agent: Annotated[str, Field(pattern=r"^[!-~][ -~]*$")] = "face-join/0.1"  # by which robots.txt files know you
    # Page or mail address by which whoever runs a host reaches you; needed to ask any host that is not your own
    contact: Annotated[str, Field(pattern=CONTACT)] | None = None
    # Your own hosts, on any port, that may be fetched though they are not public
    allowed_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    blocked_networks: tuple[IPv4Network | IPv6Network, ...] = ()  # never fetched: the cluster's own public addresses
    ports: tuple[Annotated[int, Field(ge=1, le=65535)], ...] = (80, 443)  # of public hosts
    ca_bundle: FilePath | None = None  # PEM file of trusted authorities; None: those of certifi
    # On the final URL; Flickr's is https://s.yimg.com/pw/images/en-us/photo_unavailable.png
    placeholder_paths: tuple[re.Pattern[str], ...] = (re.compile(r"/images/([\w-]+/)?photo_unavailable"),)
    placeholder_sha256: tuple[Sha256, ...] = ()  # of known such pictures

    @property
    def agent(self) -> str:
        """What hosts are told of who asks."""
        return self.user_agent if self.contact is None else f"{self.user_agent} (+{self.contact})"

    @property
    def room(self) -> int:
        """Bytes: with room for two of the largest, neither waits for the other to be analysed."""
        return max(self.bytes_in_flight, 2 * self.max_bytes)


class DecodeSettings(Stage):
    # Those that photo lists name. TIFF has more ways to cost a worker dearly than can be counted before it is opened;
    # who asks for a JPEG is sent no WEBP that was not asked for.
    formats: tuple[Literal["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"], ...] = ("JPEG", "PNG", "GIF")
    min_bytes: Annotated[int, Field(ge=0)] = 30_000  # the original study's 30 KB
    max_pixels: Annotated[int, Field(gt=0)] = 100_000_000  # width × height, from the header
    enough_pixels: Annotated[int, Field(gt=0)] = 3_000_000  # a JPEG of more is decoded at a scale that leaves as many
    # Bytes that decoding may hold of a photo, reckoned from its header: 16 million pixels of a PNG, 26 to 53 million of
    # a progressive JPEG; of other JPEGs there is no limit but max_pixels
    max_memory: Annotated[int, Field(gt=0)] = 160_000_000
    max_scans: Annotated[int, Field(ge=1)] = 100  # of a JPEG: each goes over all its pixels; encoders write up to 20

    def of_own_files(self) -> DecodeSettings:
        """For files that are the user's own, not the open web's: of any format and number of bytes, and with as much
        memory as max_pixels take."""
        return self.model_copy(update={"min_bytes": 0, "formats": FORMATS, "max_memory": 20 * self.max_pixels})


class MtcnnSettings(Stage):
    """MTCNN's; also where no `model` is given."""

    model: Literal["mtcnn"] = "mtcnn"
    min_face: Annotated[int, Field(ge=12)] = 20  # pixels: the smallest face that is searched for, about
    thresholds: tuple[Probability, Probability, Probability] = (0.6, 0.72, 0.7)  # proposal, refinement, output
    scale_factor: Annotated[float, Field(gt=0, lt=1)] = 0.709  # between two levels of the pyramid
    max_candidates: Annotated[int, Field(ge=1)] = 400  # windows of a photo that the first network passes on, best first
    min_score: Annotated[float, Field(ge=0, le=1)] = 0.9  # the last network's probability below which a face is dropped


class YunetSettings(Stage):
    """YuNet's, where `model` is yunet."""

    model: Literal["yunet"] = "yunet"
    min_face: Annotated[int, Field(ge=8)] = 20  # pixels: the smallest face that is searched for, about
    min_score: Probability = 0.5  # below which a face is dropped
    # Whose landmarks: its own, the mean over the cells that see a face; or those of MTCNN's output network in its box
    landmarks: Literal["own", "output_network"] = "output_network"
    second_opinion: Annotated[float, Field(ge=0, lt=1)] = 0.0  # that network's probability of a face, at the least


DETECTORS = ("mtcnn", "yunet")


def _detector(values: Any) -> str | None:
    """Which of them is meant, by plain values or by the settings themselves."""
    given = values.get("model", "mtcnn") if isinstance(values, dict) else getattr(values, "model", None)
    return given if given in DETECTORS else None


DetectSettings = Annotated[
    Annotated[MtcnnSettings, Tag("mtcnn")] | Annotated[YunetSettings, Tag("yunet")],
    Discriminator(_detector, "detector", f"expected settings of a detector, with a model of {' or '.join(DETECTORS)}"),
]


class EmbedSettings(Stage):
    model: Literal["inception_resnet_v1", "sface"] = "inception_resnet_v1"
    weights: str | None = None  # a name known to weights.py or a file; None: the model's own default
    weights_sha256: Sha256 | None = None  # required where `weights` is a file of your own
    batch: Annotated[int, Field(ge=1)] = 64  # faces per forward pass on a GPU
    mirror: bool = False  # average with the mirrored face: twice the time, vectors of their own kind


class VisionSettings(Stage):
    decode: DecodeSettings = DecodeSettings()
    detect: DetectSettings = MtcnnSettings()
    embed: EmbedSettings = EmbedSettings()

    def _named_values(self) -> dict[str, Any]:
        """Without the detector's name, which stands before the digest wherever that names a model, and without bounds
        of decoding that are as they come: results of before there were any keep their name."""
        values = super()._named_values()
        usual = DecodeSettings().model_dump(mode="json", include={"formats", "max_memory", "max_scans"})
        return {
            "decode": {key: value for key, value in values["decode"].items() if usual.get(key) != value},
            "detect": {key: value for key, value in values["detect"].items() if key != "model"},
            "embed": values["embed"],
        }


class OwnComputeSettings(Stage):
    """What one network runs on; what is left out is as `compute` says."""

    device: Device | None = None
    runtime: Engine | None = None
    precision: Precision | None = None


class ComputeSettings(Stage):
    """What the networks run on. Unlike VisionSettings it changes no result but by rounding."""

    device: Device = "auto"  # auto: the task's own GPU, else the processor
    runtime: Engine = "auto"  # auto: OpenVINO on a processor, if installed
    precision: Precision = "auto"  # auto: the fastest that the device has
    detect: OwnComputeSettings = OwnComputeSettings()
    embed: OwnComputeSettings = OwnComputeSettings()

    def of(self, network: Literal["detect", "embed"]) -> ComputeSettings:
        """What that network runs on, said by `device`, `runtime` and `precision` alone."""
        own: OwnComputeSettings = getattr(self, network)
        alike = {"detect": OwnComputeSettings(), "embed": OwnComputeSettings()}
        return self.model_copy(update=alike | own.model_dump(exclude_none=True))

    @model_validator(mode="after")
    def _each_can_run(self) -> ComputeSettings:
        for network in ("detect", "embed"):
            one = self.of(network)
            on_processor = one.device == "cpu" or one.runtime == "openvino"
            on_gpu = one.device.startswith("cuda") or one.precision == "float16"
            if on_processor and on_gpu:
                given = f"device {one.device!r}, runtime {one.runtime!r} and precision {one.precision!r}"
                raise ValueError(f"{network} cannot run with {given}: openvino is for processors, float16 for GPUs")
        return self


class NetworkSettings(Stage):
    """All that a worker needs to load the networks."""

    vision: VisionSettings
    compute: ComputeSettings
    cache: str


class CarefulSettings(Stage):
    """Of a task's later attempts, which look for the photo that ended the first one: in a process beside the worker."""

    photos: Annotated[int, Field(ge=1)] = 4  # analysed together, before each is analysed alone
    seconds: Annotated[float, Field(gt=0)] = 25.0  # that they, or one alone, may take
    max_memory: Annotated[int, Field(gt=0)] = 3 * 10**9  # bytes of that process, its networks included


class CrawlSettings(Stage):
    fetch: FetchSettings = FetchSettings()
    wave_photos: Annotated[int, Field(ge=1)] = 50_000  # photos per Delta commit, about; two are in flight
    task_photos: Annotated[int, Field(ge=1)] = 2_000  # photos per Spark task, about: 2 to 5 minutes
    photo_batch: Annotated[int, Field(ge=1)] = 32  # photos that the networks see together
    # The crawl stops after a wave of whose new photos more than this share failed by the network or by the hosts
    stop_share: Probability = 0.5
    stop_photos: Annotated[int, Field(ge=1)] = 100  # and as many of them at the least
    put_off_rounds: Annotated[int, Field(ge=0)] = 3  # times that photos which were put off are tried again, at the end
    put_off_wait: Annotated[FiniteFloat, Field(ge=0)] = 900.0  # seconds at most until each of these times
    keeper_port: Annotated[int, Field(ge=0, le=65535)] = 0  # of the driver, by which tasks share budgets; 0: any
    batch_seconds: Annotated[float, Field(gt=0)] = 20.0  # that a photo waits for further ones, before and after them
    load_seconds: Annotated[float, Field(gt=0)] = 60.0  # between two readings of what a worker takes of its machine
    careful: CarefulSettings = CarefulSettings()
    # Owners whose photos are the very same file, from which on that is learnt to be a placeholder; null: none is learnt
    placeholder_owners: Annotated[int, Field(ge=2)] | None = 20
    no_placeholders: tuple[Sha256, ...] = ()  # files that are none, whatever was learnt


class StatusSettings(Stage):
    """What a crawl costs; without any price no cost is told."""

    core_hour: Annotated[FiniteFloat, Field(ge=0)] | None = None  # price of a core for an hour, busy or not
    gigabyte: Annotated[FiniteFloat, Field(ge=0)] | None = None  # price of 1,000,000,000 downloaded bytes
    currency: str = ""  # of both, in words


class EnrollSettings(Stage):
    kind: GalleryKind = "centred_cosine"
    cohort: str | None = None  # folder of strangers' photos; None: the gallery's people are strangers to one another
    # Against false alarms: folder of photos without faces, file that `facejoin nonfaces` wrote; or delivered, or none
    nonfaces: str = "delivered"
    min_face: Annotated[int, Field(ge=12)] = 40  # shorter side in pixels of a usable reference
    subject_ratio: Annotated[float, Field(ge=1)] = 2.0  # area of the largest face over the next one's
    fpir: Annotated[float, Field(gt=0, lt=1)] = 0.001  # accepted share of unknown faces
    strict: bool = False  # refuse a gallery in which the audit finds anything, instead of going on with warnings


class MatchSettings(Stage):
    min_face: Annotated[int, Field(ge=12)] = 20  # shorter side in pixels of a face worth comparing
    # What is enough for a match, one of the three; none: the gallery's own threshold, from enroll.fpir
    threshold: FiniteFloat | None = None  # of the score that the gallery's kind decides by; the study's γ
    fpir: Probability | None = None  # accepted share of strangers' faces
    max_false_matches: Annotated[FiniteFloat, Field(gt=0)] | None = None  # expected at most over the whole collection
    # Share of the gallery's people among all faces, on which confidences rest. Of 2,748,159 faces on Flickr the study
    # took 0.18 % for one of its 100 famous people, not all of them rightly: about one in a thousand.
    share: Probability = 0.001
    # Of faces that match nobody, when all photos are crawled and matched. Without vectors they cannot be matched again,
    # with another gallery or threshold, but by a new crawl.
    keep_vectors: bool = False

    def _named_values(self) -> dict[str, Any]:
        """Without what changes no match."""
        return {key: value for key, value in super()._named_values().items() if key != "keep_vectors"}

    @model_validator(mode="after")
    def _one_threshold(self) -> MatchSettings:
        given = [name for name in ("threshold", "fpir", "max_false_matches") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} were given; expected one of them")
        return self


class Settings(Stage):
    warehouse: str = "build/warehouse"
    cache: str = "~/.cache/facejoin"  # weights; may be a folder that all executors share
    spark: dict[str, str] = {}  # further Spark configuration, where this process starts Spark
    manifest: ManifestSettings = ManifestSettings()
    vision: VisionSettings = VisionSettings()
    compute: ComputeSettings = ComputeSettings()
    crawl: CrawlSettings = CrawlSettings()
    enroll: EnrollSettings = EnrollSettings()
    match: MatchSettings = MatchSettings()
    status: StatusSettings = StatusSettings()

    @property
    def networks(self) -> NetworkSettings:
        return NetworkSettings(vision=self.vision, compute=self.compute, cache=self.cache)


def load_settings(path: str | Path | None = None, **overrides: object) -> Settings:
    """Settings of a YAML file (None: the packaged local.yaml), with top-level `overrides` that are not None on top.

    Raises SettingsError with one line per wrong key or value.
    """
    text = _read_config(path)
    try:
        values = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise SettingsError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise SettingsError(f"{path}: expected a mapping of settings, found {type(values).__name__}")
    values.update({key: value for key, value in overrides.items() if value is not None})
    return validated(values, str(path or "settings"))


def validated(values: dict[str, object], origin: str) -> Settings:
    """Settings of plain values; `origin` is named where one is wrong. Raises SettingsError."""
    try:
        return Settings.model_validate(values)
    except ValidationError as error:
        raise SettingsError(_one_line(origin, error)) from error


def _read_config(path: str | Path | None) -> str:
    try:
        return DEFAULT_CONFIG.read_text() if path is None else Path(path).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the settings file {path}: {error}") from error


def _one_line(origin: str, error: ValidationError) -> str:
    problems = (f"{_key(e['loc'])}: {e['msg']} (given: {e['input']!r})" for e in error.errors())
    return f"{origin}: " + "; ".join(problems)


def _key(place: tuple[int | str, ...]) -> str:
    """As the file has it: the name of a detector is not in it where pydantic says which of them it took."""
    return ".".join(str(part) for part in place if part not in DETECTORS)
