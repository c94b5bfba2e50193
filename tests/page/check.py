"""The local page of `serve` in a real browser (`make page`), as a person uses it.

Every test has a server and a browser context of its own. In all of them no error may be on the console, and no request may go
to another host. It ends with the count. Run it with the Python of .venv/page after `cargo build --package desk-handoff-cli`;
names of tests as arguments choose some.
"""

import http.server
import json
import os
import pathlib
import re
import sys
import tempfile
import threading
import time
import traceback

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

import browser
from server import Serve, handoff

SECONDS = 10
VIEWS = ["/", "/page/try", "/page/desk", "/page/tour"]
NEVER_SHOWN = ["emulator-desk-token", "emulator-chat-token", "local-only-signing-secret", "local-only-bearer-token"]
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}

expect.set_options(timeout=SECONDS * 1000)


class Test:
    """What a test is given."""

    def __init__(self, chromium, serve, **options):
        self.serve = serve
        self.context = chromium.new_context(viewport={"width": 1280, "height": 900}, **options)
        self.errors, self.strangers = [], []
        self.context.on("request", self.requested)
        self.context.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.context.on("weberror", lambda error: self.errors.append(str(error.error)))
        self.page = self.context.new_page()

    def requested(self, request):
        if not request.url.startswith(self.serve.url) and not request.url.startswith(("about:", "blob:", "data:")):
            self.strangers.append(request.url)

    def open(self, path="/"):
        self.page.goto(self.serve.url + path)
        return self.page

    def press(self, name, within=None):
        (within or self.page).get_by_role("button", name=name, exact=True).first.click()

    def said(self, text):
        expect(self.page.locator("#said")).to_contain_text(text)

    def state(self, conversation, state):
        """The row of this conversation shows this state."""
        row = self.page.locator("#rows tr", has=self.page.get_by_role("link", name=conversation, exact=True)).first
        expect(row.locator(".badge")).to_contain_text(state)
        return row


# The tour.


def the_tour_ends_well(test):
    page = test.open("/page/tour")
    steps = [
        ("Hand over", "1", "was created; 2 of 2 facts are on it"),
        ("Hand over with orderNumber", "2", "reached no field (outcome invalid-key)"),
        ("Add the alias, and hand over again", "2-fix", "is in the field order-id (outcome written)"),
        ("Edit as a human, then hand over", "3", '(outcome kept): ticket 7455128 still says "A-3 (corrected)"'),
        ("Take Desk down, and hand over", "4", "and the handoff is waiting"),
        ("Bring Desk back", "4-up", "Nothing was lost"),
        ("Send it three times at once", "5", "1 ticket"),
    ]
    for button, step, text in steps:
        test.press(button)
        expect(page.locator(f"#step-{step}")).to_contain_text(text)
    assert "orderNumber" not in test.serve.request("GET", "/page/fields")[2], "the alias is taken out again"
    page.locator("#step-3 a").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("conversation tour-3"))
    expect(page.locator("#part-ticket")).to_contain_text("a human agent")
    expect(page.locator("#part-keys")).to_contain_text("overwrite")


def the_tour_needs_no_mouse(test):
    page = test.open("/page/tour")
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Hand over":
            break
    page.keyboard.press("Enter")
    expect(page.locator("#step-1")).to_contain_text("was created")
    assert page.evaluate("document.activeElement.textContent") == "Hand over", "the focus stays"


# The list.


def handoffs_appear_without_a_reload(test):
    page = test.open()
    expect(page.locator("#none")).to_contain_text("No handoff has come yet")
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1"}))
    test.state("c-1", "created")
    expect(page.locator("#none")).to_have_count(0)
    test.said("Handoff of conversation c-1")
    test.serve.hand_over(handoff("c-1", {"cart-items": 2}))
    expect(page.locator("#rows tr")).to_have_count(2)
    test.state("c-1", "updated")


def two_hundred_handoffs_are_live(test):
    page = test.open()
    for number in range(200):
        assert test.serve.hand_over(handoff(f"c-{number}", {"order-id": f"A-{number}"})) == 200
    expect(page.locator("#rows tr")).to_have_count(200)
    expect(page.locator("#rows .badge", has_text="created")).to_have_count(200)
    expect(page.locator("#rows tr").first).to_contain_text("c-199")
    page.reload()
    expect(page.locator("#rows tr")).to_have_count(200)


