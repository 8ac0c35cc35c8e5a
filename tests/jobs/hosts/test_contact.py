import pytest

from facejoin.conf.settings import FetchSettings, SettingsError
from facejoin.jobs.hosts.contact import require_contact

OWN = FetchSettings.model_validate({"allowed_networks": ["127.0.0.1/32", "8.8.8.0/24"]})


@pytest.fixture
def listed(spark):
    return lambda *rows: spark.createDataFrame([*rows], "download_url string, excluded string").coalesce(1)


def test_the_hosts_of_others_are_not_asked_without_a_contact(listed) -> None:
    for host in ("photos.test", "8.8.9.9", "0x7f.1.1"):
        photos = listed(("http://127.0.0.1:8000/1.jpg", None), (f"http://{host}/2.jpg", None))
        with pytest.raises(SettingsError, match=rf"crawl\.fetch\.contact is not set; expected .* from {host}$"):
            require_contact(photos, OWN)
        require_contact(photos, OWN.model_copy(update={"contact": "crawler@example.org"}))


def test_ones_own_hosts_and_what_is_never_asked_need_none(listed) -> None:
    own = [(f"http://{host}/1.jpg", None) for host in ("127.0.0.1:8000", "8.8.8.8", "localhost", "10.0.0.1", "[::1]")]
    require_contact(listed(*own, ("http://photos.test/1.mov", "video"), ("nothing", None)), OWN)
