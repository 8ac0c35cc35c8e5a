"use strict";
// The results page. Text from the photos' metadata becomes text nodes only, and addresses pass webAddress() first.
{
  const CARDS_AT_ONCE = 60;
  const byId = (id) => document.getElementById(id);
  const { folder, people = [] } = JSON.parse(byId("results").textContent);
  const arrived = new Map(); // key of a file of pictures → what its script has handed over
  const links = new Map(); // name → its link in the sidebar

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children.filter((child) => child !== null)); // strings become text nodes
    return made;
  };
  const shown = (name) => name.replaceAll("_", " ");
  const plural = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
  const folded = (text) => shown(text).normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

  /** The address if it is absolute http: or https:, else null (javascript:, data:, relative, nonsense). */
  const webAddress = (text) => {
    try {
      const url = new URL(text);
      return ["http:", "https:"].includes(url.protocol) ? url.href : null;
    } catch {
      return null;
    }
  };

  /** Text of unknown direction, as a link to `address` in a new tab where that is a web address. */
  const maybeLink = (text, address, className = "") => {
    const href = webAddress(address);
    if (href === null) return element("span", { className, dir: "auto" }, text);
    return element("a", { className, dir: "auto", href, target: "_blank", rel: "noopener noreferrer" }, text);
  };

  /** A photo that calls `failed` if it cannot be shown; null where there is no web address to load it from. */
  const photo = (address, alt, failed) => {
    const src = webAddress(address);
    if (src === null) return null;
    const image = element("img", { alt, loading: "lazy", decoding: "async", referrerPolicy: "no-referrer" });
    image.addEventListener("error", failed);
    image.src = src; // last, so that loading="lazy" and the referrer policy already hold
    return image;
  };

  /** The only scripts that the page adds to itself, as its Content-Security-Policy wants it: its own pictures'. */
  const scripts = window.trustedTypes?.createPolicy("pictures", {
    createScriptURL: (path) => {
      if (!/^pictures\/[0-9a-f]+\/\d+\/\d+\.js$/.test(path)) throw new TypeError(`no file of pictures: ${path}`);
      return path;
    },
  });

  window.facejoinPictures = (key, pics) => arrived.set(key, pics); // which every such file calls

  /** The pictures of one file. A script, for a page opened as a file may fetch nothing. */
  const loadPictures = (key) => new Promise((resolve, reject) => {
    const path = `${folder}/${key}.js`;
    const script = element("script", { src: scripts ? scripts.createScriptURL(path) : path });
    script.addEventListener("error", () => reject(new Error(`${path} is missing`)));
    script.addEventListener("load", () => {
      const pics = arrived.get(key);
      arrived.delete(key);
      if (pics?.length > 0) resolve(pics);
      else reject(new Error(`${path} holds no pictures`));
    });
    document.head.append(script);
    script.remove(); // it loads all the same
  });

  const percent = (share) => `${share < 1 ? Math.min(Math.round(share * 100), 99) : 100} %`; // 100 % only if certain

  const avatar = (person) => {
    const words = shown(person.name).split(/\s+/).filter(Boolean);
    const initials = [words.at(0), words.length > 1 ? words.at(-1) : ""].map((word) => Array.from(word ?? "")[0] ?? "");
    const image = photo(person.profilePic, "", () => image.remove());
    return element("span", { className: "avatar", ariaHidden: "true" }, initials.join("").toUpperCase(), image);
  };

  /** The face's box over its photo, in percent of the photo; null where the numbers make no box. */
  const faceBox = ({ box, width, height }) => {
    if (!(width > 0 && height > 0 && Array.isArray(box) && box.length === 4 && box.every(Number.isFinite))) return null;
    const within = (share) => Math.min(Math.max(share * 100, 0), 100);
    const [left, top, right, bottom] = box.map((pixels, i) => within(pixels / (i % 2 ? height : width)));
    if (right <= left || bottom <= top) return null;
    const made = element("span", { className: "face", ariaHidden: "true" });
    const edges = { left, top, right: 100 - right, bottom: 100 - bottom };
    for (const [edge, share] of Object.entries(edges)) made.style.setProperty(edge, `${share}%`);
    return made;
  };

  const pictureOf = (pic, person) => {
    const ratio = pic.width > 0 && pic.height > 0 ? pic.width / pic.height : 4 / 3;
    const frame = element("span", { className: "frame" });
    frame.style.setProperty("--ratio", ratio);
    const unavailable = () => {
      frame.replaceChildren(element("span", { className: "unavailable" }, "Photo not available"));
    };
    const image = photo(pic.URL, `${pic.title || "Photo"}, a possible match for ${shown(person.name)}`, unavailable);
    if (image === null) unavailable();
    else frame.append(image);
    image?.addEventListener("load", () => {
      // Another shape means another picture than the one searched, such as a host's "no longer available".
      const changed = Math.abs(image.naturalWidth / image.naturalHeight / ratio - 1) > 0.03;
      const box = changed ? null : faceBox(pic);
      if (box) frame.append(box);
    });
    const link = maybeLink("", pic.pageURL, "photo");
    link.title = link.href ? "Open the photo’s page" : "";
    link.replaceChildren(frame);
    return link;
  };

  const placeOf = ({ location, latitude, longitude }) => {
    const placed = Number.isFinite(latitude) && Number.isFinite(longitude);
    if (!placed) return location ? maybeLink(location, null, "place") : null;
    const map = `https://www.flickr.com/map/?fLat=${latitude}&fLon=${longitude}&zl=13`;
    return maybeLink(location || `${latitude.toFixed(3)}, ${longitude.toFixed(3)}`, map, "place");
  };

  const creditOf = ({ owner, ownerName, licence, licenceURL }) => {
    const profile = owner ? `https://www.flickr.com/people/${encodeURIComponent(owner).replaceAll("%40", "@")}/` : null;
    const photographer = maybeLink(ownerName || owner || "unknown", profile, "owner");
    const terms = licence || licenceURL ? maybeLink(licence || "Licence", licenceURL, "licence") : "Licence unknown";
    return element("p", { className: "credit" }, "Photo: ", photographer, " · ", terms);
  };

  const card = (pic, person) => {
    const bar = element("span", { className: "bar", ariaHidden: "true" }, element("span"));
    bar.firstChild.style.width = `${pic.confidence * 100}%`;
    const similarity = Number.isFinite(pic.similarity) ? `Similarity ${pic.similarity.toFixed(2)}` : "";
    const score = element("p", { className: "score", title: similarity },
      element("span", { className: "rank" }, `#${pic.rank + 1}`), bar,
      element("span", { className: "confidence" }, element("b", {}, percent(pic.confidence)), " confidence"));
    const where = [placeOf(pic), pic.dateTaken ? element("span", { className: "date" }, pic.dateTaken) : null];
    return element("li", { className: "card" }, pictureOf(pic, person), element("div", { className: "facts" }, score,
      pic.title ? element("p", { className: "title", dir: "auto", title: pic.title }, pic.title) : null,
      where.some(Boolean) ? element("p", { className: "where" }, ...where) : null, creditOf(pic)));
  };

  /** The ranked cards, CARDS_AT_ONCE of them and a button for more: millions stay usable. */
  const cardList = (person) => {
    const pics = []; // of the files that are here
    let files = 0;
    let loading = false;
    const list = element("ol", { className: "cards" });
    const more = element("button", { type: "button", className: "more" });
    const failed = element("p", { className: "empty", role: "alert", hidden: true },
      "These matches cannot be loaded. If the results were published again meanwhile, reload the page.");
    const load = async (count) => {
      while (pics.length < count) {
        pics.push(...await loadPictures(`${people.indexOf(person)}/${files}`));
        files += 1;
      }
    };
    const showNext = async () => {
      if (loading) return;
      const from = list.children.length;
      const to = Math.min(from + CARDS_AT_ONCE, person.matches);
      loading = true;
      failed.hidden = await load(to).then(() => true, () => false);
      loading = false;
      if (failed.hidden) list.append(...pics.slice(from, to).map((pic) => card(pic, person)));
      const left = person.matches - list.children.length;
      more.textContent = `Show ${Math.min(left, CARDS_AT_ONCE)} more of ${left.toLocaleString("en")}`;
      more.hidden = left === 0;
      if (from > 0) list.children[from]?.querySelector("a")?.focus({ preventScroll: true });
    };
    more.hidden = true; // until it is known what is left
    more.addEventListener("click", showNext);
    showNext();
    return [list, failed, more];
  };

  /** Figures are drawn by publish, and load when the section is first opened. */
  const figureOf = ({ file, title, alt, caption }) => element("figure", {},
    element("figcaption", {}, element("b", {}, title), ` ${caption}`),
    element("img", { loading: "lazy", alt, src: file }));

  const personPage = (person) => {
    const summary = person.matches === 0 ? "" : `${plural(person.matches, "match", "matches")}, ` +
      `ranked by confidence · ${person.placed.toLocaleString("en")} with a place`;
    const heading = element("header", {}, avatar(person), element("div", {},
      element("h1", { dir: "auto" }, shown(person.name)), element("p", { ariaLive: "polite" }, summary)));
    const warning = person.warning ? [element("p", { className: "warning", dir: "auto" }, person.warning)] : [];
    if (person.matches > 0) return [heading, ...warning, ...cardList(person)];
    return [heading, element("p", { className: "empty" }, "No matches above the threshold.")];
  };

  /** The name in the address, null where there is none. */
  const nameInAddress = () => {
    try {
      return decodeURIComponent(location.hash.slice(1)) || null;
    } catch {
      return location.hash.slice(1); // not percent-encoded: taken as it stands
    }
  };

  const show = () => {
    const wanted = nameInAddress();
    const person = wanted === null
      ? people.find(({ matches }) => matches > 0) ?? people[0]
      : people.find(({ name }) => name === wanted);
    for (const [name, link] of links) link.ariaCurrent = name === person?.name ? "true" : null;
    links.get(person?.name)?.scrollIntoView({ block: "nearest" });
    document.title = person ? `${shown(person.name)} · Face-Join` : "Face-Join";
    const nothing = `There is ${wanted === null ? "nobody" : `no “${shown(wanted)}”`} in these results.`;
    byId("matches").replaceChildren(...(person ? personPage(person) : [element("p", { className: "empty" }, nothing)]));
    window.scrollTo(0, 0);
  };

  for (const person of people) {
    const link = element("a", { href: `#${encodeURIComponent(person.name)}` }, avatar(person),
      element("span", { className: "name", dir: "auto" }, shown(person.name)),
      element("span", { className: "count", title: plural(person.matches, "match", "matches") },
        person.matches.toLocaleString("en")));
    links.set(person.name, link);
    byId("people").append(element("li", {}, link));
  }
  const total = people.reduce((sum, { matches }) => sum + matches, 0);
  byId("totals").textContent = `${plural(people.length, "person", "people")} · ${plural(total, "match", "matches")}`;
  byId("filter").addEventListener("input", ({ target }) => {
    for (const [name, link] of links) link.parentElement.hidden = !folded(name).includes(folded(target.value.trim()));
    byId("nobody").hidden = [...links.values()].some((link) => !link.parentElement.hidden);
  });
  const drawn = JSON.parse(byId("drawn").textContent);
  byId("figures").append(...drawn.map(figureOf));
  byId("figures").hidden = drawn.length === 0;
  byId("skip").addEventListener("click", () => byId("matches").focus());
  window.addEventListener("hashchange", show);
  show();
}