def filters_stay_in_the_address(test):
    test.serve.hand_over(handoff("good", {"order-id": "A-1"}))
    test.serve.hand_over(handoff("missed", {"no-such-field": "x"}))
    test.serve.request("POST", "/webhooks/handoff", "{}")
    page = test.open()
    test.state("missed", "created")
    page.get_by_role("link", name="with missed keys").click()
    expect(page.locator("#rows tr")).to_have_count(1)
    page.get_by_role("link", name="refused").click()
    expect(page.locator("#rows tr")).to_have_count(1)
    expect(page.locator("#rows")).to_contain_text("refused (401)")
    page.get_by_role("link", name="with missed keys").click()
    expect(page.locator("#live")).to_have_text("Live")
    page.keyboard.press("/")
    page.keyboard.type("good")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("outcome=missed&q=good$"))
    expect(page.locator("#rows tr")).to_have_count(0)
    test.open("/?q=good")
    expect(page.locator("#rows tr")).to_have_count(1)
    test.serve.hand_over(handoff("another", {"order-id": "A-2"}))
    test.serve.hand_over(handoff("good", {"order-id": "A-3"}))
    expect(page.locator("#rows tr")).to_have_count(2)


def keys_lead_through_the_list(test):
    for name in ["c-1", "c-2", "c-3"]:
        test.serve.hand_over(handoff(name, {"order-id": name}))
    page = test.open()
    expect(page.locator("#rows tr")).to_have_count(3)
    expect(page.locator("#live")).to_have_text("Live")
    for key in "jjjkj":
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("conversation c-1")
    # The script has run.
    expect(page.locator("#live")).to_have_text("Live")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Handoff 4")
    expect(page.locator("#live")).to_have_text("Live")
    page.keyboard.press("g")
    page.keyboard.press("d")
    expect(page.get_by_role("heading", level=1)).to_have_text("Desk")
    expect(page.locator("#live")).to_have_text("Live")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def the_page_can_be_read_without_javascript(test):
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1", "orderId": "A-2"}))
    page = test.open()
    page.get_by_role("link", name="c-1", exact=True).click()
    expect(page.locator("#part-keys")).to_contain_text("invalid-key")
    expect(page.locator("#part-ticket")).to_contain_text("A-1")
    page.locator("#part-time summary").first.click()
    expect(page.locator("#part-time pre").first).to_be_visible()
    for view in VIEWS:
        expect(test.open(view).get_by_role("heading", level=1)).to_be_visible()


the_page_can_be_read_without_javascript.options = {"java_script_enabled": False}


# One handoff.


def one_handoff_shows_everything(test):
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1", "orderId": "A-2", "auth-token": "t"}))
    page = test.open()
    test.state("c-1", "created").get_by_role("link").click()
    keys = page.locator("#part-keys")
    for text in ["written", "invalid-key", "denied", "It would match as", "A-2"]:
        expect(keys).to_contain_text(text)
    ticket = page.locator("#part-ticket")
    expect(ticket.locator("tr", has_text="order-id")).to_contain_text("changed by this")
    expect(ticket).to_contain_text("desk-handoff")
    times = page.locator("#part-time")
    for text in ["The queue took the message", "The customer was claimed", "Try 1: done, created"]:
        expect(times).to_contain_text(text)
    call = times.locator("details", has_text="POST /tickets")
    call.locator("summary").click()
    expect(call).to_contain_text('"channelName": "AI handoff c-1"')


def a_handoff_can_be_sent_again(test):
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1"}, event_id="e-1"))
    page = test.open("/page/handoffs/1")
    test.press("Send it again, the same event")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Handoff 2")
    expect(page.locator("#part-facts")).to_contain_text("repeated")
    test.press("Send it again, as another event")
    expect(page.locator("#part-facts")).to_contain_text("unchanged")
    page.get_by_role("link", name="Edit a copy").click()
    expect(page.get_by_label(re.compile("^Body"))).to_have_value(re.compile("c-1"))


