import pytest

from facejoin.udfs.web.outcomes import Outcome, is_retryable

VOCABULARY = """faces no_face video not_image_url too_small too_large too_many_pixels corrupt unsupported poisonous gone
    placeholder http_error rate_limited timeout dns_error put_off refused blocked_address robots opted_out suppressed"""


def test_the_vocabulary_is_the_one_of_the_results_table() -> None:
    assert [str(outcome) for outcome in Outcome] == VOCABULARY.split()


def test_only_passing_failures_are_worth_another_try() -> None:
    assert {outcome for outcome in Outcome if outcome.retryable} == {
        "rate_limited",
        "timeout",
        "dns_error",
        "refused",
        "put_off",
    }


@pytest.mark.parametrize(("status", "expected"), [(500, True), (503, True), (403, False), (302, False), (None, False)])
def test_an_http_error_is_worth_another_try_where_the_server_failed(status: int | None, expected: bool) -> None:
    assert is_retryable(Outcome.HTTP_ERROR, status) is expected
