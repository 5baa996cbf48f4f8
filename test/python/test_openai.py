"""openai-python, unmodified, with its own strict validation of every answer."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import openai
import pytest

CLIENT = "OpenAI"
REFUSED = "Your request was rejected as a result of the safety system"
EXAMPLE = Path(__file__).parents[2] / "examples/python-app/app.py"
HAS_VIDEOS = int(openai.__version__.split(".")[0]) >= 2


@pytest.fixture
def client(url: str, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0, _strict_response_validation=True)


@pytest.fixture
def azure(url: str, key: str) -> openai.AzureOpenAI:
    return openai.AzureOpenAI(
        azure_endpoint=url, api_key=key, api_version="2025-04-01-preview", max_retries=0, _strict_response_validation=True
    )


def png(result) -> bytes:
    data = base64.b64decode(result.data[0].b64_json)
    assert data.startswith(b"\x89PNG")
    return data


@pytest.mark.call("`images.generate`")
@pytest.mark.parametrize("more", [{}, {"size": "256x256"}, {"quality": "low", "background": "opaque", "n": 2}])
def test_generate(client, more):
    result = client.images.generate(model="mock/paint", prompt="a red fox", **more)
    png(result)
    assert len(result.data) == more.get("n", 1)
    assert "auto" not in (result.quality, result.background, result.size)


@pytest.mark.call("`images.edit`")
def test_edit(client):
    picture = png(client.images.generate(model="mock/paint", prompt="a red fox", size="256x256"))
    png(client.images.edit(model="mock/paint", prompt="a moon", image=("fox.png", picture, "image/png")))


@pytest.mark.call("`images.generate(stream=True)`")
def test_stream(client):
    stream = client.images.generate(model="mock/paint", prompt="a red fox", size="1024x1024", stream=True, partial_images=2)
    assert [event.type.split(".")[1] for event in stream] == ["partial_image", "partial_image", "completed"]


@pytest.mark.call("`models.list`, `models.retrieve`")
def test_models(client):
    assert any(model.id == "mock/paint" for model in client.models.list())
    assert client.models.retrieve("mock/paint").id == "mock/paint"


@pytest.mark.call("`images.generate`, refused by a filter")
def test_moderation(client):
    with pytest.raises(openai.BadRequestError) as refusal:
        client.images.generate(model="mock/paint", prompt="x [mock fail=content_rejected]")
    assert refusal.value.code == "moderation_blocked"
    assert refusal.value.type == "invalid_request_error"
    assert refusal.value.body["message"].startswith(REFUSED)


@pytest.mark.call("a wrong key, a wrong model")
def test_errors(client, url):
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="sk_live_wrong").images.generate(model="mock/paint", prompt="a red fox")
    with pytest.raises(openai.NotFoundError) as missing:
        client.images.generate(model="mock/pain", prompt="a red fox")
    assert missing.value.code == "model_not_found"


@pytest.mark.call("the cost, in headers")
def test_cost(client):
    answer = client.images.with_raw_response.generate(model="mock/priced-paint", prompt="a red fox", quality="high", size="1024x1024")
    assert answer.headers["x-litellm-response-cost"] == answer.headers["x-litegen-cost"] == "0.167"


if HAS_VIDEOS:

    @pytest.mark.call("`videos.create_and_poll`, `list`, `download_content`, `delete`")
    def test_video(client):
        video = client.videos.create_and_poll(model="mock/clip", prompt="a red fox runs", seconds="1", size="1280x720", poll_interval_ms=100)
        assert (video.status, video.size) == ("completed", "1280x720")
        assert any(listed.id == video.id for listed in client.videos.list(limit=5))
        assert client.videos.download_content(video.id).read()[4:8] == b"ftyp"
        assert client.videos.delete(video.id).deleted

    def test_example(url, key, tmp_path):
        env = {**os.environ, "LITEGEN_URL": url, "LITEGEN_KEY": key}
        app = subprocess.run([sys.executable, EXAMPLE], cwd=tmp_path, env=env, capture_output=True, text=True)
        assert (app.returncode, app.stdout) == (0, "fox.png\nclip.mp4\n"), app.stderr
        assert (tmp_path / "fox.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "clip.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.mark.call("`images.generate`, `images.edit`", client="AzureOpenAI")
def test_azure(azure):
    picture = png(azure.images.generate(model="mock/paint", prompt="a red fox", size="256x256"))
    png(azure.images.edit(model="mock/paint", prompt="a moon", image=("fox.png", picture, "image/png")))


@pytest.mark.call("`images.generate` with a deployment", client="AzureOpenAI")
def test_azure_deployment(url, key):
    azure = openai.AzureOpenAI(azure_endpoint=url, azure_deployment="mock/paint", api_key=key, api_version="2024-02-01", max_retries=0)
    png(azure.images.generate(model="gpt-image-1", prompt="a red fox"))