def text_never_becomes_markup(test):
    attack = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    test.serve.hand_over(handoff(attack, {attack: attack, "summary": attack}))
    page = test.open()
    expect(page.locator("#rows tr")).to_contain_text("<img src=x")
    for path in ["/page/handoffs/1", "/page/desk", "/page/try?from=1"]:
        test.open(path)
        assert page.locator("main img, main script").count() == 0
    assert "owned" not in page.title()


# The editor.


def outcomes_follow_what_is_typed(test):
    page = test.open("/page/try?sample=tool-call")
    result = page.locator("#result")
    expect(result).to_contain_text("membershipTier")
    expect(result).to_contain_text("invalid-key")
    fields = page.get_by_label("Fields document")
    document = json.loads(fields.input_value())
    document["aliases"]["membershipTier"] = "membership-tier"
    fields.fill(json.dumps(document, indent=2))
    expect(result.locator("tr", has_text="membershipTier")).to_contain_text("written")

    fields.fill('{"fields": [\n  {"key": "Order", "type": "text"}\n]}')
    expect(result).to_contain_text("Line 2, column 4: fields[0].key must be a field key")
    fields.fill('{"deny": [],\n "deny": ["x"]}')
    expect(result).to_contain_text("Line 2, column 2: deny is there twice")
    test.press("Use this fields document")
    test.said("The fields document cannot be used: deny: is there twice")
    page.get_by_label(re.compile("^Body")).fill('{\n  "conversation": oops\n}')
    fields.fill("{}")
    expect(result).to_contain_text("Line 2, column 19: it is not JSON there.")
    test.press("Sign and send")
    test.said("Not sent: the body is not JSON at line 2, column 19.")
    assert test.serve.handoffs() == []


def a_fields_file_is_corrected_with_the_page_alone(test):
    page = test.open("/page/try?sample=sender-sample")
    expect(page.locator("#result")).to_contain_text("phone_number")
    fields = page.get_by_label("Fields document")
    document = json.loads(fields.input_value())
    document["fields"].append({"key": "phone-number", "type": "text"})
    document["aliases"]["phone_number"] = "phone-number"
    fields.fill(json.dumps(document))
    expect(page.locator("#result tr", has_text="phone_number")).to_contain_text("written")
    with page.expect_download() as download:
        page.get_by_role("link", name="Use and save this fields document").click()
    saved = json.loads(pathlib.Path(download.value.path()).read_text())
    assert saved == document and download.value.suggested_filename == "fields.json"

    test.press("Sign and send")
    expect(page.locator("#part-ticket")).to_contain_text("phone-number")


def buttons_put_keys_right(test):
    page = test.open("/page/try?sample=sender-sample")
    rows = lambda key: page.locator("#result tr", has=page.get_by_role("rowheader", name=key, exact=True))
    test.press("Add this alias", rows("membershipTier"))
    expect(rows("membershipTier")).not_to_contain_text("invalid-key")
    test.press("Add the field and the alias", rows("phone_number"))
    expect(rows("phone_number")).to_contain_text("written")
    test.press("Never send it", rows("user_segment"))
    expect(rows("user_segment")).to_contain_text("denied")
    test.press("Use this fields document")
    test.said("This fields document holds from now on.")
    document = json.loads(test.serve.request("GET", "/page/fields")[2])
    assert {"key": "phone-number", "type": "text"} in document["fields"]
    assert document["aliases"]["phone_number"] == "phone-number" and "user_segment" in document["deny"]


def a_bare_context_can_be_sent(test):
    page = test.open("/page/try")
    page.get_by_label(re.compile("^Body")).fill('{"order-id": "A-1", "password": "hunter2-canary"}')
    page.get_by_label("of conversation").fill("c-9")
    test.press("Sign and send")
    expect(page.get_by_role("heading", level=1)).to_contain_text("conversation c-9")
    keys = page.locator("#part-keys")
    expect(keys.locator("tr", has_text="password")).to_contain_text("(hidden)")
    expect(page.locator("#part-ticket")).to_contain_text("A-1")


def sending_uses_the_fields_that_are_shown(test):
    page = test.open("/page/try?sample=tool-call")
    fields = page.get_by_label("Fields document")
    document = json.loads(fields.input_value())
    document["aliases"]["membershipTier"] = "membership-tier"
    fields.fill(json.dumps(document))
    test.press("Sign and send")
    expect(page.locator("#part-keys tr", has_text="membershipTier")).to_contain_text("written")


