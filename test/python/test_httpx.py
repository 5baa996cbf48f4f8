"""LiteGen's Python dialect: what its SDK puts on the wire with httpx, and what it reads from the answers."""

import base64
import json
import time
from collections.abc import Iterator

import httpx
import pytest

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
LONGEST_VIDEO_SECONDS = 60
# One of those that OpenAI's SDK takes in its strict lists, which the other suites read from the same gateway.
VIDEO_SIZE = "1280x720"


@pytest.fixture
def http(url: str, key: str) -> Iterator[httpx.Client]:
    # The SDK names JSON as its content type on every request, also on those without a body.
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    with httpx.Client(base_url=url, headers=headers, timeout=60.0) as client:
        yield client


def read(response: httpx.Response):
    """The SDK takes a body for JSON only when its type begins so."""
    assert response.headers["content-type"].startswith("application/json")
    assert response.status_code < 400, response.text
    return response.json()


def refusal(response: httpx.Response, status: int) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"].startswith("application/json")
    error = response.json()["error"]
    assert all(isinstance(error[field], str) for field in ("type", "code", "message"))
    return error


def until_ended(http: httpx.Client, id: str) -> dict:
    deadline = time.monotonic() + LONGEST_VIDEO_SECONDS
    while time.monotonic() < deadline:
        video = read(http.get(f"/v1/videos/{id}"))
        if video["status"] in ("completed", "failed", "cancelled"):
            return video
        assert video["status"] in ("pending", "processing")
        time.sleep(0.1)
    raise AssertionError(f"{id} did not end")


@pytest.mark.call("LiteGen’s `images.generate`")
def test_image(http):
    fields = {"model": "mock/paint", "prompt": "a red fox", "size": "256x256", "seed": 7, "response_format": "b64_json", "strict": True, "metadata": {"order": "7"}}
    answer = read(http.post("/v1/images/generations", json=fields))
    assert (answer["model"], answer["provider"]) == ("mock/paint", "mock")
    assert set(answer["usage"]) >= {"cost_usd", "tokens", "cost_source"}
    assert answer["id"].startswith("litegen-img-") and isinstance(answer["created"], int)
    [picture] = answer["data"]
    assert (picture["index"], picture["content_type"]) == (0, "image/png")
    assert base64.b64decode(picture["b64_json"]).startswith(b"\x89PNG")


@pytest.mark.call("LiteGen’s `images.generate` with `reference_images`")
@pytest.mark.parametrize("value", [base64.b64encode(PNG).decode(), f"data:image/png;base64,{base64.b64encode(PNG).decode()}"])
def test_reference(http, value):
    fields = {"model": "mock/paint", "prompt": "a moon", "size": "256x256", "reference_images": [{"type": "base64", "value": value, "role": "init"}]}
    assert read(http.post("/v1/images/generations", json=fields))["data"]


@pytest.mark.call("LiteGen’s form: a `request` part and files")
def test_form(url, key):
    fields = {"model": "mock/paint", "prompt": "a moon", "size": "256x256", "reference_images": [{"type": "blob", "value": "fox"}]}
    form = {"data": {"request": json.dumps(fields)}, "files": {"fox": ("fox.png", PNG, "image/png")}}
    assert read(httpx.post(f"{url}/v1/images/generations", headers={"authorization": f"Bearer {key}"}, **form))["data"]


@pytest.mark.call("LiteGen’s lax mode: `strict: false`")
def test_lax(http):
    answer = http.post("/v1/images/generations", json={"model": "mock/paint", "prompt": "a red fox", "size": "256x256", "style": "vivid", "strict": False})
    assert read(answer)["data"]
    assert answer.headers["x-litegen-dropped-params"] == "style"


@pytest.mark.call("LiteGen’s `images.estimate_cost`, `videos.estimate_cost`")
def test_cost(http):
    for path, model in [("images", "mock/priced-paint"), ("videos", "mock/priced-clip")]:
        cost = read(http.post(f"/v1/{path}/cost", json={"model": model, "prompt": "a red fox"}))
        assert set(cost) >= {"base_cost_usd", "markup_usd", "total_cost_usd", "tokens_required", "cost_source"}


@pytest.mark.call("LiteGen’s `videos.generate`, `get_status`")
def test_video(http):
    fields = {"model": "mock/clip", "prompt": "a red fox runs", "duration_seconds": 1.0, "size": VIDEO_SIZE}
    submitted = read(http.post("/v1/videos/generations", json=fields))
    assert submitted["id"].startswith("litegen-vid-") and submitted["status"] in ("pending", "processing", "completed")
    video = until_ended(http, submitted["id"])
    assert (video["status"], video["progress"]) == ("completed", 100)
    assert httpx.get(video["video_url"]).content[4:8] == b"ftyp"


@pytest.mark.call("LiteGen’s `videos.generate`, refused by a filter while it runs")
def test_failed_video(http):
    fields = {"model": "mock/clip", "prompt": "x [mock fail=content_rejected at=run latency=200ms]", "duration_seconds": 1, "size": VIDEO_SIZE}
    video = until_ended(http, read(http.post("/v1/videos/generations", json=fields))["id"])
    assert video["status"] == "failed" and isinstance(video["error"], str)


@pytest.mark.call("LiteGen’s `models.list`, `models.get`, `providers.list`")
def test_models(http):
    listed = read(http.get("/v1/models"))["data"]
    assert any(model["id"] == "mock/paint" and model["media_type"] == "image" for model in listed)
    # The SDK leaves the slash as it is.
    assert read(http.get("/v1/models/mock/paint"))["display_name"]
    assert any(provider["name"] == "mock" for provider in read(http.get("/v1/providers")))


@pytest.mark.call("LiteGen’s `keys.create`, `list`, `revoke`")
def test_keys(http, url):
    created = http.post("/v1/keys", json={"name": "python"})
    assert created.status_code == 201
    key = read(created)
    assert key["key"].startswith("sk_live_")
    assert httpx.post(f"{url}/v1/images/generations", headers={"authorization": key["key"]}, json={"model": "mock/paint", "prompt": "a red fox"}).status_code == 200
    assert any(listed["id"] == key["id"] for listed in read(http.get("/v1/keys"))["data"])
    assert read(http.delete(f"/v1/keys/{key['id']}")) == {"revoked": True}


@pytest.mark.call("LiteGen’s `health`, `stats.get`, `logs.list`, `cache.clear`")
def test_operations(http):
    assert read(http.get("/health/live")) == {"status": "alive"}
    assert read(http.get("/health"))["status"] == "healthy"
    assert set(read(http.get("/v1/stats"))) >= {"total_requests", "total_cost_usd", "models_used", "latency_percentiles"}
    assert set(read(http.get("/v1/logs", params={"page": 1, "per_page": 5}))) >= {"data", "total", "page", "per_page", "total_pages"}
    assert read(http.delete("/v1/cache")) == {"cleared": True}


@pytest.mark.call("LiteGen’s errors")
def test_errors(http):
    error = refusal(http.post("/v1/images/generations", json={"model": "mock/paint", "prompt": "a red fox", "style": "vivid"}), 400)
    assert (error["type"], error["code"], error["param"]) == ("validation_error", "param_unsupported", "style")
    assert refusal(http.post("/v1/images/generations", json={"model": "mock/pain", "prompt": "a red fox"}), 404)["code"] == "model_not_found"
    assert refusal(http.get("/v1/videos/litegen-vid-nothing"), 404)["code"]
    wrong = {"authorization": "Bearer sk_live_wrong"}
    assert refusal(http.get("/v1/models", headers=wrong), 401)["code"] == "invalid_api_key"
