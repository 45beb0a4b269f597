"""The dashboard in a real browser: what it shows, that it stays true without a reload, and that nothing breaks it."""
import json
import re
import time
import urllib.error
import urllib.request

import pytest
from conftest import get, look, violations, wait_until
from selenium.webdriver.common.by import By

HOSTILE = "<script>document.title='owned'</script>\"'><img src=x onerror=alert(1)>&amp; שלום 😀"

CHAT = """
[service]
id = "chat"
title = "Campus chat"
owner = "im-team@campus.example"
about = "People see their buddy list within eight seconds."
definition = "https://intranet.campus.example/chat"
tags = { lob = "medical", tier = "gold" }

[[objective]]
id = "sign-in"
title = "Sign-in"
level = "A2"
budget = "50 min per week"
targets = { need = "any" }

[[probe]]
id = "sign-in"
level = "A2"
layer = "session"
targets = ["im1", "im2"]
from = ["noc"]
every = "60s"
timeout = "20s"
[[probe.step]]
do = "tcp.connect"
port = 5222

[[objective]]
id = "list"
title = "Buddy list"
level = "A3"
budget = "60 min per week"

[[probe]]
id = "list"
level = "A3"
from = ["noc"]
every = "60s"
timeout = "20s"
[[probe.step]]
do = "tcp.connect"
host = "im1"
port = 5222
within = "2s"
"""

# Nobody measures it; one is closed; one is under planned work: the remaining lights.
OTHERS = {
    "backup": ('title = "Backup"', ""),
    "archive": ('title = "Archive"', '[window]\ntimezone = "UTC"\nclosed = [{today}]\nopen = ["daily 00:00-24:00"]'),
    "library": ('title = "Library"', '[window]\ntimezone = "UTC"\n[[window.maintenance]]\nfrom = {yesterday}T00:00:00\n'
                                     'to = {tomorrow}T23:00:00\nwhy = "new server"\nannounced = {before}T00:00:00'),
    "hostile": (f"title = {json.dumps(HOSTILE, ensure_ascii=False)}\n"
                f"about = {json.dumps(HOSTILE, ensure_ascii=False)}\n"
                f"tags = {{ team = {json.dumps(HOSTILE, ensure_ascii=False)} }}", ""),
}


def day(shift):
    return time.strftime("%Y-%m-%d", time.gmtime(time.time() + shift * 86400))


def other(name):
    head, window = OTHERS[name]
    window = window.format(today=", ".join(f'"{day(d)}"' for d in (-1, 0, 1)), yesterday=day(-1), tomorrow=day(1),
                           before=day(-3))
    return f"""
[service]
id = "{name}"
{head}
{window}
[[objective]]
id = "works"
level = "A2"
budget = "30 min per week"
[[probe]]
id = "works"
level = "A2"
from = ["noc"]
every = "60s"
timeout = "20s"
[[probe.step]]
do = "tcp.connect"
host = "server"
port = 22
"""


class Dashboard:
    """A reporter with definitions, and a prober of ours: the test posts what it wants the reporter to believe."""

    def __init__(self, site):
        self.site = site
        self.url = site.url
        site.add_location("noc")
        site.define("chat", CHAT)
        for name in OTHERS:
            site.define(name, other(name))
        self.process = site.start_reporter()
        self.sent = 0

    def post(self, service, probe, verdict="OK", target="", ago=0, response_ms=30, reason=""):
        at = int((time.time() - ago) * 1e6) + self.sent
        self.sent += 1
        result = dict(service=service, probe=probe, target=target, location="noc", intended_us=at, started_us=at,
                      every_us=60_000_000, length_us=response_ms * 1000, response_us=response_ms * 1000, verdict=verdict,
                      reason=reason)
        body = json.dumps(dict(prober="noc-1", location="noc", results=[result])).encode()
        request = urllib.request.Request(self.url + "/api/v1/results", body, {
            "Content-Type": "application/json", "Authorization": "Bearer token-of-noc-0123456789"})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                assert answer.status == 200
        except urllib.error.HTTPError as error:
            pytest.fail(f"the reporter refused a result: {error.code} {error.read().decode()}")

    def history(self):
        """Half an hour in which everything worked."""
        for ago in range(1800, 0, -60):
            for target in ("im1", "im2"):
                self.post("chat", "sign-in", target=target, ago=ago)
            self.post("chat", "list", ago=ago)
            self.post("hostile", "works", ago=ago)

    def break_sign_in(self, reason="connection to im1:5222 refused: nothing listens there"):
        for target in ("im1", "im2"):
            self.post("chat", "sign-in", "FAILED", target=target, reason=reason)

    def light(self, service, objective):
        status = json.loads(get(self.url + "/api/v1/status")[1])
        chosen = next(s for s in status["services"] if s["id"] == service)
        return next(o for o in chosen["objectives"] if o["id"] == objective)["light"]["word"]