def every_way_of_sending_is_there(test):
    for way, answer in [("preview", "200"), ("tool call", "201"), ("webhook", "200")]:
        page = test.open("/page/try?sample=tool-call-channel")
        select = page.get_by_label("Send it")
        select.select_option(select.locator("option", has_text=way).get_attribute("value"))
        test.press("Sign and send")
        expect(page.locator("#part-facts")).to_contain_text(f"answered{answer}")
    assert [one["route"] for one in test.serve.handoffs()] == ["webhook", "handoffs", "preview"]


# Desk's side.


def faults_delay_and_lose_nothing(test):
    page = test.open("/page/desk")
    kinds = page.get_by_label("What", exact=True).locator("option").evaluate_all("all => all.map(one => one.value)")
    assert len(kinds) == 10
    for number, kind in enumerate(kinds):
        test.open("/page/desk")
        page.get_by_label("What", exact=True).select_option(kind)
        test.press("Let it go wrong")
        expect(page.locator("#active-faults li")).to_have_count(1)
        test.serve.hand_over(handoff(f"c-{number}", {"order-id": kind}))
        for _ in range(40):
            if test.serve.handoffs()[0]["state"] == "created" or test.serve.handoffs()[0]["ticket"]:
                break
            test.serve_hurry()
            time.sleep(0.25)
        newest = test.serve.handoffs()[0]
        assert newest["ticket"], (kind, newest["state"])
        # It struck once, and is over.
        expect(page.locator("#no-fault")).to_be_visible()
    tickets = page.locator("details.ticket summary")
    expect(tickets).to_have_count(10)


def what_a_human_does_is_respected(test):
    send = lambda value: test.serve.hand_over(handoff("c-1", {"order-id": value}), "/handoffs")
    assert send("A-1") == 201
    page = test.open("/page/desk")
    ticket = page.locator("details.ticket").first
    ticket.get_by_label("value").fill("mine")
    test.press("Write the field", ticket)
    test.said("A human wrote the field order-id of ticket 7455126.")
    expect(ticket.locator("tr", has_text="order-id")).to_contain_text("a human agent")
    other = test.context.new_page()
    other.goto(test.serve.url + "/page/handoffs/1")
    expect(other.locator("#part-ticket tr", has_text="order-id")).to_contain_text("changed since")
    other.close()
    assert send("A-2") == 200
    assert test.serve.handoffs()[0]["report"]["fields"][0]["outcome"] == "kept"

    ticket.get_by_label("priority").select_option("URGENT")
    test.press("Set the priority", ticket)
    test.said("priority of ticket 7455126 to URGENT")
    ticket.get_by_label("team").select_option("vip")
    test.press("Give it to the team", ticket)
    test.said("to another team")
    test.press("Write as the customer", ticket)
    test.said("The customer wrote")
    test.press("Take it", ticket)
    expect(ticket.locator("summary")).to_contain_text("ACTIVE")
    test.press("Close it", ticket)
    expect(ticket.locator("summary")).to_contain_text("CLOSED")
    assert send("A-3") == 201
    expect(page.locator("details.ticket")).to_have_count(2)
    test.open("/page/desk")
    closed = page.locator("#ticket-7455126")
    closed.locator("summary").click()
    test.press("Open it again", closed)
    expect(closed.locator("summary")).to_contain_text("PENDING")


def desk_may_make_a_ticket_itself(test):
    page = test.open("/page/desk")
    page.get_by_role("textbox", name="customer").fill("user-c-1")
    page.get_by_role("textbox", name="channel").fill("c-channel")
    test.press("Make it")
    test.said("Desk made ticket 7455126 itself.")
    body = {"conversation_id": "1", "channel_url": "c-channel", "user_id": "user-c-1", "order-id": "A-1"}
    assert test.serve.hand_over(body, "/handoffs") == 200
    test.open("/page/handoffs/1")
    expect(page.locator("#part-facts")).to_contain_text("updated")
    expect(page.locator("#part-ticket")).to_contain_text("A ticket that Desk made itself")


