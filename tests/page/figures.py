"""Measures the local page in a real browser (`make page-figures`), and takes the pictures of README (`make screenshots`).

Figures are of this machine: compare them within one run. With a folder as the argument it writes the pictures there instead.
"""

import html
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys

from playwright.sync_api import sync_playwright

import browser
from server import HANDOFF, ROOT, Serve, handoff

RUNS = 15

# From the request to the first paint of the view, in ms.
FIRST_VIEW = """() => new Promise((done) => {
  const painted = (list) => list.getEntriesByName("first-contentful-paint").forEach((one) => done(one.startTime));
  new PerformanceObserver(painted).observe({type: "paint", buffered: true});
})"""
# From a keystroke to the table that follows from it, in ms.
KEYSTROKE = """() => new Promise((done) => {
  const body = document.getElementById("body-text"), result = document.getElementById("result");
  const began = performance.now();
  new MutationObserver((_, watching) => {
    watching.disconnect();
    requestAnimationFrame(() => done(performance.now() - began));
  }).observe(result, {childList: true});
  body.value += " ";
  body.dispatchEvent(new Event("input", {bubbles: true}));
})"""
# The longest frame while the list is scrolled to its end, in ms.
SCROLL = """() => new Promise((done) => {
  let last = performance.now(), longest = 0, frames = 0;
  const step = () => {
    const now = performance.now();
    // The first frame has the whole of the work of the load before it.
    if (frames > 1) longest = Math.max(longest, now - last);
    last = now;
    scrollBy(0, 400);
    if (++frames < 120) requestAnimationFrame(step); else done(longest);
  };
  requestAnimationFrame(step);
})"""


def line(what, figures, limit):
    text = f"{statistics.median(figures):.1f} ms (at most {max(figures):.1f}, of {len(figures)})"
    print(f"{what:<58} {text}; aim: {limit} ms")


def measure(chromium):
    with Serve() as serve:
        page = chromium.new_page()
        views = []
        for _ in range(RUNS):
            page.goto(serve.url + "/")
            views.append(page.evaluate(FIRST_VIEW))
        line("first view", views, 100)

    fields = {"fields": [{"key": f"field-{number}", "type": "text"} for number in range(20)]}
    file = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / "desk-handoff-figures.json"
    file.write_text(json.dumps(fields))
    with Serve("--fields", str(file)) as serve:
        page = chromium.new_page()
        page.goto(serve.url + "/page/try")
        context = {f"field-{number}": f"value {number}" for number in range(50)}
        page.locator("#body-text").fill(json.dumps(handoff("c-1", context), indent=2))
        page.locator("#result tr").nth(50).wait_for()
        line("outcomes after a keystroke, 50 keys and 20 fields", [page.evaluate(KEYSTROKE) for _ in range(RUNS)], 50)
    file.unlink()

    with Serve() as serve:
        for number in range(1000):
            serve.hand_over(handoff(f"c-{number}", {"order-id": f"A-{number}"}))
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(serve.url + "/?all=1")
        page.locator("#rows tr").nth(999).wait_for()
        line("longest frame while 1,000 handoffs are scrolled", [page.evaluate(SCROLL) for _ in range(3)], 50)


def pictures(chromium, folder):
    folder.mkdir(parents=True, exist_ok=True)
    with Serve() as serve:
        page = chromium.new_page(viewport={"width": 1000, "height": 600}, color_scheme="light")
        for number, context in enumerate([{"order-id": "A-1", "cart-items": 3}, {"orderId": "A-2", "order-id": "A-7"}]):
            serve.hand_over(handoff(f"264{7 + number}", context))
        serve.hand_over(handoff("2647", {"phone_number": "+1 555 0100", "membership-tier": "gold", "summary": "Wants a refund."}))
        page.goto(serve.url + "/")
        page.locator("#rows .badge", has_text="updated").wait_for()
        page.screenshot(path=folder / "handoffs.png")
        page.goto(serve.url + "/page/handoffs/3")
        page.locator("#part-keys table").wait_for()
        page.screenshot(path=folder / "handoff.png")


# What the program's colours look like on a dark terminal.
COLOURS = {
    "1": "font-weight:bold", "31": "color:#ff8f8f", "32": "color:#8fe3a5", "36": "color:#8fd3ff",
    "38;5;9": "color:#ff8f8f", "38;5;10": "color:#8fe3a5", "38;5;3": "color:#f3d27f",
}


def terminal(chromium, folder):
    """`run` as a terminal shows it."""
    environment = {**os.environ, "COLUMNS": "104"}
    command = [HANDOFF, "--color", "always", "run", "events/handoff.json"]
    text = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout
    spans, is_open = "", False
    for part in re.split(r"(\x1b\[[0-9;]*m)", "$ cargo handoff run events/handoff.json\n" + text):
        if not part.startswith("\x1b"):
            spans += html.escape(part)
            continue
        spans, is_open = spans + ("</span>" if is_open else ""), False
        codes = [part[2:-1]] if part[2:-1] in COLOURS else part[2:-1].split(";")
        styles = [COLOURS[code] for code in codes if code in COLOURS]
        if styles:
            spans, is_open = spans + f'<span style="{";".join(styles)}">', True
    page = chromium.new_page(viewport={"width": 940, "height": 400})
    page.set_content(f'<pre style="background:#10151d;color:#e7ecf3;font:14px/1.35 monospace;padding:16px;margin:0">{spans}</pre>')
    page.locator("pre").screenshot(path=folder / "terminal.png")


def main(arguments):
    program, more = browser.find()
    with sync_playwright() as playwright:
        options = {"executable_path": program, "args": ["--no-sandbox"], "env": {**os.environ, **more}}
        chromium = playwright.chromium.launch(**options)
        if arguments:
            pictures(chromium, pathlib.Path(arguments[0]))
            terminal(chromium, pathlib.Path(arguments[0]))
        else:
            measure(chromium)
        chromium.close()


main(sys.argv[1:])
