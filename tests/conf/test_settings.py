from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from facejoin.conf.settings import (
    DEFAULT_CONFIG,
    ComputeSettings,
    FetchSettings,
    MtcnnSettings,
    Settings,
    SettingsError,
    VisionSettings,
    YunetSettings,
    load_settings,
    validated,
)

CONFIGS = sorted(Path(str(DEFAULT_CONFIG)).parent.glob("*.yaml"))
SECTIONS = [
    *("manifest", "vision", "vision.decode", "vision.detect", "vision.embed"),
    *("compute", "compute.detect", "compute.embed", "crawl", "crawl.fetch", "crawl.fetch.each_host", "crawl.careful"),
    *("enroll", "match"),
]


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "own.yaml"
        path.write_text(text)
        return path

    return write


def nested(path: str, value: object) -> dict[str, object]:
    """a.b, 1 → {"a": {"b": 1}}"""
    key, _, rest = path.partition(".")
    return {key: nested(rest, value) if rest else value}


def refusal(values: dict[str, object]) -> str:
    with pytest.raises(SettingsError) as caught:
        validated(values, "own.yaml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_packaged_configuration_loads(path: Path) -> None:
    assert isinstance(load_settings(path), Settings)


def test_without_a_file_the_packaged_local_one_is_read() -> None:
    assert load_settings() == load_settings(str(DEFAULT_CONFIG))
    assert load_settings().vision.embed.model == "sface"


def test_an_empty_file_is_the_defaults(config: Callable[[str], Path]) -> None:
    assert load_settings(config("")) == Settings()


@pytest.mark.parametrize("section", ["", *SECTIONS])
def test_an_unknown_key_is_refused_by_its_full_name(section: str) -> None:
    key = f"{section}.min_fase".lstrip(".")
    says = refusal(nested(key, 20))
    assert says.startswith(f"own.yaml: {key}: ")
    assert "(given: 20)" in says


WRONG = {
    "warehouse": 7,
    "spark": {"spark.ui.enabled": [1]},
    "manifest.extensions": "jpg",
    "vision.decode.min_bytes": -1,
    "vision.decode.max_pixels": 0,
    "vision.decode.enough_pixels": 0,
    "vision.decode.max_memory": 0,
    "vision.decode.max_scans": 0,
    "vision.decode.formats": ["JPEG", "SVG"],
    "vision.detect.min_face": 11,
    "vision.detect.thresholds": [0.6, 0.7],
    "vision.detect.scale_factor": 1,
    "vision.detect.min_score": "high",
    "vision.embed.model": "arcface",
    "vision.embed.batch": 0,
    "vision.detect.max_candidates": 0,
    "vision.embed.mirror": "left",
    "compute.device": "gpu",
    "compute.runtime": "onnx",
    "compute.precision": "int8",
    "compute.detect": "cpu",
    "compute.detect.runtime": "onnx",
    "compute.embed.device": "gpu",
    "crawl.device": "cpu",  # where it stood before it was one of `compute`
    "crawl.photo_batch": 1.5,
    "crawl.batch_seconds": 0,
    "crawl.careful.photos": 0,
    "crawl.careful.seconds": 0,
    "crawl.careful.max_memory": "3 GB",
    "crawl.fetch.bytes_in_flight": 0,
    "crawl.fetch.timeout": 0,
    "crawl.fetch.concurrency": 513,
    "crawl.fetch.user_agent": "a\r\nHost: b",
    "crawl.fetch.allowed_networks": ["10.0.0.1/8"],
    "crawl.fetch.ca_bundle": "/no/such/file.pem",
    "crawl.fetch.contact": "the operator",
    "crawl.fetch.ports": [0],
    "crawl.fetch.each_host.connections": 0,
    "crawl.fetch.each_host.requests_per_second": 0,
    "crawl.fetch.host_groups": [{"hosts": []}],
    "crawl.stop_share": 1,
    "crawl.placeholder_owners": 1,
    "crawl.no_placeholders": ["abc"],
    "crawl.fetch.placeholder_paths": ["("],
    "crawl.fetch.placeholder_sha256": ["abc"],
    "enroll.kind": "cosin",
    "enroll.fpir": 0,
    "match.threshold": "high",
    "vision": None,
    "crawl": ["fetch"],
}


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_value_is_refused_by_its_full_name_with_what_was_given(key: str) -> None:
    says = refusal(nested(key, WRONG[key]))
    assert says.startswith(f"own.yaml: {key}")
    assert "(given: " in says


@pytest.mark.parametrize("number", range(3))
@pytest.mark.parametrize("threshold", [0, 1, -0.1, 1.1])
def test_a_threshold_is_a_probability_that_is_neither_sure_nor_impossible(number: int, threshold: float) -> None:
    thresholds = [0.6, 0.7, 0.7]
    thresholds[number] = threshold
    says = refusal({"vision": {"detect": {"thresholds": thresholds}}})
    assert says.startswith(f"own.yaml: vision.detect.thresholds.{number}: ")


def test_a_detectors_settings_are_those_of_its_model_and_mtcnns_where_none_is_named() -> None:
    named = {"yunet": YunetSettings(min_face=30), "mtcnn": MtcnnSettings(min_face=30)}
    for model, expected in named.items():
        assert validated({"vision": {"detect": {"model": model, "min_face": 30}}}, "own.yaml").vision.detect == expected
    assert validated({"vision": {"detect": {"min_face": 30}}}, "own.yaml").vision.detect == named["mtcnn"]


@pytest.mark.parametrize("given", [{"model": "ssd"}, {"model": ["yunet"]}, {"model": None}, None, 5, "yunet"])
def test_a_detector_that_is_none_is_refused_with_those_that_there_are(given: object) -> None:
    says = refusal({"vision": {"detect": given}})
    assert says.startswith("own.yaml: vision.detect: expected settings of a detector, with a model of mtcnn or yunet")


def test_what_one_detector_knows_is_refused_in_anothers_settings() -> None:
    assert "vision.detect.thresholds: " in refusal({"vision": {"detect": {"model": "yunet", "thresholds": [0.6] * 3}}})
    assert "vision.detect.landmarks: " in refusal({"vision": {"detect": {"landmarks": "own"}}})


WAYS_TO_COMPUTE = [
    {"device": device, "runtime": runtime, "precision": precision}
    for device, runtime, precision in product(
        ("auto", "cpu", "cuda", "cuda:3"), ("auto", "torch", "openvino"), ("auto", "float32", "bfloat16", "float16")
    )
]
IMPOSSIBLE = [
    {"device": "cpu", "precision": "float16"},
    {"device": "cuda", "runtime": "openvino"},
    {"device": "cuda:3", "runtime": "openvino"},
    {"runtime": "openvino", "precision": "float16"},
]


@pytest.mark.parametrize("way", WAYS_TO_COMPUTE, ids=str)
def test_what_can_compute_is_accepted_for_all_networks_and_for_one_and_nothing_else_is(way: dict[str, str]) -> None:
    sections: list[dict[str, object]] = [{**way}, {"detect": way}, {"embed": way}]
    if any(one.items() <= way.items() for one in IMPOSSIBLE):
        for section, network in zip(sections, ("detect", "detect", "embed"), strict=True):
            says = refusal({"compute": section})
            assert says.startswith(
                f"own.yaml: compute: Value error, {network} cannot run with device {way['device']!r}"
            )
    else:
        for section in sections:
            assert validated({"compute": section}, "own.yaml").compute == ComputeSettings.model_validate(section)


def test_a_network_computes_as_all_do_but_for_what_is_its_own() -> None:
    compute = validated({"compute": {"runtime": "torch", "detect": {"device": "cpu"}}}, "own.yaml").compute
    assert compute.of("detect") == ComputeSettings(device="cpu", runtime="torch")
    assert compute.of("embed") == ComputeSettings(runtime="torch")


def test_what_a_network_has_in_common_with_all_must_suit_its_own_device() -> None:
    compute = {"precision": "float16", "detect": {"device": "cpu"}}
    assert "detect cannot run with device 'cpu', runtime 'auto' and precision 'float16'" in refusal(
        {"compute": compute}
    )
    compute["detect"] = {"device": "cpu", "precision": "auto"}
    assert validated({"compute": compute}, "own.yaml").compute.of("detect").precision == "auto"


def test_several_wrong_values_are_told_in_one_line() -> None:
    says = refusal({"warehouze": "a", "match": {"min_face": 1}})
    assert "warehouze: " in says
    assert "match.min_face: " in says


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("warehouse: [", "not YAML"),
        ("a: b: c", "not YAML"),
        ("- warehouse\n- cache\n", "expected a mapping of settings, found list"),
        ("warehouse", "expected a mapping of settings, found str"),
        ("!!python/object/apply:os.getcwd []", "not YAML"),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(text: str, expected: str, config: Callable[[str], Path]) -> None:
    path = config(text)
    with pytest.raises(SettingsError) as caught:
        load_settings(path)
    assert str(caught.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(SettingsError, match=f"cannot read the settings file {path}: "):
            load_settings(path)
    (tmp_path / "latin.yaml").write_bytes(b"warehouse: \xe9t\xe9\n")
    with pytest.raises(SettingsError, match=r"cannot read the settings file .*latin\.yaml"):
        load_settings(tmp_path / "latin.yaml")


def test_an_override_replaces_the_files_value_and_none_does_not(config: Callable[[str], Path]) -> None:
    path = config("warehouse: there\ncache: /weights\nmatch: {min_face: 50}\n")
    loaded = load_settings(path, warehouse="here", cache=None, match={"threshold": 0.5})
    assert (loaded.warehouse, loaded.cache) == ("here", "/weights")
    assert (loaded.match.threshold, loaded.match.min_face) == (0.5, 20)


def test_an_override_is_validated_too() -> None:
    with pytest.raises(SettingsError, match="warehause"):
        load_settings(None, warehause="here")


def test_settings_are_frozen_at_every_level() -> None:
    whole = Settings()
    for stage, field in ((whole, "warehouse"), (whole.vision.detect, "min_face"), (whole.crawl.fetch, "timeout")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(stage, field, getattr(stage, field))


def test_vision_settings_can_be_a_key() -> None:
    assert len({VisionSettings(), VisionSettings.model_validate({"detect": {"min_face": 20}})}) == 1


def test_a_dump_of_the_settings_loads_as_the_same_settings(config: Callable[[str], Path]) -> None:
    loaded = load_settings()
    assert load_settings(config(yaml.safe_dump(loaded.model_dump(mode="json")))) == loaded


THRESHOLDS = st.sampled_from([0.6, 0.7, 0.8])
DETECT = st.builds(
    MtcnnSettings,
    min_face=st.integers(19, 21),
    thresholds=st.tuples(THRESHOLDS, THRESHOLDS, THRESHOLDS),
    min_score=st.sampled_from([0.9, 0.95]),
)


@settings(deadline=None, derandomize=True)
@given(one=DETECT, other=DETECT)
def test_equal_settings_and_only_they_have_equal_digests(one: MtcnnSettings, other: MtcnnSettings) -> None:
    assert (one.digest() == other.digest()) == (one == other)
    assert MtcnnSettings.model_validate_json(one.model_dump_json()).digest() == one.digest()


@pytest.mark.parametrize("contact", ["https://example.org/crawler", "crawler@example.org", "mailto:us@example.org"])
def test_a_contact_is_part_of_what_hosts_are_told(contact: str) -> None:
    assert FetchSettings(contact=contact).agent == f"face-join/0.1 (+{contact})"


@pytest.mark.parametrize(
    "contact", ["", "me", "http://localhost", "a@b", "https://example.org/a b", "a@b.org) x", "a@b.org\r\nX: y"]
)
def test_what_reaches_nobody_is_no_contact(contact: str) -> None:
    assert "crawl.fetch.contact" in refusal(nested("crawl.fetch.contact", contact))


def test_every_fetch_setting_counts_in_the_digest() -> None:
    changes = [
        {"timeout": 21},
        {"robots": False},
        {"allowed_networks": ["10.0.0.0/8"]},
        {"placeholder_paths": ["/gone"]},
        {"each_host": {"connections": 5}},
        {"contact": "crawler@example.org"},
        {"ports": [80]},
        {"placeholder_sha256": ["0" * 64]},
    ]
    digests = {FetchSettings.model_validate(change).digest() for change in [{}, *changes]}
    assert len(digests) == len(changes) + 1