def a_refused_token_is_replaced(test):
    page = test.open("/page/desk")
    test.press("Let Desk refuse the token")
    test.said("Desk refuses the token that is stored")
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1"}))
    expect(page.locator("#queue-counts")).to_contain_text("1 waiting")
    test.press("Store a token that Desk takes")
    test.said("A token that Desk takes is stored")
    test.press("Try what waits now")
    expect(page.locator("#queue-counts")).to_contain_text("0 waiting")
    expect(page.locator("details.ticket")).to_have_count(1)


def dead_letters_are_redriven(test):
    page = test.open("/page/desk")
    page.get_by_label("What", exact=True).select_option("refused")
    page.get_by_label("How often").select_option("")
    test.press("Let it go wrong")
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1"}))
    for _ in range(100):
        if test.serve.handoffs()[0]["state"] == "dead letter":
            break
        test.serve_hurry()
        time.sleep(0.05)
    expect(page.locator("#queue-counts")).to_contain_text("0 waiting, 1 dead letter.")
    test.press("Let all go well again")
    test.press("Redrive the dead letters")
    expect(page.locator("#queue-counts")).to_contain_text("0 waiting, 0 dead letters.")
    expect(page.locator("details.ticket")).to_have_count(1)
    test.open("/page/handoffs/1")
    expect(page.locator("#part-time")).to_contain_text("The dead letter went back to the queue.")


def an_outage_shows_the_queue(test):
    page = test.open("/page/desk")
    test.press("Desk down for a minute")
    test.said("Desk cannot be reached for 60 seconds")
    assert test.serve.hand_over(handoff("c-1", {"order-id": "A-1"})) == 200
    expect(page.locator("#part-queue li")).to_contain_text("next try at")
    test.press("Let all go well again")
    expect(page.locator("#part-tickets")).to_contain_text("AI handoff c-1")


def every_switch_can_be_set(test):
    page = test.open("/page/desk")
    page.locator("#all-switches summary").click()
    switches = page.locator(".switches select")
    names = switches.evaluate_all("all => all.map(one => one.name)")
    assert len(names) > 25
    wanted = {}
    for name in names:
        select = page.locator(f"#switch-{name}")
        wanted[name] = select.locator("option").last.get_attribute("value")
        select.select_option(wanted[name])
    page.locator(".switches button").click()
    test.said("The embedded Desk does it so from now on.")
    test.open("/page/desk")
    for name in names:
        expect(page.locator(f"#switch-{name}")).to_have_value(wanted[name])
    assert test.serve.hand_over(handoff("c-1", {"order-id": "A-1"})) == 200


def the_active_profile_is_shown(test):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "profile.json"
        file.write_text('{"version": 1, "settings": {"unknown_key": "refuse", "create_status": 200}}')
        with Serve("--profile", str(file)) as serve:
            page = test.page
            page.goto(serve.url + "/page/desk")
            expect(page.locator("#profile")).to_contain_text("profile.json")
            expect(page.locator("#switch-unknown_key")).to_have_value("refuse")
            expect(page.locator("#switch-create_status")).to_have_value("200")
            page.goto("about:blank")
    # They went to the server of this test.
    test.strangers.clear()


def the_fields_file_is_read_again(test):
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "fields.json"
        file.write_text('{"fields": [{"key": "first", "type": "text"}]}')
        with Serve("--fields", str(file)) as serve:
            time.sleep(1.1)
            file.write_text('{"fields": [{"key": "second", "type": "text"}]}')
            until(lambda: "second" in serve.request("GET", "/page/fields")[2])
            serve.hand_over(handoff("c-1", {"second": "x"}), "/handoffs")
            assert serve.handoffs()[0]["report"]["fields"][0]["outcome"] == "written"


# For all readers.


def no_view_has_an_axe_violation(test):
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1", "orderId": "A-2", "auth-token": "t", "x": "y" * 300}))
    axe = Axe()
    page, found = test.open(), []
    for scheme in ["light", "dark"]:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for width in [360, 1280]:
            page.set_viewport_size({"width": width, "height": 900})
            for view in [*VIEWS, "/page/handoffs/1", "/page/try?sample=wrong-types", "/?q=nothing"]:
                test.open(view)
                page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
                results = axe.run(page, options=WCAG)
                found += [(view, scheme, width, one["id"], one["nodes"][0]["html"]) for one in results.response["violations"]]
    assert found == [], found


