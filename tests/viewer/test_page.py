"""The results page in a real browser: Debian's Chromium, with photos from a local server."""

import http.server
import io
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Locator, Page, Route, expect, sync_playwright
from site_people import as_people
from tallies import tally_of

from facejoin.jobs.site.figures import site_figures
from facejoin.udfs.write_pictures import PICTURES
from facejoin.viewer.site import write_site

CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCRIPT = "</script><script>window.hacked=1</script>"
IMAGE = "<img src=x onerror='window.hacked=1'>"
HOSTILE_URL = "javascript:window.hacked=1"
Record = dict[str, Any]


class QuietServer(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def serve(folder: Path) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietServer, directory=str(folder)))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()  # seconds until it sees a shutdown
    return server


def photo_bytes(width: int, height: int) -> bytes:
    image = Image.new("RGB", (width, height), (96, 128, 144))
    ImageDraw.Draw(image).ellipse((width // 4, height // 4, width // 2, height // 2), fill=(224, 176, 144))
    made = io.BytesIO()
    image.save(made, "JPEG")
    return made.getvalue()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with wide.jpg, tall.jpg and a page for a photo."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "wide.jpg").write_bytes(photo_bytes(400, 200))
    (folder / "tall.jpg").write_bytes(photo_bytes(200, 400))
    (folder / "page.html").write_text("<title>The photo's page</title>", encoding="utf-8")
    with serve(folder) as server:
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        pytest.fail("The page's tests need Chromium on the PATH: apt-get install -y chromium")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=CHROMIUM_ARGUMENTS)
        yield chromium
        chromium.close()


class Visit:
    """A tab that remembers what it asked for and what it complained of. Only local addresses are let through."""

    def __init__(self, browser: Browser) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.context.route(re.compile(r"^https?://(?!127\.0\.0\.1)"), self._refuse)
        self.page: Page = self.context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))

    def _refuse(self, route: Route) -> None:
        route.abort()


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    visit = Visit(browser)
    yield visit
    visit.context.close()


