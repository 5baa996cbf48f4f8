"""LlamaIndex's drawing tool, unmodified. It knows DALL·E alone, and always sends `quality: standard` and `style: vivid`."""

import httpx
import openai
import pytest
from llama_index.tools.openai.image_generation.base import OpenAIImageGenerationToolSpec
from PIL import Image

CLIENT = "OpenAIImageGenerationToolSpec"


@pytest.fixture
def tool(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path):
    # It takes no address.
    monkeypatch.setenv("OPENAI_BASE_URL", f"{url}/v1")
    return lambda key: OpenAIImageGenerationToolSpec(api_key=key, cache_dir=str(tmp_path))


@pytest.mark.call("`image_generation` with a lax key")
@pytest.mark.parametrize("more", [{}, {"model": "dall-e-2"}, {"quality": "hd", "size": "1792x1024", "style": "natural"}])
def test_generate(tool, lax_key, more):
    link = tool(lax_key).image_generation("a red fox", **more)
    assert httpx.get(link).content.startswith(b"\x89PNG")


@pytest.mark.call("`image_generation(download=True)` with a lax key")
def test_download(tool, lax_key):
    (path,) = tool(lax_key).image_generation("a red fox", download=True)
    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("PNG", (1024, 1024))


@pytest.mark.call("as a tool of an agent, with a lax key")
def test_tool(tool, lax_key):
    (function,) = tool(lax_key).to_tool_list()
    assert httpx.get(function.call(text="a red fox").raw_output).content.startswith(b"\x89PNG")


def test_strict_key(tool, key):
    with pytest.raises(openai.BadRequestError) as refusal:
        tool(key).image_generation("a red fox")
    assert refusal.value.param in ("quality", "style")


@pytest.mark.call("a wrong key")
def test_wrong_key(tool):
    with pytest.raises(openai.AuthenticationError):
        tool("sk_live_wrong").image_generation("a red fox")