def no_view_is_wider_than_the_window(test):
    test.serve.hand_over(handoff("c" * 80, {"order-id": "A" * 180, "x" * 300: "y"}))
    page = test.open()
    for width in [360, 768, 2560]:
        page.set_viewport_size({"width": width, "height": 900})
        for view in [*VIEWS, "/page/handoffs/1"]:
            test.open(view)
            wide = page.evaluate("document.scrollingElement.scrollWidth")
            assert wide <= width, (view, width, wide)


def every_control_has_a_visible_focus(test):
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1"}))
    page = test.open("/page/handoffs/1")
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        name, outline = page.evaluate("""() => {
            const style = getComputedStyle(document.activeElement);
            return [document.activeElement.outerHTML.slice(0, 60), style.outlineStyle + style.outlineWidth];
        }""")
        seen.add(name)
        if name.startswith("<body"):
            break
        assert outline == "solid3px", (name, outline)
    assert len(seen) > 10


# Safe.


class Foreign(http.server.BaseHTTPRequestHandler):
    """A page of somebody else's, that tries to do something at the address in its query."""

    PAGE = b"""<!doctype html><title>trying</title><body><script>
      const to = decodeURIComponent(location.search.slice(1)), json = {"content-type": "application/json"};
      const body = JSON.stringify({route: "webhook", body: '{"conversation":{"id":"1","user_id":"u"},"context":{}}'});
      const tries = [
        fetch(to + "/page/send", {method: "POST", mode: "no-cors", body}),
        fetch(to + "/page/send", {method: "POST", headers: json, body}),
        fetch(to + "/page/desk/faults/all", {method: "DELETE", headers: json, body: "{}"}),
        fetch(to + "/page/fields", {method: "PUT", headers: json, body: '{"fields": "{}"}'}),
        fetch(to + "/page/handoffs").then((answer) => answer.text()),
      ];
      const stream = new Promise((seen) => {
        const source = new EventSource(to + "/page/events");
        source.onmessage = () => seen("read"); source.onerror = () => seen("refused");
      });
      const form = document.createElement("form");
      form.method = "post"; form.action = to + "/page/send"; form.target = "frame";
      const frame = document.createElement("iframe"); frame.name = "frame";
      document.body.append(frame, form); form.submit();
      Promise.allSettled([...tries, stream]).then((all) => {
        document.title = all.map((one) => one.status === "fulfilled" ? String(one.value?.type ?? one.value) : "refused").join(",");
      });
    </script>"""

    def do_GET(self):
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(self.PAGE)

    def log_message(self, *_):
        pass


def a_page_of_another_origin_can_do_nothing(test):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Foreign)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = test.page
    before = test.serve.request("GET", "/page/fields")[2]
    page.goto(f"http://localhost:{server.server_port}/?{test.serve.url}")
    expect(page).not_to_have_title("trying")
    assert page.title() == ",".join(["refused"] * 6), page.title()
    time.sleep(0.3)
    assert test.serve.handoffs() == []
    assert test.serve.request("GET", "/page/fields")[2] == before
    server.shutdown()
    # That is what the browser says of it.
    test.errors.clear()
    test.strangers.clear()


def another_host_or_a_missing_token_is_refused(test):
    serve = test.serve
    token = re.search('name="page-token" content="([0-9a-f]{32})"', serve.request("GET", "/")[2])[1]
    body = json.dumps({"route": "preview", "body": json.dumps(handoff("c-1", {}))})
    good = {"content-type": "application/json", "x-page-token": token}
    for path in ["/", "/page/about", "/page/events", "/page/page.js", "/page/handoffs"]:
        status, headers, _ = serve.request("GET", path, headers={"host": "rebound.example"})
        assert status == 421, path
        assert "default-src 'none'" in headers["content-security-policy"]
    changes = [
        ({**good, "host": "rebound.example"}, 421),
        ({**good, "origin": "http://evil.example"}, 403),
        ({**good, "origin": "null"}, 403),
        ({**good, "sec-fetch-site": "cross-site"}, 403),
        ({"content-type": "application/json"}, 403),
        ({**good, "x-page-token": "0" * 32}, 403),
        ({**good, "content-type": "application/x-www-form-urlencoded"}, 415),
        ({**good, "content-type": "text/plain"}, 415),
    ]
    for headers, status in changes:
        assert serve.request("POST", "/page/send", body, headers)[0] == status, headers
    for path in ["/%70age/send", "/page%2Fsend", "/page//send", "/PAGE/send"]:
        assert serve.request("POST", path, body, {})[0] in (404, 405), path
    assert serve.handoffs() == []
    assert serve.request("POST", "/page/send", body, good)[0] == 200


