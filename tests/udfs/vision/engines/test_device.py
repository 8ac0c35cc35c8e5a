import pytest
import torch

from facejoin.udfs.vision.engines.device import choose_device
from facejoin.udfs.vision.engines.errors import DeviceError


@pytest.fixture
def without_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture
def four_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)


@pytest.mark.parametrize("requested", ["auto", "cpu"])
@pytest.mark.usefixtures("without_cuda")
def test_without_cuda_auto_and_cpu_are_the_processor(requested: str) -> None:
    assert choose_device(requested, ["3"]) == torch.device("cpu")


@pytest.mark.parametrize("requested", ["cuda", "cuda:0"])
@pytest.mark.usefixtures("without_cuda")
def test_without_cuda_asking_for_it_is_an_error(requested: str) -> None:
    with pytest.raises(DeviceError, match=f"'{requested}' was asked for"):
        choose_device(requested)


@pytest.mark.parametrize(
    ("requested", "addresses", "expected"),
    [
        ("auto", [], "cuda:0"),
        ("cuda", [], "cuda:0"),
        ("auto", ["2"], "cuda:2"),
        ("cuda", ["3", "1"], "cuda:3"),
        ("cuda:1", ["3"], "cuda:1"),
        ("cpu", ["3"], "cpu"),
    ],
)
@pytest.mark.usefixtures("four_gpus")
def test_a_task_takes_the_gpu_that_it_was_given(requested: str, addresses: list[str], expected: str) -> None:
    assert choose_device(requested, addresses) == torch.device(expected)


@pytest.mark.usefixtures("four_gpus")
def test_a_gpu_that_is_not_there_is_an_error() -> None:
    with pytest.raises(DeviceError, match="'cuda:4' was asked for, but torch finds 4"):
        choose_device("cuda:4")
