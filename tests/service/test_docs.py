"""The documentation of the API in a real browser: all from here, nothing inline, requests that work."""

import httpx
import pytest
from browsing import foreign
from stand_in_tasks import START

pytest.importorskip("playwright", reason="playwright is not installed")
from playwright.sync_api import expect


def test_it_shows_every_operation_and_sends_requests(start, browser):
    server = start()
    complaints = []
    page = browser.new_page()
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if foreign(asked.url, server.url) else None)
    page.goto(server.url + "docs")
    paths = httpx.get(server.url + "v1/openapi.json").json()["paths"]
    operations = [path for path in paths.values() for method in path if method in ("get", "post", "delete")]
    assert len(operations) > 10
    expect(page.locator(".opblock")).to_have_count(len(operations), timeout=60_000)
    expect(page.locator(".authorize").first).to_be_visible()
    page.click("#operations-pictures-verify button.opblock-summary-control")
    file = {"name": "a.png", "mimeType": "image/png", "buffer": START}
    page.set_input_files("#operations-pictures-verify input[type=file]", file)
    page.click("#operations-pictures-verify button.execute")
    expect(page.locator(".live-responses-table .response .response-col_status").first).to_have_text(
        "200", timeout=60_000
    )
    page.close()
    assert complaints == []


def test_its_policy_allows_pictures_in_the_style_sheet_and_nothing_more(start):
    server = start()
    policy = httpx.get(server.url + "docs").headers["content-security-policy"]
    of_all = httpx.get(server.url).headers["content-security-policy"]
    assert policy == of_all.replace("img-src 'self' blob:", "img-src 'self' data:")
    assert "script-src 'self';" in policy and "unsafe" not in policy