@pytest.fixture(params=["file", "http"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Writes a site for some people and figures and returns its address, as a file and from a server."""
    if request.param == "file":
        yield lambda people, figures=(): write_site(tmp_path, as_people(people), [], figures).as_uri()
        return
    with serve(tmp_path) as server:
        home = f"http://127.0.0.1:{server.server_port}"
        yield lambda people, figures=(): f"{home}/{write_site(tmp_path, as_people(people), [], figures).name}"
        server.shutdown()


Address = Callable[..., str]


def found(photos: str, rank: int = 0, **changes: Any) -> Record:
    return {
        "URL": f"{photos}/wide.jpg",
        "location": "Amsterdam",
        "rank": rank,
        "confidence": 0.93,
        "similarity": 0.61,
        "pageURL": f"{photos}/page.html",
        "latitude": 52.37,
        "longitude": 4.9,
        "licence": "Attribution License",
        "licenceURL": "https://creativecommons.org/licenses/by/2.0/",
        "owner": "48600072071@N01",
        "ownerName": "Ann Photographer",
        "title": "At the canal",
        "dateTaken": "2009-05-01",
        "box": [100, 50, 200, 100],
        "width": 400,
        "height": 200,
    } | changes


def person(name: str, *pics: Record, picture: str | None = None) -> Record:
    return {"name": name, "profilePic": picture, "foundPics": list(pics)}


@pytest.fixture
def three_people(photos: str) -> list[Record]:
    powell = [found(photos, rank, confidence=0.9 - rank / 10, title=f"Powell {rank}") for rank in range(3)]
    return [
        person("Colin_Powell", *powell, picture=f"{photos}/tall.jpg"),
        person("George_W_Bush", found(photos, title="Bush 0")),
        person("Jacques_Chirac"),
    ]


def link_of(page: Page, name: str) -> Locator:
    return page.get_by_role("navigation").get_by_role("link", name=name)


def only_card(visit: Visit, address: Address, pic: Record) -> Locator:
    visit.page.goto(address([person("Ann_Lee", pic)]))
    cards = visit.page.locator(".card")
    expect(cards).to_have_count(1)
    return cards.first


def assert_loaded_without_a_box(visit: Visit, card: Locator) -> None:
    visit.page.locator(".frame img").evaluate("photo => photo.decode()")  # not polled: the page's policy forbids eval
    visit.page.wait_for_load_state("networkidle")
    expect(card.get_by_role("img")).to_be_visible()
    expect(card.locator(".face")).to_have_count(0)


def test_the_sidebar_names_everyone_with_the_number_of_their_matches(
    visit: Visit, address: Address, three_people: list[Record]
) -> None:
    visit.page.goto(address(three_people))
    expect(visit.page.locator("nav .name")).to_have_text(["Colin Powell", "George W Bush", "Jacques Chirac"])
    expect(visit.page.locator("nav .count")).to_have_text(["3", "1", "0"])
    expect(visit.page.locator("#totals")).to_have_text("3 people · 4 matches")


def test_a_person_has_a_profile_picture_or_else_initials(
    visit: Visit, address: Address, photos: str, three_people: list[Record]
) -> None:
    visit.page.goto(address(three_people))
    expect(visit.page.locator("nav img")).to_have_count(1)
    expect(visit.page.locator("nav img")).to_have_attribute("src", f"{photos}/tall.jpg")
    expect(visit.page.locator("nav .avatar").nth(1)).to_have_text("GB")


def test_a_click_on_a_name_shows_that_persons_matches_by_rank(
    visit: Visit, address: Address, three_people: list[Record]
) -> None:
    visit.page.goto(address(three_people))
    link_of(visit.page, "George W Bush").click()
    expect(visit.page.locator("h1")).to_have_text("George W Bush")
    expect(visit.page.locator(".card .title")).to_have_text(["Bush 0"])
    link_of(visit.page, "Colin Powell").click()
    expect(visit.page.locator(".card .title")).to_have_text(["Powell 0", "Powell 1", "Powell 2"])
    expect(visit.page.locator(".card .rank")).to_have_text(["#1", "#2", "#3"])
    expect(visit.page.locator(".card .confidence b")).to_have_text(["90 %", "80 %", "70 %"])
    assert visit.complaints == []


def test_a_match_that_is_not_certain_is_never_shown_as_certain(visit: Visit, address: Address, photos: str) -> None:
    pics = [found(photos, rank, confidence=confidence) for rank, confidence in enumerate([1, 0.99999, 0.29, 0])]
    visit.page.goto(address([person("Ann_Lee", *pics)]))
    expect(visit.page.locator(".confidence b")).to_have_text(["100 %", "99 %", "29 %", "0 %"])


def test_without_a_name_in_the_address_the_first_person_with_matches_is_shown(
    visit: Visit, address: Address, three_people: list[Record]
) -> None:
    visit.page.goto(address(three_people[::-1]))
    expect(visit.page.locator("h1")).to_have_text("George W Bush")


def test_the_location_links_to_that_spot_on_flickrs_map(visit: Visit, address: Address, photos: str) -> None:
    place = only_card(visit, address, found(photos)).get_by_role("link", name="Amsterdam")
    expect(place).to_have_attribute("href", "https://www.flickr.com/map/?fLat=52.37&fLon=4.9&zl=13")


def test_coordinates_at_zero_are_a_place_and_link_even_without_its_name(
    visit: Visit, address: Address, photos: str
) -> None:
    place = only_card(visit, address, found(photos, location=None, latitude=0, longitude=0)).locator(".place")
    expect(place).to_have_text("0.000, 0.000")
    expect(place).to_have_attribute("href", "https://www.flickr.com/map/?fLat=0&fLon=0&zl=13")


def test_a_location_without_coordinates_is_text_alone(visit: Visit, address: Address, photos: str) -> None:
    card = only_card(visit, address, found(photos, latitude=None, longitude=None))
    expect(card.get_by_text("Amsterdam")).to_be_visible()
    expect(card.get_by_role("link", name="Amsterdam")).to_have_count(0)


def test_a_photo_without_a_location_has_no_map_link(visit: Visit, address: Address, photos: str) -> None:
    nowhere: Record = {"location": None, "latitude": None, "longitude": None, "dateTaken": None}
    card = only_card(visit, address, found(photos, **nowhere))
    expect(card.locator(".place, .where")).to_have_count(0)


def test_the_photographer_and_the_licence_are_named_and_linked(visit: Visit, address: Address, photos: str) -> None:
    card = only_card(visit, address, found(photos))
    owner = card.get_by_role("link", name="Ann Photographer")
    expect(owner).to_have_attribute("href", "https://www.flickr.com/people/48600072071@N01/")
    licence = card.get_by_role("link", name="Attribution License")
    expect(licence).to_have_attribute("href", "https://creativecommons.org/licenses/by/2.0/")


def test_missing_credits_are_said_to_be_unknown(visit: Visit, address: Address, photos: str) -> None:
    card = only_card(visit, address, found(photos, ownerName=None, licence=None, licenceURL=None))
    expect(card.locator(".credit")).to_have_text("Photo: 48600072071@N01 · Licence unknown")


def test_a_click_on_a_photo_opens_its_page_in_a_new_tab(visit: Visit, address: Address, photos: str) -> None:
    link = only_card(visit, address, found(photos)).locator("a.photo")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    with visit.context.expect_page() as opened:
        link.click()
    assert opened.value.url == f"{photos}/page.html"
    assert opened.value.evaluate("window.opener") is None


def test_photos_load_lazily_without_a_referrer_and_with_a_text(visit: Visit, address: Address, photos: str) -> None:
    image = only_card(visit, address, found(photos)).get_by_role("img")
    expect(image).to_have_attribute("loading", "lazy")
    expect(image).to_have_attribute("referrerpolicy", "no-referrer")
    expect(image).to_have_attribute("alt", "At the canal, a possible match for Ann Lee")


@pytest.mark.parametrize(("name", "width", "height"), [("wide", 400, 200), ("tall", 200, 400)])
def test_the_box_lies_over_the_face_whatever_the_photos_shape(
    visit: Visit, address: Address, photos: str, name: str, width: int, height: int
) -> None:
    box = [width / 4, height / 4, width / 2, height / 2]
    pic = found(photos, URL=f"{photos}/{name}.jpg", width=width, height=height, box=box)
    card = only_card(visit, address, pic)
    room, photo, face = (card.locator(part).bounding_box() for part in [".photo", ".frame", ".face"])
    assert room
    assert photo
    assert face
    assert photo["width"] <= room["width"] + 1
    assert photo["height"] <= room["height"] + 1
    assert photo["width"] / photo["height"] == pytest.approx(width / height, rel=0.02)
    assert face["x"] - photo["x"] == pytest.approx(photo["width"] / 4, abs=1.5)
    assert face["y"] - photo["y"] == pytest.approx(photo["height"] / 4, abs=1.5)
    assert face["width"] == pytest.approx(photo["width"] / 4, abs=1.5)
    assert face["height"] == pytest.approx(photo["height"] / 4, abs=1.5)


def test_a_box_beyond_the_photo_ends_at_its_edge(visit: Visit, address: Address, photos: str) -> None:
    card = only_card(visit, address, found(photos, box=[-50, -50, 500, 250]))
    assert card.locator(".face").bounding_box() == card.locator(".frame").bounding_box()


@pytest.mark.parametrize("changes", [{"box": None}, {"width": 0}, {"box": [200, 50, 100, 100]}, {"height": None}])
def test_numbers_that_make_no_box_draw_none(visit: Visit, address: Address, photos: str, changes: Record) -> None:
    card = only_card(visit, address, found(photos, **changes))
    assert_loaded_without_a_box(visit, card)
    assert visit.complaints == []


def test_a_photo_of_another_shape_than_the_one_searched_has_no_box(visit: Visit, address: Address, photos: str) -> None:
    card = only_card(visit, address, found(photos, URL=f"{photos}/tall.jpg"))
    assert_loaded_without_a_box(visit, card)


def test_a_photo_that_does_not_load_leaves_a_quiet_text(visit: Visit, address: Address, photos: str) -> None:
    card = only_card(visit, address, found(photos, URL=f"{photos}/gone.jpg"))
    expect(card.get_by_text("Photo not available")).to_be_visible()
    expect(card.locator("img, .face")).to_have_count(0)
    expect(card.locator("a.photo")).to_have_attribute("href", f"{photos}/page.html")


def test_a_profile_picture_that_does_not_load_leaves_the_initials(visit: Visit, address: Address, photos: str) -> None:
    visit.page.goto(address([person("Ann_Lee", picture=f"{photos}/gone.jpg")]))
    expect(visit.page.locator("nav .avatar img")).to_have_count(0)
    expect(visit.page.locator("nav .avatar")).to_have_text("AL")


def test_the_address_names_the_person_and_back_and_forward_follow_it(
    visit: Visit, address: Address, three_people: list[Record]
) -> None:
    page = visit.page
    page.goto(address(three_people) + "#Colin_Powell")
    expect(page.locator("h1")).to_have_text("Colin Powell")
    link_of(page, "George W Bush").click()
    expect(page.locator("nav [aria-current]")).to_have_text(re.compile("George W Bush"))
    assert page.url.endswith("#George_W_Bush")
    assert page.title() == "George W Bush · Face-Join"
    page.go_back()
    expect(page.locator("h1")).to_have_text("Colin Powell")
    expect(page.locator("nav [aria-current]")).to_have_text(re.compile("Colin Powell"))
    page.go_forward()
    expect(page.locator("h1")).to_have_text("George W Bush")


@pytest.mark.parametrize("name", ["José_Saramago", "100%_Ann", "a#b?c&d/e", "محمود_درويش", "__proto__", "matches"])
def test_any_name_can_stand_in_the_address(visit: Visit, address: Address, name: str) -> None:
    visit.page.goto(address([person("Ann_Lee"), person(name)]))
    visit.page.locator("nav a").nth(1).click()
    expect(visit.page.locator("h1")).to_have_text(name.replace("_", " "))
    visit.page.reload()
    expect(visit.page.locator("h1")).to_have_text(name.replace("_", " "))
    assert visit.complaints == []


@pytest.mark.parametrize("broken", ["#Nobody_Known", "#%E0%A4%A", f"#{IMAGE}"])
def test_an_address_of_nobody_says_so(visit: Visit, address: Address, three_people: list[Record], broken: str) -> None:
    visit.page.goto(address(three_people) + broken)
    expect(visit.page.locator("main .empty")).to_contain_text("There is no “")
    expect(visit.page.locator("nav [aria-current], main img")).to_have_count(0)
    assert visit.complaints == []


def test_the_filter_keeps_the_names_that_fit_whatever_their_accents(visit: Visit, address: Address) -> None:
    visit.page.goto(address([person("José_Saramago"), person("Ann_Lee")]))
    names, box = visit.page.locator("nav .name"), visit.page.get_by_role("searchbox", name="Filter names")
    box.fill("jose s")
    expect(names.filter(visible=True)).to_have_text(["José Saramago"])
    box.fill("nobody")
    expect(names.filter(visible=True)).to_have_count(0)
    expect(visit.page.get_by_text("No name fits.")).to_be_visible()
    box.fill("")
    expect(names.filter(visible=True)).to_have_count(2)


def test_the_page_can_be_used_by_keyboard_alone(visit: Visit, address: Address, three_people: list[Record]) -> None:
    page = visit.page
    page.goto(address(three_people))
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Skip to the matches")).to_be_focused()
    for _ in range(3):  # the filter, then the first and the second name
        page.keyboard.press("Tab")
    expect(link_of(page, "George W Bush")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("George W Bush")
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("button", name="Skip to the matches").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("a.photo")).to_be_focused()


def test_a_person_without_matches_says_so(visit: Visit, address: Address, three_people: list[Record]) -> None:
    visit.page.goto(address(three_people) + "#Jacques_Chirac")
    expect(visit.page.get_by_text("No matches above the threshold.")).to_be_visible()


def test_a_site_without_people_says_so(visit: Visit, address: Address) -> None:
    visit.page.goto(address([]))
    expect(visit.page.get_by_text("There is nobody in these results.")).to_be_visible()
    expect(visit.page.locator("#totals")).to_have_text("0 people · 0 matches")
    assert visit.complaints == []


def test_hostile_text_is_shown_as_text_and_runs_nothing(visit: Visit, address: Address, photos: str) -> None:
    text = SCRIPT + IMAGE
    pic = found(
        photos, title=text, ownerName=text, location=text, licence=text, dateTaken=text, owner=f'"><{text}/../..'
    )
    visit.page.goto(address([person(text, pic), person("Ann_Lee")]))
    for place in ["nav .name >> nth=0", "h1", ".title", ".owner", ".place", ".licence", ".date"]:
        expect(visit.page.locator(place)).to_have_text(text)
    owner = visit.page.locator(".owner").get_attribute("href")
    assert owner is not None
    assert re.fullmatch(r"https://www\.flickr\.com/people/[^/<>\"]+/", owner)
    link_of(visit.page, "Ann Lee").click()
    visit.page.locator("nav a").first.click()
    expect(visit.page.locator("h1")).to_have_text(text)
    assert visit.page.evaluate("window.hacked") is None
    assert visit.page.locator("script").count() == 3
    assert visit.complaints == []


@pytest.mark.parametrize(
    "url",
    [HOSTILE_URL, " JavaScript:alert(1)", "java\nscript:alert(1)", f"data:text/html,{SCRIPT}", "//x", "file:///", ""],
)
def test_an_address_that_is_not_of_the_web_is_never_a_link_or_a_picture(
    visit: Visit, address: Address, photos: str, url: str
) -> None:
    pic = found(photos, URL=url, pageURL=url, licenceURL=url)
    visit.page.goto(address([person("Ann_Lee", pic, picture=url)]))
    expect(visit.page.get_by_text("Photo not available")).to_be_visible()
    expect(visit.page.locator("img, a.photo, a.licence")).to_have_count(0)
    visit.page.locator(".photo").click()
    assert visit.page.evaluate("window.hacked") is None
    assert visit.complaints == []


def test_even_markup_that_got_into_the_page_would_run_nothing(visit: Visit, address: Address, tmp_path: Path) -> None:
    page = address([person("Ann_Lee")])
    index = tmp_path / "index.html"
    markup = f"<script>window.hacked=1</script>{IMAGE}<a href='{HOSTILE_URL}'>trap</a><main"
    index.write_text(index.read_text(encoding="utf-8").replace("<main", markup), encoding="utf-8")
    visit.page.goto(page)
    visit.page.get_by_role("link", name="trap").click()
    expect(visit.page.locator("h1")).to_have_text("Ann Lee")
    assert visit.page.evaluate("window.hacked") is None
    assert sum("Content Security Policy" in complaint for complaint in visit.complaints) >= 3


def test_the_page_asks_for_its_own_files_and_the_photos_and_nothing_else(
    visit: Visit, address: Address, photos: str, three_people: list[Record], tmp_path: Path
) -> None:
    index = address(three_people)
    [pictures] = (f"pictures/{folder.name}" for folder in (tmp_path / "pictures").iterdir())
    visit.page.goto(index)
    expect(visit.page.locator(".card")).to_have_count(3)
    visit.page.wait_for_load_state("networkidle")
    own = {index, *(index.replace("index.html", name) for name in ("style.css", "viewer.js", f"{pictures}/0/0.js"))}
    assert set(visit.requests) == own | {f"{photos}/wide.jpg", f"{photos}/tall.jpg"}


@pytest.fixture
def figures() -> list[dict[str, str]]:
    """Of two people, one of them with a name that is markup."""
    found = [("Ann_Lee", 0.9 + n / 100, 0.5 + n / 50) for n in range(9)]
    return [vars(drawing) for drawing in site_figures(tally_of({"Ann_Lee": 3, SCRIPT + IMAGE: 5}, found))]


def test_the_figures_load_when_they_are_opened_each_with_a_text(
    visit: Visit, address: Address, figures: list[dict[str, str]]
) -> None:
    page = visit.page
    index = address([person("Ann_Lee")], figures)
    page.goto(index)
    page.wait_for_load_state("networkidle")
    assert not any(url.endswith(".svg") for url in visit.requests)
    page.get_by_text("Figures", exact=True).click()
    images = page.locator("#figures img")
    expect(images).to_have_count(3)
    for image, figure in zip(images.all(), figures, strict=True):
        expect(image).to_have_attribute("alt", figure["alt"])
        image.evaluate("figure => figure.scrollIntoView()")
        image.evaluate("figure => figure.decode()")
        assert image.evaluate("figure => figure.naturalWidth") > 500
    expect(page.locator("figcaption")).to_have_text([f"{figure['title']} {figure['caption']}" for figure in figures])
    assert {url for url in visit.requests if url.endswith(".svg")} == {
        index.replace("index.html", figure["file"]) for figure in figures
    }
    assert visit.complaints == []
    assert page.evaluate("window.hacked") is None


def test_a_page_without_figures_has_no_place_for_them(visit: Visit, address: Address) -> None:
    visit.page.goto(address([person("Ann_Lee")]))
    expect(visit.page.locator("#figures")).to_be_hidden()


def test_figures_fit_a_narrow_screen(visit: Visit, address: Address, figures: list[dict[str, str]]) -> None:
    visit.page.set_viewport_size({"width": 320, "height": 640})
    visit.page.goto(address([person("Ann_Lee")], figures))
    visit.page.get_by_text("Figures", exact=True).click()
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 320


def test_five_thousand_matches_come_in_pages_and_stay_quick(visit: Visit, address: Address, photos: str) -> None:
    pics = [found(photos, rank, title=f"Photo {rank}") for rank in range(5_000)]
    page = visit.page
    page.goto(address([person("Ann_Lee", *pics), person("Bob_Ray")]))
    expect(page.locator(".card")).to_have_count(60)
    expect(page.locator("main header")).to_contain_text("5,000 matches")
    more = page.get_by_role("button", name="Show 60 more of 4,940")
    more.click()
    expect(page.locator(".card")).to_have_count(120)
    expect(page.locator(".card").nth(60).locator("a.photo")).to_be_focused()
    milliseconds = page.evaluate(
        """async () => {
            const goTo = (name) => new Promise((done) => {
                window.addEventListener('hashchange', done, { once: true });  // called after the page's own listener
                location.hash = name;
            });
            await goTo('Bob_Ray');
            const start = performance.now();
            await goTo('Ann_Lee');
            return performance.now() - start;
        }"""
    )
    expect(page.locator(".card")).to_have_count(60)
    assert milliseconds < 1_000
    assert visit.complaints == []


def test_pictures_load_file_by_file_as_they_are_wanted(visit: Visit, address: Address, photos: str) -> None:
    page = visit.page
    page.goto(address([person("Ann_Lee", *(found(photos, rank) for rank in range(PICTURES + 1))), person("Bob_Ray")]))
    more = page.get_by_role("button", name=re.compile("Show"))
    for shown in range(60, PICTURES, 60):
        expect(page.locator(".card")).to_have_count(shown)
        assert [url[-6:] for url in visit.requests if "/pictures/" in url] == ["0/0.js"]
        more.click()
    expect(page.locator(".card .rank").last).to_have_text(f"#{PICTURES + 1}")
    assert [url[-6:] for url in visit.requests if "/pictures/" in url] == ["0/0.js", "0/1.js"]
    assert visit.complaints == []


def test_pictures_that_are_gone_are_said_to_be_and_can_be_asked_for_again(
    visit: Visit, address: Address, photos: str, tmp_path: Path
) -> None:
    index = address([person("Ann_Lee", found(photos))])
    [file] = tmp_path.glob("pictures/*/0/0.js")
    file.rename(tmp_path / "elsewhere")
    visit.page.goto(index)
    expect(visit.page.get_by_role("alert")).to_contain_text("These matches cannot be loaded.")
    (tmp_path / "elsewhere").rename(file)
    visit.page.get_by_role("button", name="Show 1 more of 1").click()
    expect(visit.page.locator(".card")).to_have_count(1)
    expect(visit.page.get_by_role("alert")).to_be_hidden()


def test_who_is_left_meanwhile_shows_nothing_on_anothers_page(
    visit: Visit, address: Address, three_people: list[Record]
) -> None:
    visit.page.goto(address(three_people) + "#Jacques_Chirac")
    visit.page.evaluate("() => { location.hash = 'Colin_Powell'; location.hash = 'George_W_Bush'; }")
    expect(visit.page.locator(".card .title")).to_have_text(["Bush 0"])
    visit.page.wait_for_load_state("networkidle")
    expect(visit.page.locator(".card .title")).to_have_text(["Bush 0"])


def test_a_warning_stands_on_the_persons_page_as_text(visit: Visit, photos: str, tmp_path: Path) -> None:
    [ann] = as_people([person("Ann_Lee", found(photos))], warning=f"Ann has 90 % {IMAGE}")
    visit.page.goto(write_site(tmp_path, [ann], []).as_uri())
    expect(visit.page.locator(".warning")).to_have_text(f"Ann has 90 % {IMAGE}")
    assert visit.page.evaluate("window.hacked") is None


def test_the_page_adds_no_script_but_its_pictures(visit: Visit, address: Address) -> None:
    visit.page.goto(address([person("Ann_Lee")]))
    for source in ("'viewer.js'", "'data:text/javascript,window.hacked=1'"):
        assign = f"document.createElement('script').src = {source}"
        assert visit.page.evaluate(f"() => {{ try {{ {assign} }} catch (e) {{ return e.name; }} }}") == "TypeError"
    made = visit.page.evaluate("() => { try { trustedTypes.createPolicy('x', {}); } catch (e) { return e.name; } }")
    assert made == "TypeError"


def test_the_more_button_goes_when_everything_is_shown(visit: Visit, address: Address, photos: str) -> None:
    visit.page.goto(address([person("Ann_Lee", *(found(photos, rank) for rank in range(61)))]))
    visit.page.get_by_role("button", name="Show 1 more of 1").click()
    expect(visit.page.locator(".card")).to_have_count(61)
    expect(visit.page.get_by_role("button", name=re.compile("Show"))).to_have_count(0)


def test_a_narrow_screen_needs_no_sideways_scrolling(
    visit: Visit, address: Address, photos: str, three_people: list[Record]
) -> None:
    unbroken = found(photos, title="W" * 300, ownerName="W" * 300, location="W" * 300)
    visit.page.set_viewport_size({"width": 320, "height": 640})
    visit.page.goto(address([person("W" * 120, unbroken), *three_people]))
    expect(visit.page.locator(".card")).to_have_count(1)
    assert visit.page.evaluate("document.documentElement.scrollWidth") <= 320