@pytest.fixture
def dashboard(site):
    board = Dashboard(site)
    board.history()
    wait_until(lambda: board.light("chat", "sign-in") == "up", 20, "the reporter shows what was posted")
    return board


def noisy(test):
    """Marks a test after which the console may hold what the browser itself complains about."""
    test.noisy = True
    return test


@pytest.fixture
def browser(request, chromium, dashboard):
    """The browser, with nothing on its console when the test ends and the reporter still runs."""
    yield chromium
    loud = [entry for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")]
    chromium.get("about:blank")
    chromium.get_log("browser")
    if not getattr(request.function, "noisy", False):
        assert loud == []


def row(driver, service, objective):
    return driver.find_element(By.CSS_SELECTOR, f'.service[data-key="{service}"] tr[data-key="{objective}"]')


def word(driver, service, objective):
    return driver.execute_script(
        "const e = document.querySelector(arguments[0]); return e ? e.textContent : ''",
        f'.service[data-key="{service}"] tr[data-key="{objective}"] .word')


def test_each_light_has_its_word_its_shape_and_its_level(dashboard, browser):
    look(browser)
    dashboard.post("chat", "list", "SLOW", response_ms=4200, reason="took 4.2 s, 2 s were promised")
    dashboard.break_sign_in()
    wait_until(lambda: dashboard.light("chat", "list") == "slow", 20, "the list is slow")
    browser.get(dashboard.url + "/")
    expected = {("chat", "sign-in"): ("down", "red"), ("chat", "list"): ("slow", "amber"),
                ("backup", "works"): ("no data", "grey"), ("archive", "works"): ("closed", "hollow"),
                ("library", "works"): ("planned work", "blue"), ("hostile", "works"): ("up", "green")}
    shapes = set()
    for (service, objective), (said, colour) in expected.items():
        cell = row(browser, service, objective)
        assert cell.find_element(By.CSS_SELECTOR, ".word").text == said
        icon = cell.find_element(By.CSS_SELECTOR, f".icon-{colour}")
        shapes.add(re.sub(r"<svg[^>]*>", "", icon.get_attribute("outerHTML")))
    assert len(shapes) == 6, "two lights have the same shape"
    text = row(browser, "chat", "sign-in").text
    assert "A2 · a user can log in" in text
    assert "connection to im1:5222 refused: nothing listens there" in text
    assert "Campus chat is down" in browser.find_element(By.TAG_NAME, "h1").text
    promised = browser.find_element(By.CSS_SELECTOR, '.service[data-key="chat"] .facts a')
    assert promised.get_attribute("href") == "https://intranet.campus.example/chat"


def test_the_page_follows_new_results_without_a_reload_and_keeps_scroll_and_focus(dashboard, browser):
    look(browser, width=500)
    browser.get(dashboard.url + "/")
    assert word(browser, "chat", "sign-in") == "up"
    wait_until(lambda: "Live" in browser.find_element(By.ID, "connection").text, 20, "the page is live")
    browser.execute_script("window.stayed = true; scrollTo(0, 300);"
                           "document.querySelector('.service[data-key=library] h2 a').focus({preventScroll: true})")
    before = browser.execute_script("return scrollY")
    dashboard.break_sign_in()
    wait_until(lambda: word(browser, "chat", "sign-in") == "down", 20, "the light turns red by itself")
    assert browser.execute_script("return window.stayed") is True
    assert browser.execute_script("return document.activeElement.textContent") == "Library"
    assert before > 0
    assert "Campus chat is down" in browser.title
    for target in ("im1", "im2"):
        dashboard.post("chat", "sign-in", target=target)
    wait_until(lambda: word(browser, "chat", "sign-in") == "up", 20, "and green again")
    assert browser.execute_script("return window.stayed") is True


@noisy  # the browser itself writes to the console that the connection was refused
def test_a_page_says_when_it_is_no_longer_live(dashboard, browser):
    look(browser)
    browser.get(dashboard.url + "/")
    line = browser.find_element(By.ID, "connection")
    wait_until(lambda: line.text.startswith("Live, as of "), 20, "the page is live")
    dashboard.process.kill()
    wait_until(lambda: line.text.startswith("Not live since "), 20, "the page says that it is not")
    dashboard.site.start_reporter()
    wait_until(lambda: line.text.startswith("Live, as of "), 30, "the page is live again by itself")


PAGES = ["/", "/services/chat", "/services/chat?range=day", "/services/hostile", "/services/library", "/report",
         "/services/none", "/nowhere"]


@noisy  # a page that is a 404 is written to the console by the browser
@pytest.mark.parametrize("width", [360, 768, 1600])
def test_no_page_is_wider_than_its_window(dashboard, browser, width):
    look(browser, width)
    dashboard.break_sign_in(HOSTILE * 4)
    wait_until(lambda: dashboard.light("chat", "sign-in") == "down", 20, "sign-in is down")
    for path in PAGES:
        browser.get(dashboard.url + path)
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{path} is {wide} pixels wide in a window of {width}"


def test_a_wall_screen_shows_services_beside_each_other(dashboard, browser):
    for width, columns in ((1280, 1), (1920, 2)):
        look(browser, width)
        browser.get(dashboard.url + "/")
        lefts = browser.execute_script(
            "return [...document.querySelectorAll('.service')].map(s => Math.round(s.getBoundingClientRect().left))")
        assert len(set(lefts)) == columns, width


def test_names_from_outside_are_text_on_every_page(dashboard, browser):
    look(browser)
    dashboard.post("hostile", "works", "FAILED", reason=HOSTILE)
    wait_until(lambda: dashboard.light("hostile", "works") == "down", 20, "the hostile one is down")
    for path in ("/", "/services/hostile", "/report"):
        browser.get(dashboard.url + path)
        assert browser.title != "owned"
        assert browser.find_elements(By.TAG_NAME, "img") == []
        assert browser.execute_script("return [...document.scripts].filter(s => !s.src).length") == 0
        shown = browser.execute_script("return document.querySelector('main').textContent")
        assert HOSTILE in shown


CONTRAST = r"""
const parse = (c) => { const m = c.match(/[\d.]+/g).map(Number); return {r: m[0], g: m[1], b: m[2], a: m[3] ?? 1}; };
const lum = ({r, g, b}) => { const f = (v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; };
    return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
const bad = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
let seen = 0;
while (walker.nextNode()) {
    const node = walker.currentNode, e = node.parentElement;
    if (!node.data.trim() || e.closest('.hidden, .skip, noscript, script, style, title')) continue;
    const box = e.getBoundingClientRect();
    if (!box.width || !box.height) continue;
    let ground = null;
    for (let up = e; up && !ground; up = up.parentElement) {
        const c = parse(getComputedStyle(up).backgroundColor);
        if (c.a === 1) ground = c;
    }
    const style = getComputedStyle(e);
    const ink = parse(e instanceof SVGElement ? style.fill : style.color);
    const [x, y] = [lum(ink), lum(ground)].sort((a, b) => b - a);
    const ratio = (x + .05) / (y + .05);
    const size = parseFloat(style.fontSize), large = size >= 24 || (size >= 18.66 && +style.fontWeight >= 700);
    ++seen;
    if (ratio < (large ? 3 : 4.5)) bad.push(`${ratio.toFixed(2)}: ${node.data.trim().slice(0, 40)} <${e.className}>`);
}
return {seen, bad};
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_text_has_enough_contrast(dashboard, browser, dark):
    """WCAG 2.1, 1.4.3 (AA): 4.5 to 1, 3 to 1 for large text."""
    dashboard.post("chat", "list", "SLOW", response_ms=4200, reason="took 4.2 s")
    dashboard.break_sign_in()
    wait_until(lambda: dashboard.light("chat", "sign-in") == "down", 20, "sign-in is down")
    grounds = set()
    for path in ("/", "/services/chat", "/report"):
        look(browser, dark=dark)
        browser.get(dashboard.url + path)
        result = browser.execute_script(CONTRAST)
        assert result["seen"] > 20
        assert result["bad"] == [], path
        grounds.add(browser.execute_script("return getComputedStyle(document.body).backgroundColor"))
    assert grounds == {"rgb(20, 23, 28)" if dark else "rgb(255, 255, 255)"}


@noisy  # a page that is a 404 is written to the console by the browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_on_any_page(dashboard, browser, axe, dark):
    """WCAG 2.1, levels A and AA, by axe-core."""
    dashboard.post("chat", "list", "SLOW", response_ms=4200, reason="took 4.2 s")
    dashboard.break_sign_in()
    wait_until(lambda: dashboard.light("chat", "sign-in") == "down", 20, "sign-in is down")
    bad = []
    for path in PAGES:
        for width in (390, 1280):
            look(browser, width, dark)
            browser.get(dashboard.url + path)
            bad += [f"{path} at {width}: {one}" for one in violations(browser, axe)]
    assert bad == []


def test_a_page_is_usable_by_keyboard_and_screen_reader(dashboard, browser):
    look(browser)
    for path in ("/", "/services/chat", "/report"):
        browser.get(dashboard.url + path)
        assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
        assert len(browser.find_elements(By.TAG_NAME, "h1")) == 1
        assert len(browser.find_elements(By.TAG_NAME, "main")) == 1
        for table in browser.find_elements(By.TAG_NAME, "table"):
            heads = table.find_elements(By.CSS_SELECTOR, "thead th[scope=col]")
            assert heads and all(head.get_attribute("textContent") for head in heads), path
        unnamed = browser.execute_script(
            "return [...document.querySelectorAll('svg:not([aria-hidden]):not(svg svg)')]"
            ".filter(s => !s.getAttribute('aria-label')).length")
        assert unnamed == 0
        ids = browser.execute_script("return [...document.querySelectorAll('[id]')].map(e => e.id)")
        assert len(ids) == len(set(ids))
    browser.get(dashboard.url + "/")
    reached = set()
    for _ in range(40):
        browser.switch_to.active_element.send_keys("\ue004")  # Tab
        active = browser.switch_to.active_element
        reached.add(active.get_attribute("href"))
        outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
        assert active.tag_name == "body" or outline != "none"
    assert dashboard.url + "/services/chat" in reached


def test_a_service_has_its_matrix_strip_outages_and_pictures(dashboard, browser):
    look(browser)
    dashboard.break_sign_in()
    wait_until(lambda: dashboard.light("chat", "sign-in") == "down", 20, "sign-in is down")
    browser.get(dashboard.url + "/services/chat")
    assert "People see their buddy list within eight seconds." in browser.find_element(By.TAG_NAME, "main").text
    matrix = browser.find_element(By.CSS_SELECTOR, ".matrix")
    heads = [head.text.split("\n")[0] for head in matrix.find_elements(By.CSS_SELECTOR, "thead th")]
    assert [head[:2] for head in heads[1:]] == ["A0", "A1", "A2", "A3", "A4"]
    session = next(r for r in matrix.find_elements(By.CSS_SELECTOR, "tbody tr") if r.text.startswith("session"))
    assert "down" in session.find_elements(By.TAG_NAME, "td")[2].text
    assert session.find_elements(By.TAG_NAME, "td")[0].text == "nothing covers this yet"
    pictures = browser.find_elements(By.CSS_SELECTOR, ".picture")
    assert [p.find_element(By.TAG_NAME, "strong").text for p in pictures] == \
        ["im1 from noc", "im2 from noc", "from noc"]
    assert len(pictures[0].find_elements(By.CSS_SELECTOR, ".failed")) == 1
    assert len(pictures[0].find_elements(By.CSS_SELECTOR, ".dot")) >= 25
    outages = browser.find_element(By.CSS_SELECTOR, '.objective[data-key="sign-in"] .outages').text
    assert "Connection to im1:5222 refused: nothing listens there" in outages


def test_pages_work_without_script(dashboard, browser):
    look(browser)
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", dict(value=True))
    try:
        browser.get(dashboard.url + "/")
        source = browser.page_source
        assert "Campus chat" in source and "As of " in source
        assert re.search(r'<noscript><meta http-equiv="refresh" content="\d+"', source)
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", dict(value=False))


def test_nothing_inline_may_run_and_nothing_comes_from_elsewhere(dashboard):
    for path in ("/", "/services/chat", "/report"):
        with urllib.request.urlopen(dashboard.url + path, timeout=10) as answer:
            policy = answer.headers["Content-Security-Policy"]
            text = answer.read().decode()
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy
        for address in re.findall(r'(?:src|href)="([^"]+)"', text):
            inside = address.startswith(("/", "#", "?"))
            assert inside or address == "https://intranet.campus.example/chat", address


def test_json_lies_behind_every_page_and_leads_on(dashboard):
    def read(path):
        status, text = get(dashboard.url + path)
        assert status == 200, text
        return json.loads(text)

    status = read("/api/v1/status")
    chat = next(s for s in status["services"] if s["id"] == "chat")
    service = read(chat["links"]["self"])
    assert service["matrix"][0]["layer"] == "end-to-end"
    listed = read(service["links"]["series"])["series"]
    assert len(listed) == 3
    runs = read(listed[0]["links"]["runs"])["runs"]
    assert len(runs) >= 25 and runs[0]["verdict"] == "ok"
    report = read("/api/v1/report")
    for part in report["services"]:
        for objective in part["objectives"]:
            minutes = dict(objective["minutes"])
            period = minutes.pop("period")
            assert sum(minutes.values()) == pytest.approx(period, abs=1e-6)
    assert get(dashboard.url + "/api/v1/services/none")[0] == 404
    status, text = get(dashboard.url + "/api/v1/nowhere")
    assert status == 404 and json.loads(text)["error"] == "There is nothing at this address."
    status, text = get(dashboard.url + "/nowhere")
    assert status == 404 and 'href="/"' in text
    assert get(dashboard.url + "/report?week=nonsense")[0] == 400


def test_the_report_prints_on_a4_without_loss(dashboard, browser, tmp_path):
    look(browser)
    browser.get(dashboard.url + "/report")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dict(media="print"))
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", dict(
        width=688, height=1009, deviceScaleFactor=1, mobile=False))  # A4 less the margins, at 96 dpi
    cut = browser.execute_script("""
        const limit = document.documentElement.clientWidth + 1;
        return [...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > limit)
            .map(e => e.tagName + ' ' + e.className)""")
    assert cut == []
    assert browser.execute_script("return getComputedStyle(document.querySelector('nav')).display") == "none"
    look(browser)
