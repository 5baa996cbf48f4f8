"""What every suite shares: where the gateway is, and which client's which call came to what."""

import json
import os
import urllib.request
from importlib.metadata import version

import pytest

PACKAGE = os.environ["LITEGEN_CLIENT"]
URL = os.environ["LITEGEN_URL"]
KEY = os.environ["LITEGEN_KEY"]
rows: list[dict[str, str]] = []


@pytest.fixture
def url() -> str:
    return URL


@pytest.fixture
def key() -> str:
    return KEY


@pytest.fixture(scope="session")
def lax_key() -> str:
    """For clients that always send what not every model takes, and cannot say so."""
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    body = json.dumps({"name": "lax", "strict": False}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{URL}/v1/keys", body, headers)) as answer:
        return json.load(answer)["key"]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "call(name, client=CLIENT of the module): the client's call that the test makes, for the table of results")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = (yield).get_result()
    mark = item.get_closest_marker("call")
    if report.when != "call" or mark is None:
        return
    client = mark.kwargs.get("client") or getattr(item.module, "CLIENT", None)
    of = "" if client is None else f"`{client}` of "
    rows.append({"client": f"{of}{PACKAGE} {version(PACKAGE)}", "call": mark.args[0], "result": "works" if report.passed else "fails"})


def pytest_sessionfinish(session: pytest.Session) -> None:
    # What cannot even be collected counts as failed.
    passed = max(0, session.testscollected - session.testsfailed)
    with open(os.environ["LITEGEN_RESULTS"], "w", encoding="utf-8") as file:
        json.dump({"passed": passed, "failed": session.testsfailed, "rows": rows}, file)
