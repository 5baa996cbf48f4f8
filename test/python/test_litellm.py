"""LiteLLM's SDK and Router, unmodified, with the gateway as an OpenAI-compatible server."""

import base64

import litellm
import pytest

CLIENT = "litellm"

litellm.suppress_debug_info = True


@pytest.fixture
def server(url: str, key: str) -> dict[str, str]:
    return {"api_base": f"{url}/v1", "api_key": key}


def png(result) -> bytes:
    data = base64.b64decode(result.data[0].b64_json)
    assert data.startswith(b"\x89PNG")
    return data


@pytest.mark.call("`image_generation`")
def test_generate(server):
    png(litellm.image_generation(model="openai/mock/paint", prompt="a red fox", size="256x256", **server))


@pytest.mark.call("`image_edit`")
def test_edit(server, tmp_path):
    picture = tmp_path / "fox.png"
    picture.write_bytes(png(litellm.image_generation(model="openai/mock/paint", prompt="a red fox", size="256x256", **server)))
    with picture.open("rb") as image:
        png(litellm.image_edit(model="openai/mock/paint", prompt="a moon", image=image, **server))


@pytest.mark.call("`image_generation`, refused by a filter")
def test_moderation(server):
    with pytest.raises(litellm.ContentPolicyViolationError):
        litellm.image_generation(model="openai/mock/paint", prompt="x [mock fail=content_rejected]", num_retries=0, **server)


@pytest.mark.call("a wrong key")
def test_wrong_key(server):
    with pytest.raises(litellm.AuthenticationError):
        litellm.image_generation(model="openai/mock/paint", prompt="a red fox", num_retries=0, **{**server, "api_key": "sk_live_wrong"})


@pytest.mark.call("`image_generation`", client="Router")
def test_router(server):
    router = litellm.Router(model_list=[{"model_name": "paint", "litellm_params": {"model": "openai/mock/paint", **server}}], num_retries=0)
    png(router.image_generation(model="paint", prompt="a red fox", size="256x256"))