def the_embedded_desk_answers_to_its_own_name_alone(test):
    desk = re.search(r"Desk is a simulated one[^<]*at <code>http://([0-9.:]+)/", test.serve.request("GET", "/")[2])[1]
    connection = __import__("http.client").client.HTTPConnection(desk, timeout=10)
    for host, status in [("rebound.example", 421), (desk, 200)]:
        headers = {"host": host, "SENDBIRDDESKAPITOKEN": "emulator-desk-token"}
        connection.request("GET", "/platform/v1/tickets", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status, host


def no_secret_reaches_the_page(test):
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1"}))
    until(lambda: test.serve.handoffs()[0]["ticket"])
    for path in [*VIEWS, "/page/handoffs/1", "/page/handoffs", "/page/rows", "/page/about", "/page/page.js"]:
        text = test.serve.request("GET", path)[2]
        for secret in NEVER_SHOWN:
            assert secret not in text, (path, secret)


def many_tabs_share_one_stream(test):
    tabs = [test.page] + [test.context.new_page() for _ in range(9)]
    for tab in tabs:
        tab.goto(test.serve.url + "/")
        expect(tab.locator("#live")).to_have_text("Live")
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1"}))
    for tab in tabs:
        expect(tab.locator("#rows tr")).to_have_count(1)
    tabs[0].close()
    test.serve.hand_over(handoff("c-2", {"order-id": "A-2"}))
    for tab in tabs[1:]:
        expect(tab.locator("#rows tr")).to_have_count(2)


def an_open_page_does_not_delay_the_end(test):
    page = test.open()
    test.serve.hand_over(handoff("c-1", {"order-id": "A-1"}))
    test.state("c-1", "created")
    assert test.serve.interrupt(5) == 0
    expect(page.locator("#live")).to_have_text("Not connected")
    # A server that is gone is an error on the console.
    test.errors.clear()


def until(is_so):
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)


def hurry(test):
    """What waits comes now, as the button has it."""
    token = re.search('name="page-token" content="([0-9a-f]{32})"', test.serve.request("GET", "/")[2])[1]
    headers = {"content-type": "application/json", "x-page-token": token}
    assert test.serve.request("POST", "/page/queue", '{"act": "hurry"}', headers)[0] == 200


Test.serve_hurry = hurry

HELPERS = {"until", "hurry"}
TESTS = [one for name, one in list(globals().items())
         if callable(one) and getattr(one, "__module__", "") == "__main__" and not isinstance(one, type) and name not in HELPERS]


def main(names):
    program, more = browser.find()
    chosen = [test for test in TESTS if not names or test.__name__ in names]
    failed = []
    with sync_playwright() as playwright:
        options = {"executable_path": program, "args": ["--no-sandbox"], "env": {**os.environ, **more}}
        chromium = playwright.chromium.launch(**options)
        for one in chosen:
            began = time.monotonic()
            try:
                with Serve() as serve:
                    test = Test(chromium, serve, **getattr(one, "options", {}))
                    one(test)
                    test.context.close()
                    assert test.errors == [], f"on the console: {test.errors}"
                    assert test.strangers == [], f"requests to others: {test.strangers}"
            except Exception as error:
                failed.append(one.__name__)
                frames = traceback.extract_tb(error.__traceback__)
                line = next((frame.lineno for frame in frames if frame.name == one.__name__), "its end")
                print(f"page {one.__name__}: FAILED at line {line}\n{str(error)[:2000]}")
            else:
                print(f"page {one.__name__}: ok ({time.monotonic() - began:.1f} s)")
        chromium.close()
    print(f"page: {len(chosen) - len(failed)} of {len(chosen)} tests passed")
    sys.exit(1 if failed or not chosen else 0)


main(sys.argv[1:])
