"""Every operation of the OpenAPI document, with requests that it allows and requests that it does not."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

# Schemathesis looks for its hooks among the modules of the working folder and of PYTHONPATH.
HERE = Path(__file__).parent
EXAMPLES = "5"
MOST_SECONDS = 900


def scoped_key(url: str, master: str) -> str:
    request = urllib.request.Request(
        f"{url}/v1/keys",
        json.dumps({"name": "schemathesis", "scopes": "generate,read"}).encode(),
        {"authorization": f"Bearer {master}", "content-type": "application/json"},
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)["key"]


def check(url: str, key: str, folder: Path) -> None:
    """Lets `st run` try every operation of the document with all of its checks. What it finds is shown."""
    run = subprocess.run(
        [
            Path(sys.executable).with_name("st"),
            "run",
            f"{url}/openapi.json",
            f"--header=Authorization: Bearer {key}",
            "--checks=all",
            "--generation-deterministic",
            f"--max-examples={EXAMPLES}",
            "--no-shrink",
            "--continue-on-failure",
            "--no-color",
        ],
        cwd=folder,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_exceptions", "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
    )
    print(run.stdout, run.stderr)
    assert run.returncode == 0


@pytest.mark.call("every operation, with the key of an application", client="st run")
def test_nothing_is_found_with_a_scoped_key(url: str, key: str, tmp_path: Path) -> None:
    check(url, scoped_key(url, key), tmp_path)


@pytest.mark.call("every operation, with the master key", client="st run")
def test_nothing_is_found_with_the_master_key(url: str, key: str, tmp_path: Path) -> None:
    check(url, key, tmp_path)
